"""The eight tables as lazy Polars queries with streaming sinks: no orchestration, no checks, plain Parquet.

Usage: python polars_script.py LANDING_ROOT OUTPUT_FOLDER
"""

# This package is only installed in the environment of the benchmark.
# pyright: reportMissingImports=false

import sys
from pathlib import Path

import polars as pl

LANDING_SCHEMAS = {
    "customer": pl.Schema(
        {
            "customerName": pl.String,
            "email": pl.String,
            "phone": pl.String,
            "birthDay": pl.String,
            "serialNumber": pl.String,
            "registrationDate": pl.Int64,
            "lastUpdateDate": pl.Int64,
            "shareWithResearchAsOfDate": pl.Int64,
            "shareWithPublicAsOfDate": pl.Int64,
            "shareWithFriendsAsOfDate": pl.Int64,
        }
    ),
    "accelerometer": pl.Schema(
        {
            "user": pl.String,
            "timestamp": pl.Int64,
            "x": pl.Float64,
            "y": pl.Float64,
            "z": pl.Float64,
        }
    ),
    "step_trainer": pl.Schema(
        {
            "sensorReadingTime": pl.Int64,
            "serialNumber": pl.String,
            "distanceFromObject": pl.Int64,
        }
    ),
}


def build_tables(landing: Path, output: Path) -> None:
    """Write the tables as Parquet files, each read by the queries that follow it."""
    output.mkdir(parents=True, exist_ok=True)

    def read_landing(source: str) -> pl.LazyFrame:
        return pl.scan_ndjson(landing / source / "landing" / "*.json", schema=LANDING_SCHEMAS[source])

    def store(table: str, frame: pl.LazyFrame) -> pl.LazyFrame:
        file = output / f"{table}.parquet"
        frame.sink_parquet(file)
        return pl.scan_parquet(file)

    customer_landing = store("customer_landing", read_landing("customer"))
    accelerometer_landing = store("accelerometer_landing", read_landing("accelerometer"))
    step_trainer_landing = store("step_trainer_landing", read_landing("step_trainer"))
    customer_trusted = store("customer_trusted", customer_landing.filter(pl.col("shareWithResearchAsOfDate") != 0))
    accelerometer_trusted = store(
        "accelerometer_trusted",
        accelerometer_landing.join(customer_trusted, left_on="user", right_on="email", how="semi"),
    )
    customer_curated = store(
        "customer_curated",
        customer_trusted.join(accelerometer_trusted, left_on="email", right_on="user", how="semi"),
    )
    step_trainer_trusted = store(
        "step_trainer_trusted",
        step_trainer_landing.join(customer_curated, on="serialNumber", how="semi"),
    )
    store(
        "machine_learning_curated",
        step_trainer_trusted.join(
            accelerometer_trusted.drop("user"),
            left_on="sensorReadingTime",
            right_on="timestamp",
            coalesce=False,
        ),
    )


if __name__ == "__main__":
    build_tables(Path(sys.argv[1]), Path(sys.argv[2]))
