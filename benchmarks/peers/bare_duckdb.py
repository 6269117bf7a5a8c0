"""The eight tables as eight COPY statements of DuckDB: no orchestration, no checks, plain Parquet.

Usage: python bare_duckdb.py LANDING_ROOT OUTPUT_FOLDER
"""

import sys
from pathlib import Path

import duckdb

LANDING_COLUMNS = {
    "customer": {
        "customerName": "VARCHAR",
        "email": "VARCHAR",
        "phone": "VARCHAR",
        "birthDay": "VARCHAR",
        "serialNumber": "VARCHAR",
        "registrationDate": "BIGINT",
        "lastUpdateDate": "BIGINT",
        "shareWithResearchAsOfDate": "BIGINT",
        "shareWithPublicAsOfDate": "BIGINT",
        "shareWithFriendsAsOfDate": "BIGINT",
    },
    "accelerometer": {
        "user": "VARCHAR",
        "timestamp": "BIGINT",
        "x": "DOUBLE",
        "y": "DOUBLE",
        "z": "DOUBLE",
    },
    "step_trainer": {
        "sensorReadingTime": "BIGINT",
        "serialNumber": "VARCHAR",
        "distanceFromObject": "BIGINT",
    },
}

QUERIES = {
    "customer_landing": "SELECT * FROM customer_files",
    "accelerometer_landing": "SELECT * FROM accelerometer_files",
    "step_trainer_landing": "SELECT * FROM step_trainer_files",
    "customer_trusted": """
        SELECT *
        FROM customer_landing
        WHERE shareWithResearchAsOfDate <> 0
    """,
    "accelerometer_trusted": """
        SELECT *
        FROM accelerometer_landing
        WHERE "user" IN (SELECT email FROM customer_trusted)
    """,
    "customer_curated": """
        SELECT *
        FROM customer_trusted
        WHERE email IN (SELECT "user" FROM accelerometer_trusted)
    """,
    "step_trainer_trusted": """
        SELECT *
        FROM step_trainer_landing
        WHERE serialNumber IN (SELECT serialNumber FROM customer_curated)
    """,
    "machine_learning_curated": """
        SELECT
            device.sensorReadingTime,
            device.serialNumber,
            device.distanceFromObject,
            phone."timestamp",
            phone.x,
            phone.y,
            phone.z
        FROM step_trainer_trusted AS device
        INNER JOIN accelerometer_trusted AS phone ON phone."timestamp" = device.sensorReadingTime
    """,
}


def build_tables(landing: Path, output: Path) -> None:
    """Write the tables as Parquet files, each read by the queries that follow it."""
    output.mkdir(parents=True, exist_ok=True)
    # The order of the rows means nothing; keeping it would take four times the memory.
    connection = duckdb.connect(config={"preserve_insertion_order": False})
    for source, columns in LANDING_COLUMNS.items():
        files = str(landing / source / "landing" / "*.json")
        connection.read_json(files, columns=columns, format="newline_delimited").create_view(f"{source}_files")
    for table, query in QUERIES.items():
        file = output / f"{table}.parquet"
        connection.execute(f"COPY ({query}) TO '{file}' (FORMAT parquet)")
        connection.read_parquet(str(file)).create_view(table)


if __name__ == "__main__":
    build_tables(Path(sys.argv[1]), Path(sys.argv[2]))
