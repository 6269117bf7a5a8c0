"""Landing folders on Spark, with a twin on DuckDB."""

from collections.abc import Iterator
from contextlib import closing

import duckdb
import pytest

from stedi_assets.engines.duckdb.engine import DuckDBEngine
from stedi_assets.engines.engine import Engine
from stedi_assets.engines.spark import landing
from stedi_assets.engines.spark.engine import SparkEngine
from stedi_assets.engines.spark.session import Session
from stedi_assets.privacy.pseudonyms import Pseudonyms
from stedi_assets_tests.support.places import Place
from stedi_assets_tests.support.projects import Project
from stedi_assets_tests.support.shore import Shore


@pytest.fixture(autouse=True)
def every_file_of_lines_is_split(monkeypatch: pytest.MonkeyPatch) -> None:
    """However small."""
    monkeypatch.setattr(landing, "SMALL_BYTES", 0)


@pytest.fixture
def spark_engine(spark: Session) -> Iterator[Engine]:
    with Session() as own:
        yield SparkEngine(own, Pseudonyms(b"k" * 32))


@pytest.fixture
def duckdb_engine() -> Iterator[Engine]:
    with duckdb.connect() as connection:
        yield DuckDBEngine(connection)


@pytest.fixture
def shore(local_place: Place, spark_engine: Engine) -> Iterator[Shore]:
    with closing(Shore(local_place, spark_engine)) as opened:
        yield opened


@pytest.fixture
def twin(local_place: Place, duckdb_engine: Engine) -> Iterator[Shore]:
    """The same landing folder, with tables of its own, on DuckDB."""
    with closing(Shore(local_place, duckdb_engine, tables="lakehouse of the twin")) as opened:
        yield opened


@pytest.fixture
def empty_project(local_place: Place, spark: Session) -> Project:
    """A project that Spark builds, without a landing file."""
    return Project.at(local_place, "spark")
