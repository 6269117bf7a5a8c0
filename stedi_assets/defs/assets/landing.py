"""The landing zone: every record as it arrived, typed by the contract."""

from stedi_assets.defs.assets.table_asset import table_asset
from stedi_assets.query import Query


@table_asset(deps=["customer_files"])
def customer_landing() -> Query:
    """Every customer record."""
    return Query("SELECT * FROM customer_files")


@table_asset(deps=["accelerometer_files"])
def accelerometer_landing() -> Query:
    """Every phone reading."""
    return Query("SELECT * FROM accelerometer_files")


@table_asset(deps=["step_trainer_files"])
def step_trainer_landing() -> Query:
    """Every device reading."""
    return Query("SELECT * FROM step_trainer_files")
