"""Runs that a real daemon launches: one at a time, and by the sensor."""

import itertools
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster
import pytest

from stedi_assets.contract import SOURCES, TABLES
from stedi_assets.runs.living import FOLDER
from stedi_assets_tests.support.checkout import PROJECT
from stedi_assets_tests.support.commands import PROGRAMS, environment, run
from stedi_assets_tests.support.holding import holding
from stedi_assets_tests.support.projects import REPLACED_TABLES, Project
from stedi_assets_tests.support.records import EXPECTED_COUNTS
from stedi_assets_tests.support.sensor import look, skipped
from stedi_assets_tests.support.waiting_runs import waiting_run

LAUNCH = ("dagster", "job", "launch", "-m", "stedi_assets.definitions", "-j", "lakehouse")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with the project's own configuration of Dagster."""
    folder = tmp_path / "home"
    folder.mkdir()
    shutil.copyfile(PROJECT / ".dagster/dagster.yaml", folder / "dagster.yaml")
    return folder


@contextmanager
def daemon(folder: Path, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
    """Runs what launches queued runs and looks after sensors, in a process group of its own."""
    program = str(PROGRAMS / "dagster-daemon")
    with (folder / "daemon.log").open("wb") as log:
        process = subprocess.Popen(
            [program, "run", "-m", "stedi_assets.definitions"],
            cwd=folder,
            env=environment(variables),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(timeout=60)


def finished_runs(home: Path, count: int) -> list[dagster.DagsterRun]:
    """Waits until so many runs have ended, and returns all there are, the first to begin first."""
    ended = [dagster.DagsterRunStatus.SUCCESS, dagster.DagsterRunStatus.FAILURE]
    deadline = time.monotonic() + 150
    with dagster.DagsterInstance.from_config(str(home)) as instance:
        while len(instance.get_runs(dagster.RunsFilter(statuses=ended))) < count:
            assert time.monotonic() < deadline, (home / "daemon.log").read_text()
            time.sleep(1)
        records = sorted(instance.get_run_records(), key=lambda record: record.start_time or 0)
        for earlier, later in itertools.pairwise(records):
            assert (earlier.end_time or 0) <= (later.start_time or 0)
        return [record.dagster_run for record in records]


def test_two_runs_that_are_launched_at_once_write_each_table_one_after_the_other(
    project: Project, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    variables = {**project.variables, "DAGSTER_HOME": str(home), "STEDI_FULL_REFRESH": "true"}
    launched = [run(*LAUNCH, folder=home, **variables) for _ in range(2)]
    assert [each.exit_code for each in launched] == [0, 0], "".join(each.output for each in launched)
    with dagster.DagsterInstance.from_config(str(home)) as instance:
        assert "is not finished" in skipped(look(project, instance))
    with daemon(home, **variables):
        runs = finished_runs(home, 2)
    assert [each.status for each in runs] == [dagster.DagsterRunStatus.SUCCESS] * 2
    for table in TABLES:
        history = sorted(project.delta(table).history(), key=lambda entry: entry["version"])
        writers = [run_id for run_id, _ in itertools.groupby(entry["dagster/run_id"] for entry in history)]
        assert writers == [each.run_id for each in runs[: 2 if table in REPLACED_TABLES else 1]], table
    assert project.counts() == EXPECTED_COUNTS


def test_a_sensor_that_is_switched_on_builds_the_tables_once(
    project: Project, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    variables = {**project.variables, "DAGSTER_HOME": str(home)}
    start = ("dagster", "sensor", "start", "new_landing_files", "-m", "stedi_assets.definitions")
    switched_on = run(*start, folder=home, **variables)
    assert switched_on.exit_code == 0, switched_on.output
    with daemon(home, **variables):
        (built,) = finished_runs(home, 1)
    assert built.status is dagster.DagsterRunStatus.SUCCESS
    assert built.tags["dagster/sensor_name"] == "new_landing_files"
    assert project.counts() == EXPECTED_COUNTS


def test_a_queued_run_begins_when_the_stedi_run_before_it_has_ended(
    project: Project, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    variables = {**project.variables, "DAGSTER_HOME": str(home)}
    with waiting_run(project, home) as first:
        launched = run(*LAUNCH, folder=home, **variables)
        assert launched.exit_code == 0, launched.output
        with daemon(home, **variables):
            wait_for_line(home, "1 runs are currently in progress. Maximum is 1, won't launch more.")
            assert first.finish() == 0
            runs = finished_runs(home, 2)
    assert [each.status for each in runs] == [dagster.DagsterRunStatus.SUCCESS] * 2


def test_declarative_automation_builds_the_tables_after_an_observation_of_the_folders(
    project: Project, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    variables = {**project.variables, "DAGSTER_HOME": str(home), "STEDI_DECLARATIVE_AUTOMATION": "true"}
    observation = project.definitions().resolve_implicit_global_asset_job_def()
    folders = [dagster.AssetKey(source) for source in SOURCES]
    with daemon(home, **variables):
        wait_for_tick(home, "automation")
        with dagster.DagsterInstance.from_config(str(home)) as instance:
            assert observation.execute_in_process(instance=instance, asset_selection=folders).success
        runs = finished_runs(home, 2)
    assert [each.status for each in runs] == [dagster.DagsterRunStatus.SUCCESS] * 2
    assert runs[1].tags["dagster/sensor_name"] == "automation"
    assert project.counts() == EXPECTED_COUNTS


def test_a_run_that_is_queued_behind_a_killed_one_begins(
    project: Project, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    with waiting_run(project, home) as killed:
        killed.kill()
    variables = {**project.variables, "DAGSTER_HOME": str(home)}
    launched = run(*LAUNCH, folder=home, **variables)
    assert launched.exit_code == 0, launched.output
    with daemon(home, **variables):
        runs = finished_runs(home, 2)
    assert [each.status for each in runs] == [dagster.DagsterRunStatus.FAILURE, dagster.DagsterRunStatus.SUCCESS]


def test_a_run_that_is_queued_behind_one_that_died_with_its_daemon_begins(
    project: Project, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    variables = {**project.variables, "DAGSTER_HOME": str(home)}
    launched = [run(*LAUNCH, folder=home, **variables) for _ in range(2)]
    assert [each.exit_code for each in launched] == [0, 0], "".join(each.output for each in launched)
    with holding(project.place, str(project.lakehouse)), daemon(home, **variables) as doomed:
        wait_for_declaration(home)
        # As when the machine goes down: the daemon, its code server and the run.
        os.killpg(doomed.pid, signal.SIGKILL)
    with daemon(home, **variables):
        runs = finished_runs(home, 2)
    assert [each.status for each in runs] == [dagster.DagsterRunStatus.FAILURE, dagster.DagsterRunStatus.SUCCESS]


def wait_for_tick(home: Path, sensor: str) -> None:
    """Waits until the daemon has evaluated a sensor once."""
    deadline = time.monotonic() + 150
    with dagster.DagsterInstance.from_config(str(home)) as instance:
        while True:
            states = [state for state in instance.all_instigator_state() if state.name == sensor]
            ticks = [
                tick for state in states for tick in instance.get_ticks(state.instigator_origin_id, state.selector_id)
            ]
            if any(tick.status.value in {"SUCCESS", "SKIPPED"} for tick in ticks):
                return
            assert time.monotonic() < deadline, (home / "daemon.log").read_text()
            time.sleep(0.5)


def wait_for_line(home: Path, text: str) -> None:
    """Waits until the daemon has written a text to its log."""
    deadline = time.monotonic() + 150
    while text not in (home / "daemon.log").read_text():
        assert time.monotonic() < deadline, (home / "daemon.log").read_text()
        time.sleep(0.1)


def wait_for_declaration(home: Path) -> None:
    """Waits until a run has declared that its process lives."""
    deadline = time.monotonic() + 150
    while not any((home / FOLDER).glob("*")):
        assert time.monotonic() < deadline, (home / "daemon.log").read_text()
        time.sleep(0.1)
