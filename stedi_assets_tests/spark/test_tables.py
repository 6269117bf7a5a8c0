"""Tables on Spark: the rows that DuckDB gives, in workers that have nothing but Spark."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import dagster
import pyarrow as pa
import pyspark.sql
import pytest

from stedi_assets.engines.spark.engine import SparkEngine
from stedi_assets.engines.spark.session import Session
from stedi_assets.privacy.pseudonyms import Pseudonyms
from stedi_assets.query import Query
from stedi_assets_tests.support.places import Place
from stedi_assets_tests.support.projects import Project
from stedi_assets_tests.support.raw_files import reading_record
from stedi_assets_tests.support.records import EXPECTED_COUNTS, phone_reading
from stedi_assets_tests.support.shore import Shore


def test_the_tables_have_the_rows_that_duckdb_gives(project: Project) -> None:
    twin = replace(project, lakehouse=project.lakehouse.parent / "twin", engine="duckdb")
    for built in (project, twin):
        assert built.materialize(pseudonym_key="00" * 32).success
    counts = project.counts()
    assert {table: counts[table] for table in EXPECTED_COUNTS} == EXPECTED_COUNTS
    for table in EXPECTED_COUNTS:
        assert project.rows(table) == twin.rows(table)


def test_tables_need_the_oldest_protocol_and_their_log_tells_no_text(project: Project) -> None:
    assert project.materialize("accelerometer_landing").success
    table = project.delta("accelerometer_landing")
    assert (table.protocol().min_reader_version, table.protocol().min_writer_version) == (1, 2)
    assert all(field.nullable for field in table.schema().fields)
    actions = pa.table(table.get_add_actions(flatten=True)).to_pylist()
    assert max(action["max.timestamp"] for action in actions) == 300
    assert {action["null_count.user"] for action in actions} == {0}
    assert not any(action.get(f"{bound}.user") for action in actions for bound in ("min", "max"))


@pytest.mark.parametrize(("first", "second"), [("spark", "duckdb"), ("duckdb", "spark")])
def test_one_engine_reads_and_replaces_what_the_other_wrote(project: Project, first: str, second: str) -> None:
    one, other = replace(project, engine=first), replace(project, engine=second)
    assert one.materialize().success
    one.land("accelerometer", "accelerometer-3.json", [phone_reading("eve", 300)])
    (one.landing / "accelerometer/landing/accelerometer-1.json").unlink()
    assert other.materialize("accelerometer_landing", "accelerometer_trusted", "customer_curated").success
    assert one.materialize("step_trainer_trusted", "machine_learning_curated").success
    assert one.rows("accelerometer_trusted") == {("eve@example.com", 300, 0.0, -1.0, 0.5): 1}
    assert [row[1] for row in one.rows("customer_curated")] == ["eve@example.com"]
    assert other.materialize("machine_learning_curated").success


def test_a_spark_asset_and_a_duckdb_asset_stand_in_one_graph(project: Project) -> None:
    @dagster.asset(io_manager_key="duckdb_io_manager")
    def on_duckdb() -> Query:
        return Query("SELECT email, serialNumber FROM customer_landing")

    loaded = dagster.AssetIn(input_manager_key="spark_io_manager")

    @dagster.asset(io_manager_key="spark_io_manager", ins={"on_duckdb": loaded})
    def on_spark(on_duckdb: pyspark.sql.DataFrame) -> pyspark.sql.DataFrame:
        return on_duckdb.where("email LIKE 'a%'")

    assert project.materialize("customer_landing").success
    assert dagster.materialize([on_duckdb, on_spark], resources=project.definitions().resources).success
    assert project.rows("on_spark") == {("ada@example.com", "serial-ada"): 1}


@pytest.fixture
def bare_python(tmp_path: Path) -> Path:
    """A Python that has pyarrow and pandas, which Spark asks for, but neither this package nor what else it needs."""
    libraries = tmp_path / "libraries"
    libraries.mkdir()
    for module in ("pyarrow", "pandas", "numpy", "dateutil", "six"):
        file = Path(str(__import__(module).__file__))
        for path in (
            file if file.parent.name == "site-packages" else file.parent,
            file.parent.parent / f"{module}.libs",
        ):
            if path.exists():
                (libraries / path.name).symlink_to(path)
    program = tmp_path / "python"
    base = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"
    program.write_text(f'#!/bin/sh\ncd /\nPYTHONPATH="$PYTHONPATH:{libraries}" exec {base} -S "$@"\n')
    program.chmod(0o755)
    return program


def test_workers_without_this_package_read_landing_files_and_make_pseudonyms(
    local_place: Place, spark: Session, bare_python: Path
) -> None:
    for module in ("stedi_assets", "deltalake", "click", "dagster"):
        assert subprocess.run([bare_python, "-c", f"import {module}"], check=False, capture_output=True).returncode == 1
    with Session(conf={"spark.sql.execution.pyspark.python": str(bare_python)}) as bare:
        shore = Shore(local_place, SparkEngine(bare, Pseudonyms(b"k" * 32)))
        shore.put("a.json", reading_record(1) + b"\n")
        shore.put("b.json", reading_record(2) + reading_record(3) + b"garbage")
        shore.put("c.json.gz", reading_record(4))
        shore.land()
        assert shore.rows("accelerometer_landing").total() == 4
        assert shore.quarantined().total() == 1
        (row,) = shore.lakehouse.rows(
            "SELECT pseudonym('ada') AS known, pseudonym(NULL) AS unknown FROM accelerometer_quarantine"
        )
    assert row == {"known": Pseudonyms(b"k" * 32)("ada"), "unknown": None}


def test_what_is_not_sql_runs_in_the_python_of_this_process_too(spark: Session) -> None:
    assert spark.spark.sparkContext.parallelize([0]).map(lambda _: sys.executable).collect() == [sys.executable]
