"""The eight tables as PySpark data frames on one machine: no orchestration, no checks, plain Parquet.

Usage: python pyspark_script.py LANDING_ROOT OUTPUT_FOLDER
"""

# This package is only installed in the environment of the benchmark.
# pyright: reportMissingImports=false

import sys
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession

LANDING_SCHEMAS = {
    "customer": (
        "customerName STRING, email STRING, phone STRING, birthDay STRING, serialNumber STRING, "
        "registrationDate BIGINT, lastUpdateDate BIGINT, shareWithResearchAsOfDate BIGINT, "
        "shareWithPublicAsOfDate BIGINT, shareWithFriendsAsOfDate BIGINT"
    ),
    "accelerometer": "user STRING, timestamp BIGINT, x DOUBLE, y DOUBLE, z DOUBLE",
    "step_trainer": "sensorReadingTime BIGINT, serialNumber STRING, distanceFromObject BIGINT",
}


def start_session() -> SparkSession:
    """Start Spark in this machine's cores, with shuffles cut for one machine instead of a cluster."""
    return (
        SparkSession.builder.master("local[*]")
        .appName("stedi")
        .config("spark.driver.memory", "4g")
        .config("spark.sql.shuffle.partitions", "4")
        .config("spark.ui.enabled", "false")
        .getOrCreate()
    )


def build_tables(spark: SparkSession, landing: Path, output: Path) -> None:
    """Write the tables as folders of Parquet files, each read by the queries that follow it."""

    def read_landing(source: str) -> DataFrame:
        return spark.read.schema(LANDING_SCHEMAS[source]).json(f"{landing}/{source}/landing")

    def store(table: str, frame: DataFrame) -> DataFrame:
        folder = f"{output}/{table}"
        frame.write.mode("overwrite").parquet(folder)
        return spark.read.schema(frame.schema).parquet(folder)

    customer_landing = store("customer_landing", read_landing("customer"))
    accelerometer_landing = store("accelerometer_landing", read_landing("accelerometer"))
    step_trainer_landing = store("step_trainer_landing", read_landing("step_trainer"))
    customer_trusted = store("customer_trusted", customer_landing.where("shareWithResearchAsOfDate <> 0"))
    accelerometer_trusted = store(
        "accelerometer_trusted",
        accelerometer_landing.join(customer_trusted, accelerometer_landing.user == customer_trusted.email, "left_semi"),
    )
    customer_curated = store(
        "customer_curated",
        customer_trusted.join(accelerometer_trusted, customer_trusted.email == accelerometer_trusted.user, "left_semi"),
    )
    step_trainer_trusted = store(
        "step_trainer_trusted",
        step_trainer_landing.join(customer_curated, "serialNumber", "left_semi").select(step_trainer_landing.columns),
    )
    store(
        "machine_learning_curated",
        step_trainer_trusted.join(
            accelerometer_trusted.drop("user"),
            step_trainer_trusted.sensorReadingTime == accelerometer_trusted.timestamp,
        ),
    )


if __name__ == "__main__":
    session = start_session()
    build_tables(session, Path(sys.argv[1]), Path(sys.argv[2]))
    session.stop()
