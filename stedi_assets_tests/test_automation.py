"""Runs that start by themselves: the jobs, the sensor for landing files, the schedule, and one run at a time."""

import itertools
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster
import pytest

from stedi_assets import automation
from stedi_assets.definitions import defs
from stedi_assets.tables import TABLES
from stedi_assets_tests.commands import PROGRAMS, environment, run
from stedi_assets_tests.conftest import EXPECTED_COUNTS, PROJECT, QUARANTINES, Project, customer

LANDING_TABLES = {"customer_landing", "accelerometer_landing", "step_trainer_landing", *QUARANTINES}


@pytest.fixture
def engine() -> str:
    """What starts a run looks at files and logs, which every engine writes alike."""
    return "duckdb"


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dagster.DagsterInstance]:
    """Dagster's records on disk."""
    folder = tmp_path / "dagster"
    folder.mkdir()
    with dagster.DagsterInstance.local_temp(str(folder)) as instance:
        yield instance


def look(project: Project, instance: dagster.DagsterInstance, cursor: str | None = None) -> Any:
    """Evaluates the sensor as its daemon does."""
    sensor = project.definitions().resolve_sensor_def("new_landing_files")
    return sensor.evaluate_tick(dagster.build_sensor_context(instance=instance, cursor=cursor))


def skipped(tick: Any) -> str:
    """Why the sensor asked for no run."""
    assert not tick.run_requests
    message: str = tick.skip_message
    return message


def test_there_is_a_job_of_all_tables_and_one_of_the_landing_zone() -> None:
    tables = {
        job: {key.to_user_string() for key in defs.resolve_job_def(job).asset_layer.selected_asset_keys}
        for job in ("lakehouse", "refresh_landing")
    }
    assert tables["lakehouse"] >= TABLES.keys()
    assert tables["refresh_landing"] == LANDING_TABLES


def test_refresh_landing_builds_the_landing_tables_with_their_checks_and_nothing_else(local_project: Project) -> None:
    job = local_project.definitions().resolve_job_def("refresh_landing")
    with dagster.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(instance=instance)
    built = {event.asset_key.to_user_string() for event in result.get_asset_materialization_events() if event.asset_key}
    assert built == LANDING_TABLES
    assert {check.asset_key.to_user_string() for check in result.get_asset_check_evaluations()} == LANDING_TABLES


def test_nothing_starts_by_itself_until_it_is_switched_on() -> None:
    assert defs.resolve_sensor_def("new_landing_files").default_status is dagster.DefaultSensorStatus.STOPPED
    assert defs.resolve_schedule_def("daily_lakehouse").default_status is dagster.DefaultScheduleStatus.STOPPED


def test_the_schedule_builds_all_tables_once_a_day() -> None:
    schedule = defs.resolve_schedule_def("daily_lakehouse")
    assert (schedule.job_name, schedule.cron_schedule, schedule.execution_timezone) == ("lakehouse", "0 3 * * *", "UTC")


def test_the_sensor_starts_the_job_of_all_tables() -> None:
    assert defs.resolve_sensor_def("new_landing_files").job_name == "lakehouse"


def test_files_of_a_lakehouse_that_is_not_built_yet_ask_for_one_run(
    project: Project, instance: dagster.DagsterInstance
) -> None:
    (request,) = look(project, instance).run_requests
    assert request.tags["stedi/files_to_read"] == "4"


def test_with_nothing_new_no_run_is_asked_for(project: Project, instance: dagster.DagsterInstance) -> None:
    assert project.materialize().success
    assert skipped(look(project, instance)) == "No landing file came, changed or went."


def came(project: Project) -> None:
    project.land("customer", "new.json", [customer("fay")])


def changed(project: Project) -> None:
    project.land("customer", "customer-1.json", [customer("fay")])


def went(project: Project) -> None:
    (project.landing / "accelerometer/landing/accelerometer-2.json.gz").unlink()


@pytest.mark.parametrize("change", [came, changed, went])
def test_a_file_that_came_changed_or_went_asks_for_one_run(
    project: Project, instance: dagster.DagsterInstance, change: Callable[[Project], None]
) -> None:
    project.materialize()
    change(project)
    (request,) = look(project, instance).run_requests
    gone = "1" if change is went else "0"
    assert request.tags["stedi/files_gone"] == gone


def test_a_burst_of_files_asks_for_one_run_and_no_second_while_they_are_not_stored(
    project: Project, instance: dagster.DagsterInstance
) -> None:
    project.materialize()
    came(project)
    went(project)
    first = look(project, instance)
    assert len(first.run_requests) == 1
    assert first.cursor == first.run_requests[0].run_key
    assert "See that run" in skipped(look(project, instance, first.cursor))


def test_when_a_burst_is_stored_the_next_one_asks_for_a_run_of_its_own(
    project: Project, instance: dagster.DagsterInstance
) -> None:
    project.materialize()
    came(project)
    first = look(project, instance)
    project.materialize()
    assert skipped(look(project, instance, first.cursor)) == "No landing file came, changed or went."
    project.land("customer", "newer.json", [customer("gus")])
    second = look(project, instance, first.cursor)
    assert second.run_requests[0].run_key != first.run_requests[0].run_key


def test_a_file_that_goes_and_comes_back_as_it_was_asks_for_a_run_of_its_own(
    local_project: Project, instance: dagster.DagsterInstance, tmp_path: Path
) -> None:
    file = local_project.landing / "customer/landing/new.json"
    keys = []
    local_project.materialize()
    came(local_project)
    keys += [look(local_project, instance).run_requests[0].run_key]
    local_project.materialize()
    shutil.move(file, tmp_path / "aside")
    keys += [look(local_project, instance).run_requests[0].run_key]
    local_project.materialize()
    shutil.move(tmp_path / "aside", file)
    keys += [look(local_project, instance).run_requests[0].run_key]
    assert len(set(keys)) == 3


@pytest.mark.parametrize("job", ["lakehouse", "refresh_landing"])
@pytest.mark.parametrize("status", [dagster.DagsterRunStatus.STARTING, dagster.DagsterRunStatus.STARTED])
def test_while_a_run_is_not_finished_no_other_is_asked_for(
    local_project: Project, instance: dagster.DagsterInstance, job: str, status: dagster.DagsterRunStatus
) -> None:
    definition = local_project.definitions().resolve_job_def(job)
    unfinished = instance.create_run_for_job(definition, status=status)
    assert unfinished.run_id in skipped(look(local_project, instance))


def test_when_the_run_has_finished_files_that_came_meanwhile_ask_for_another(
    local_project: Project, instance: dagster.DagsterInstance
) -> None:
    job = local_project.definitions().resolve_job_def("lakehouse")
    assert job.execute_in_process(instance=instance).success
    came(local_project)
    assert len(look(local_project, instance).run_requests) == 1


def test_a_landing_folder_that_is_missing_or_empty_is_told_of_and_asks_for_no_run(
    empty_project: Project, instance: dagster.DagsterInstance
) -> None:
    message = skipped(look(empty_project, instance))
    assert "customer/landing" in message
    assert "Put the files there" in message


def test_a_store_that_refuses_is_told_of_and_asks_for_no_run(
    project: Project, instance: dagster.DagsterInstance
) -> None:
    gone = Project(project.place, project.landing.parent / "not-there", project.lakehouse, project.engine)
    assert "not-there/customer/landing" in skipped(look(gone, instance))


def test_no_more_than_so_many_files_are_looked_at_and_the_reason_says_so(
    project: Project, instance: dagster.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.materialize()
    monkeypatch.setattr(automation, "FILES_LOOKED_AT", 1)
    message = skipped(look(project, instance))
    assert "Only the first 1 files of customer_files, accelerometer_files, step_trainer_files were looked" in message
    project.land("accelerometer", "z.json", [])
    assert "Only the first 1 files" in skipped(look(project, instance))
    project.land("accelerometer", "a.json", [])
    assert len(look(project, instance).run_requests) == 1


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with the project's own configuration of Dagster."""
    folder = tmp_path / "home"
    folder.mkdir()
    shutil.copyfile(PROJECT / ".dagster/dagster.yaml", folder / "dagster.yaml")
    return folder


@contextmanager
def daemon(folder: Path, **variables: str) -> Iterator[None]:
    """Runs what launches queued runs and looks after sensors."""
    program = str(PROGRAMS / "dagster-daemon")
    with (folder / "daemon.log").open("wb") as log:
        process = subprocess.Popen(
            [program, "run", "-m", "stedi_assets.definitions"],
            cwd=folder,
            env=environment(variables),
            stdout=log,
            stderr=log,
        )
        try:
            yield
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
    local_project: Project, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    variables = {**local_project.variables, "DAGSTER_HOME": str(home), "STEDI_FULL_REFRESH": "true"}
    launch = ("dagster", "job", "launch", "-m", "stedi_assets.definitions", "-j", "lakehouse")
    launched = [run(*launch, folder=home, **variables) for _ in range(2)]
    assert [each.exit_code for each in launched] == [0, 0], "".join(each.output for each in launched)
    with dagster.DagsterInstance.from_config(str(home)) as instance:
        assert "is not finished" in skipped(look(local_project, instance))
    with daemon(home, **variables):
        runs = finished_runs(home, 2)
    assert [each.status for each in runs] == [dagster.DagsterRunStatus.SUCCESS] * 2
    for table in TABLES:
        history = sorted(local_project.delta(table).history(), key=lambda entry: entry["version"])
        writers = [run_id for run_id, _ in itertools.groupby(entry["dagster/run_id"] for entry in history)]
        assert writers == [each.run_id for each in runs], table
    assert local_project.counts() == EXPECTED_COUNTS


def test_a_sensor_that_is_switched_on_builds_the_tables_once(
    local_project: Project, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    variables = {**local_project.variables, "DAGSTER_HOME": str(home)}
    start = ("dagster", "sensor", "start", "new_landing_files", "-m", "stedi_assets.definitions")
    switched_on = run(*start, folder=home, **variables)
    assert switched_on.exit_code == 0, switched_on.output
    with daemon(home, **variables):
        (built,) = finished_runs(home, 1)
    assert built.status is dagster.DagsterRunStatus.SUCCESS
    assert built.tags["dagster/sensor_name"] == "new_landing_files"
    assert local_project.counts() == EXPECTED_COUNTS


def test_each_table_with_its_quarantine_is_a_pool() -> None:
    pools = {node.name: node.definition.pool for node in defs.resolve_job_def("lakehouse").nodes}  # type: ignore[attr-defined]
    tables = TABLES.keys() - QUARANTINES
    assert {name: pools[name] for name in tables} == {name: name for name in tables}


def test_no_warning_of_dagster_reaches_a_user_who_loads_the_definitions() -> None:
    finished = subprocess.run(
        [str(PROGRAMS / "python"), "-W", "error", "-c", "import dagster\nimport stedi_assets.definitions"],
        capture_output=True,
        text=True,
        check=False,
        env=environment(dict(os.environ)),
    )
    assert (finished.returncode, finished.stderr) == (0, "")
