"""Spark's session, its errors and the Java that it needs."""

import subprocess
import sys
from pathlib import Path

import dagster
import pytest

from stedi_assets.engines.spark import jars
from stedi_assets.engines.spark.java import required_java
from stedi_assets.engines.spark.session import Session
from stedi_assets.errors import StediError
from stedi_assets.query import Query
from stedi_assets_tests.support.commands import run
from stedi_assets_tests.support.private_names import listed_names, missing
from stedi_assets_tests.support.projects import Project
from stedi_assets_tests.support.raw_files import reading_record
from stedi_assets_tests.support.runs import failure
from stedi_assets_tests.support.shore import Shore


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT nothing FROM accelerometer_landing", "The query cannot be computed: .*`nothing` cannot be resolved"),
        ("SELECT CAST(user AS BIGINT) AS a FROM accelerometer_landing", "failed with Spark's CAST_INVALID_INPUT. Its"),
    ],
)
def test_an_error_quotes_no_value_and_leaves_no_file(
    shore: Shore, tmp_path: Path, capfd: pytest.CaptureFixture[str], sql: str, message: str
) -> None:
    shore.put("a.json", reading_record(1))
    shore.land()
    with pytest.raises(StediError, match=message) as raised:
        shore.lakehouse.store("mine", Query(sql), "a run")
    assert "example.com" not in str(raised.value) + "".join(capfd.readouterr())
    assert not list((tmp_path / "lakehouse/assets/mine").iterdir())


def test_a_dagster_run_that_fails_on_spark_shows_one_line(project: Project) -> None:
    @dagster.asset
    def mine() -> Query:
        return Query("SELECT CAST('secret' AS DATE) AS a")

    message = failure(project.materialize_others(mine), "mine")
    assert message.startswith("The query failed with Spark's CAST_INVALID_INPUT.")
    assert "secret" not in message


@pytest.mark.parametrize(
    ("master", "reason"),
    [
        ("nonsense", "Master must either be yarn or start with spark, k8s, or local"),
        ("local[x]", "org.apache.spark.SparkException: Could not parse Master URL: 'local[x]'"),
        ("spark://127.0.0.1:1", "127.0.0.1:1: Connection refused"),
        ("spark://host:seven", "host:seven is not host:port"),
    ],
)
def test_a_wrong_master_is_one_line_that_names_the_setting(
    project: Project, tmp_path: Path, master: str, reason: str
) -> None:
    variables = {**project.variables, "STEDI_ENGINE": "spark", "STEDI_SPARK_MASTER": master}
    finished = run("stedi", "run", "--select", "key:customer_landing", folder=tmp_path, **variables)
    assert finished.exit_code == 1
    assert f"customer_landing: Spark could not be started at {master}: {reason}" in finished.output
    assert "Correct STEDI_SPARK_MASTER, STEDI_SPARK_JARS or STEDI_SPARK_CONF." in finished.output.splitlines()[-2]
    assert "\tat " not in finished.output


def java(folder: Path, told: str) -> Path:
    program = folder / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho '{told}' >&2\n")
    program.chmod(0o755)
    return program


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ('java version "1.8.0_392"', "is version 8"),
        ('openjdk version "11.0.2" 2019-01-15', "is version 11"),
        ("nothing", "does not print its version"),
    ],
)
def test_a_java_that_is_too_old_is_named_with_the_version_that_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str, found: str
) -> None:
    program = java(tmp_path, told)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(StediError) as raised:
        required_java()
    remedy = "Install Java 17 or newer, and set JAVA_HOME to its folder."
    assert str(raised.value) == f"Spark needs Java 17 or newer, and {program} {found}. {remedy}"


@pytest.mark.parametrize("version", ["17.0.15", "21", "25.0.1"])
def test_a_java_that_is_new_enough_is_fine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    java(tmp_path, f'openjdk version "{version}" 2025-04-15')
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    required_java()


def test_a_missing_java_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StediError, match="Spark needs Java 17 or newer, and none is on the PATH"):
        required_java()
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "nowhere"))
    with pytest.raises(StediError, match=r"and .*/nowhere/bin/java cannot be run"):
        required_java()


def test_a_session_starts_when_it_is_asked_for_and_stops_at_the_end_also_after_a_failure() -> None:
    program = """
from pyspark import SparkContext
from stedi_assets.engines.spark.session import Session
try:
    with Session(conf={"spark.sql.shuffle.partitions": "3"}) as session:
        print(SparkContext._gateway)
        print(session.spark.conf.get("spark.sql.shuffle.partitions"), session.spark.range(5).count())
        raise RuntimeError
except RuntimeError:
    print(SparkContext._active_spark_context)
"""
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert finished.stdout.split() == ["None", "3", "5", "None"]
    assert not finished.stderr


def test_a_job_that_takes_seconds_shows_no_progress_of_spark() -> None:
    program = """
from stedi_assets.engines.spark.session import Session
with Session() as session:
    slept = "reflect('java.lang.Thread', 'sleep', 2000L + id)"
    print(len(session.spark.range(0, 2, 1, 2).selectExpr(slept).collect()))
"""
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (finished.stdout, finished.stderr) == ("2\n", "")


def test_a_session_that_is_there_is_used_and_left_running(spark: Session) -> None:
    with Session() as other:
        other.spark.range(1).createOrReplaceTempView("seen_by_one")
        assert other.spark.sparkContext is spark.spark.sparkContext
    assert spark.spark.range(2).count() == 2
    assert not spark.spark.catalog.tableExists("seen_by_one")


def test_a_run_on_spark_says_nothing_but_its_table(project: Project, tmp_path: Path) -> None:
    finished = run("stedi", "run", "--select", "customer_landing", folder=tmp_path, **project.variables)
    assert finished.exit_code == 0
    assert "customer_landing" in finished.output
    for noise in ("WARN", "Warning", "log level", "incubator", "pandas", "log4j"):
        assert noise not in finished.output


def test_spark_that_cannot_start_is_one_clear_line(project: Project, tmp_path: Path) -> None:
    variables = {**project.variables, "STEDI_SPARK_MASTER": "nowhere"}
    finished = run("stedi", "run", "--select", "customer_landing", folder=tmp_path, **variables)
    assert finished.exit_code == 1
    assert "customer_landing: Spark could not be started at nowhere: " in finished.output
    assert "Correct STEDI_SPARK_MASTER, STEDI_SPARK_JARS or STEDI_SPARK_CONF." in finished.output
    assert "Traceback" not in finished.output


def test_jars_that_do_not_come_in_time_are_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jars, "FETCHING_SECONDS", 0.01)
    with pytest.raises(StediError, match=r"could not be downloaded\. Run make spark-jars"):
        jars.fetch(tmp_path / "jars")


@pytest.mark.parametrize(("module", "name", "attribute"), listed_names("pyspark"))
def test_pyspark_still_has_a_listed_private_name(module: str, name: str, attribute: str | None) -> None:
    assert not missing(module, name, attribute)
