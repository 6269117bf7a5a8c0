"""Engines without Dagster; Spark is imported only where it is asked for."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from stedi_assets.engines.duckdb.engine import DuckDBEngine
from stedi_assets.engines.engine import Engine
from stedi_assets.privacy.pseudonyms import Pseudonyms
from stedi_assets.query import Query
from stedi_assets.storage.aws import Aws

if TYPE_CHECKING:
    from stedi_assets.engines.spark.session import Session

KEY = bytes(range(32))
"""Under which tables that tests build have their pseudonyms."""

SPARK_ON_FEW_ROWS = {
    "spark.sql.shuffle.partitions": "1",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.adaptive.enabled": "false",
}
"""What makes Spark start on a query sooner, where there is little to compute."""

JAVA_FOR_FEW_ROWS = "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m -XX:+UseSerialGC"
"""What makes Java compile soon rather than well, and collect garbage without threads of their own."""


class RecordingEngine(DuckDBEngine):
    """DuckDB, which notes the statements whose rows are asked for.

    Attributes:
        computed: The statements, in their order.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        super().__init__(connection)
        self.computed: list[str] = []

    def rows(self, query: Query) -> list[dict[str, Any]]:
        self.computed.append(query.sql)
        return super().rows(query)


@contextmanager
def spark_started() -> "Iterator[Session]":
    """Starts Spark; whatever else asks for a session runs beside this one, on the same application."""
    from stedi_assets.engines.spark.jars import s3_jars
    from stedi_assets.engines.spark.session import Session

    with Session(jars=str(s3_jars()[0].parent)) as shared:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SPARK_SUBMIT_OPTS", JAVA_FOR_FEW_ROWS)
            shared.spark.range(1).count()
        yield shared


@contextmanager
def duckdb_engine(aws: Aws | None) -> Iterator[Engine]:
    with duckdb.connect() as connection:
        yield DuckDBEngine(connection, aws, Pseudonyms(KEY))


@contextmanager
def spark_engine(aws: Aws | None) -> Iterator[Engine]:
    from stedi_assets.engines.spark.engine import SparkEngine
    from stedi_assets.engines.spark.session import Session

    with Session(conf=SPARK_ON_FEW_ROWS, aws=aws) as session:
        yield SparkEngine(session, Pseudonyms(KEY))


OPENED = {"duckdb": duckdb_engine, "spark": spark_engine}
