"""The libraries that ask a store, each made to ask it alone."""

import duckdb

from stedi_assets.engines.duckdb.engine import DuckDBEngine
from stedi_assets.query import Query
from stedi_assets.storage.delta import open_table
from stedi_assets.storage.location import Location
from stedi_assets.storage.s3 import split_path


def with_boto3(root: Location) -> None:
    """Writes an object."""
    assert root.aws
    # It may have kept the connection on which it asked for the region.
    root.aws.bucket(split_path(root.path)[0]).s3.close()
    root.files.write(f"{root}/object", b"content")


def with_duckdb(root: Location) -> None:
    """Writes a Parquet file."""
    with duckdb.connect() as connection:
        DuckDBEngine(connection, root.aws).write(Query("SELECT 1 AS one"), root / "table")


def with_delta_rs(root: Location) -> None:
    """Looks for a table that is not there."""
    assert open_table(root / "no-table") is None


LIBRARIES = [with_boto3, with_duckdb, with_delta_rs]
