"""The curated zone: what data scientists work with."""

from stedi_assets.assets.table_asset import table_asset
from stedi_assets.query import Query


@table_asset(deps=["customer_trusted", "accelerometer_trusted"])
def customer_curated() -> Query:
    """Those customers who have phone readings."""
    return Query("""
        SELECT customer.*
        FROM customer_trusted AS customer
        WHERE customer.email IN (SELECT reading.user FROM accelerometer_trusted AS reading)
    """)


@table_asset(deps=["step_trainer_trusted", "accelerometer_trusted"])
def machine_learning_curated() -> Query:
    """Each device reading with each phone reading of the same instant."""
    return Query("""
        SELECT
            device.sensorReadingTime,
            device.serialNumber,
            device.distanceFromObject,
            phone.timestamp,
            phone.x,
            phone.y,
            phone.z
        FROM step_trainer_trusted AS device
        INNER JOIN accelerometer_trusted AS phone ON phone.timestamp = device.sensorReadingTime
    """)
