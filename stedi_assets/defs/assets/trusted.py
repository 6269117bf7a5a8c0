"""The trusted zone: only records of customers who share their data with research.

The queries use `IN (SELECT …)` rather than a join, because a customer record that arrived twice would duplicate the
readings.
"""

from stedi_assets.defs.assets.table_asset import table_asset
from stedi_assets.query import Query


@table_asset(deps=["customer_landing"])
def customer_trusted() -> Query:
    """Customers who share their data with research and have not withdrawn; a blank consent is a null or a 0."""
    return Query("""
        SELECT
            customer.customerName,
            customer.email,
            customer.phone,
            customer.birthDay,
            customer.serialNumber,
            customer.registrationDate,
            customer.lastUpdateDate,
            customer.shareWithResearchAsOfDate,
            customer.shareWithPublicAsOfDate,
            customer.shareWithFriendsAsOfDate
        FROM customer_landing AS customer
        WHERE customer.shareWithResearchAsOfDate <> 0
            AND NOT EXISTS (
                SELECT refusal.email
                FROM customer_landing AS refusal
                WHERE refusal.email = customer.email
                    AND coalesce(refusal.lastUpdateDate, 0) >= coalesce(customer.lastUpdateDate, 0)
                    AND coalesce(refusal.shareWithResearchAsOfDate, 0) = 0
            )
    """)


@table_asset(deps=["accelerometer_landing", "customer_trusted"])
def accelerometer_trusted() -> Query:
    """Phone readings of trusted customers."""
    return Query("""
        SELECT reading.user, reading.timestamp, reading.x, reading.y, reading.z
        FROM accelerometer_landing AS reading
        WHERE reading.user IN (SELECT customer.email FROM customer_trusted AS customer)
    """)


@table_asset(deps=["step_trainer_landing", "customer_curated"])
def step_trainer_trusted() -> Query:
    """Device readings of curated customers."""
    return Query("""
        SELECT reading.sensorReadingTime, reading.serialNumber, reading.distanceFromObject
        FROM step_trainer_landing AS reading
        WHERE reading.serialNumber IN (SELECT customer.serialNumber FROM customer_curated AS customer)
    """)
