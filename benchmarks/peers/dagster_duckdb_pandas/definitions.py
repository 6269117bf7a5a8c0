"""The eight tables as pandas assets in dagster-duckdb-pandas's own I/O manager: orchestration, no checks.

Usage: STEDI_LANDING=LANDING_ROOT STEDI_LAKEHOUSE=OUTPUT_FOLDER dagster asset materialize --select '*' -f definitions.py
"""

# These packages are only installed in the environment of the benchmark; without them this folder is taken for theirs.
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false

import os
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
from dagster_duckdb_pandas import DuckDBPandasIOManager

LANDING_TYPES: dict[str, dict[Hashable, Any]] = {
    "customer": {
        "customerName": "string",
        "email": "string",
        "phone": "string",
        "birthDay": "string",
        "serialNumber": "string",
        "registrationDate": "Int64",
        "lastUpdateDate": "Int64",
        "shareWithResearchAsOfDate": "Int64",
        "shareWithPublicAsOfDate": "Int64",
        "shareWithFriendsAsOfDate": "Int64",
    },
    "accelerometer": {
        "user": "string",
        "timestamp": "int64",
        "x": "float64",
        "y": "float64",
        "z": "float64",
    },
    "step_trainer": {
        "sensorReadingTime": "int64",
        "serialNumber": "string",
        "distanceFromObject": "int64",
    },
}


def read_landing(source: str) -> pd.DataFrame:
    """Read every landing file of a source as one data frame."""
    types = LANDING_TYPES[source]
    files = sorted(Path(os.environ["STEDI_LANDING"], source, "landing").glob("*.json"))
    frames = [pd.read_json(file, lines=True, dtype=types, convert_dates=False) for file in files]
    return pd.concat(frames, ignore_index=True)


@dg.asset
def customer_landing() -> pd.DataFrame:
    """Every customer record."""
    return read_landing("customer")


@dg.asset
def accelerometer_landing() -> pd.DataFrame:
    """Every phone reading."""
    return read_landing("accelerometer")


@dg.asset
def step_trainer_landing() -> pd.DataFrame:
    """Every device reading."""
    return read_landing("step_trainer")


@dg.asset
def customer_trusted(customer_landing: pd.DataFrame) -> pd.DataFrame:
    """Customers who share their data with research."""
    return customer_landing.loc[customer_landing["shareWithResearchAsOfDate"].fillna(0) != 0]


@dg.asset
def accelerometer_trusted(accelerometer_landing: pd.DataFrame, customer_trusted: pd.DataFrame) -> pd.DataFrame:
    """Phone readings of those customers."""
    return accelerometer_landing.loc[accelerometer_landing["user"].isin(customer_trusted["email"])]


@dg.asset
def customer_curated(customer_trusted: pd.DataFrame, accelerometer_trusted: pd.DataFrame) -> pd.DataFrame:
    """Those of them who have phone readings."""
    return customer_trusted.loc[customer_trusted["email"].isin(accelerometer_trusted["user"])]


@dg.asset
def step_trainer_trusted(step_trainer_landing: pd.DataFrame, customer_curated: pd.DataFrame) -> pd.DataFrame:
    """Device readings of curated customers."""
    return step_trainer_landing.loc[step_trainer_landing["serialNumber"].isin(customer_curated["serialNumber"])]


@dg.asset
def machine_learning_curated(step_trainer_trusted: pd.DataFrame, accelerometer_trusted: pd.DataFrame) -> pd.DataFrame:
    """Each trusted device reading with each trusted phone reading of the same instant."""
    return step_trainer_trusted.merge(
        accelerometer_trusted.drop(columns="user"), left_on="sensorReadingTime", right_on="timestamp"
    )


definitions = dg.Definitions(
    assets=[
        customer_landing,
        accelerometer_landing,
        step_trainer_landing,
        customer_trusted,
        accelerometer_trusted,
        customer_curated,
        step_trainer_trusted,
        machine_learning_curated,
    ],
    resources={"io_manager": DuckDBPandasIOManager(database=f"{os.environ['STEDI_LAKEHOUSE']}/stedi.duckdb")},
    # The I/O manager keeps all tables in one database file, which only one process can write at a time.
    executor=dg.in_process_executor,
)
