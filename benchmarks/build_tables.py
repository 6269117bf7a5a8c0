"""This project's tables, built in this one process without Dagster: what its storage costs.

python -m benchmarks.build_tables LANDING_ROOT LAKEHOUSE [ENGINE]
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from stedi_assets.contract import SOURCES, TABLES
from stedi_assets.defs.assets import TABLE_ASSETS
from stedi_assets.engines.duckdb.engine import DuckDBEngine
from stedi_assets.engines.engine import Engine
from stedi_assets.lakehouse.build import Builder
from stedi_assets.lakehouse.lakehouse import Lakehouse
from stedi_assets.lakehouse.land import land
from stedi_assets.privacy.pseudonyms import Pseudonyms
from stedi_assets.storage.aws import Aws
from stedi_assets.storage.location import Location

COURSE_TABLES = frozenset(table for table in TABLES if table != "machine_learning_pseudonymized")
"""What the scripts build that this is compared with."""


@contextmanager
def duckdb_engine(aws: Aws | None, pseudonyms: Pseudonyms) -> Iterator[Engine]:
    """Opens DuckDB."""
    with duckdb.connect() as connection:
        yield DuckDBEngine(connection, aws, pseudonyms)


@contextmanager
def spark_engine(aws: Aws | None, pseudonyms: Pseudonyms) -> Iterator[Engine]:
    """Opens Spark on this machine."""
    # Imported here: its import would count for DuckDB too.
    from stedi_assets.engines.spark.engine import SparkEngine
    from stedi_assets.engines.spark.session import Session

    with Session(aws=aws) as session:
        yield SparkEngine(session, pseudonyms)


OPENED = {"duckdb": duckdb_engine, "spark": spark_engine}


def build_tables(landing: str, root: str, engine: str = "duckdb") -> None:
    """Builds the tables of the course, each read by the queries that follow it.

    Args:
        landing: The landing root.
        root: The folder that holds the tables.
        engine: What computes them, duckdb or spark.
    """
    sources = {source.landing: source for source in SOURCES.values()}
    where = Location.parse(root)
    with OPENED[engine](where.aws, Pseudonyms()) as opened:
        lakehouse = Lakehouse(where, Location.parse(landing, where.aws), opened)
        builder = Builder(lakehouse)
        for asset in TABLE_ASSETS:
            if asset.name not in COURSE_TABLES:
                continue
            if asset.name in sources:
                land(builder, sources[asset.name], asset.query, {}, "benchmark", full_refresh=False)
            else:
                builder.build(asset.name, asset.query, (), "benchmark", full_refresh=False)


if __name__ == "__main__":
    build_tables(*sys.argv[1:])
