"""This project's tables, built in this one process without Dagster: what its storage costs.

python -m benchmarks.build_tables LANDING_ROOT LAKEHOUSE
"""

import sys

import duckdb

from stedi_assets.assets import TABLE_ASSETS
from stedi_assets.engines.duckdb.engine import DuckDBEngine
from stedi_assets.lakehouse import Lakehouse
from stedi_assets.pseudonyms import Pseudonyms
from stedi_assets.storage.location import Location
from stedi_assets.tables import SOURCES, TABLES

COURSE_TABLES = frozenset(table for table in TABLES if table != "machine_learning_pseudonymized")
"""What the scripts build that this is compared with."""


def build_tables(landing: str, root: str) -> None:
    """Builds the tables of the course, each read by the queries that follow it.

    Args:
        landing: The landing root.
        root: The folder that holds the tables.
    """
    sources = {source.landing: source for source in SOURCES.values()}
    with duckdb.connect() as connection:
        where = Location.parse(root)
        engine = DuckDBEngine(connection, where.aws, Pseudonyms())
        lakehouse = Lakehouse(where, Location.parse(landing), engine)
        for asset in TABLE_ASSETS:
            if asset.name not in COURSE_TABLES:
                continue
            if asset.name in sources:
                lakehouse.land(sources[asset.name], asset.query, "benchmark", full_refresh=False)
            else:
                lakehouse.store(asset.name, asset.query, "benchmark")


if __name__ == "__main__":
    build_tables(*sys.argv[1:])
