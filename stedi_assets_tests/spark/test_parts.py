"""Parts on Spark: the rows of a full build, whichever engine computed the versions before."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from itertools import cycle
from pathlib import Path

import pytest
from deltalake import DeltaTable
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from stedi_assets.engines.engine import Engine
from stedi_assets.lakehouse.build import Builder
from stedi_assets.lakehouse.compaction import compact
from stedi_assets.storage.aws import Aws
from stedi_assets_tests.support.any_order import Runs
from stedi_assets_tests.support.changing import Opened
from stedi_assets_tests.support.commands import run
from stedi_assets_tests.support.days import three_days
from stedi_assets_tests.support.engines import KEY, OPENED
from stedi_assets_tests.support.projects import Project


class Alternating:
    """Opens Spark and DuckDB in turn."""

    def __init__(self) -> None:
        self._turns: Iterator[Opened] = cycle([OPENED["spark"], OPENED["duckdb"]])

    def __call__(self, aws: Aws | None) -> AbstractContextManager[Engine]:
        return next(self._turns)(aws)


class RunsOnBothEngines(Runs):
    """The same, on another engine from run to run."""

    def engine_of_runs(self) -> Opened:
        return Alternating()


@pytest.mark.usefixtures("spark")
def test_runs_on_both_engines_end_with_the_rows_and_findings_of_a_full_build() -> None:
    profile = settings(max_examples=4, stateful_step_count=5, deadline=None)
    run_state_machine_as_test(RunsOnBothEngines, settings=profile)


@pytest.mark.usefixtures("spark")
def test_spark_joins_the_small_files_of_a_table(tmp_path: Path) -> None:
    changing = three_days(tmp_path, OPENED["duckdb"])
    before = changing.rows()
    with OPENED["spark"](None) as engine, closing(changing.lakehouse(engine)) as lakehouse:
        lakehouse.hold("a test")
        assert compact(Builder(lakehouse), "accelerometer_trusted", "a run", at_least=2) > 1
    assert len(DeltaTable(changing.table_folder("accelerometer_trusted")).file_uris()) == 1
    assert changing.rows() == before


def test_a_run_with_nothing_to_compute_starts_no_session(project: Project, tmp_path: Path) -> None:
    assert project.materialize(pseudonym_key=KEY.hex()).success
    keyed = {**project.variables, "STEDI_PSEUDONYM_KEY": KEY.hex(), "STEDI_SPARK_MASTER": "nowhere"}
    finished = run("stedi", "run", folder=tmp_path, **keyed)
    assert finished.exit_code == 0, finished.output
    assert "nothing: its inputs are as they were" in finished.output
    project.land("customer", "none.json", [])
    assert "Spark could not be started at nowhere" in run("stedi", "run", folder=tmp_path, **keyed).output
