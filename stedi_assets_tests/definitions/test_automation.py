"""Runs that start by themselves: the jobs, the sensor for landing files, the schedule, and one run at a time."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import dagster
import pytest

from stedi_assets.contract import TABLES
from stedi_assets.definitions import defs
from stedi_assets.defs.jobs import sensor
from stedi_assets.lakehouse import difference
from stedi_assets_tests.support.commands import PROGRAMS, environment
from stedi_assets_tests.support.grid import in_both_places
from stedi_assets_tests.support.projects import QUARANTINES, Project
from stedi_assets_tests.support.records import customer, phone_reading
from stedi_assets_tests.support.sensor import look, skipped

LANDING_TABLES = {"customer_landing", "accelerometer_landing", "step_trainer_landing", *QUARANTINES}


def test_there_is_a_job_of_all_tables_and_one_of_the_landing_zone() -> None:
    tables = {
        job: {key.to_user_string() for key in defs.resolve_job_def(job).asset_layer.selected_asset_keys}
        for job in ("lakehouse", "refresh_landing")
    }
    assert tables["lakehouse"] >= TABLES.keys()
    assert tables["refresh_landing"] == LANDING_TABLES


def test_refresh_landing_builds_the_landing_tables_with_their_checks_and_nothing_else(project: Project) -> None:
    job = project.definitions().resolve_job_def("refresh_landing")
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


def test_with_nothing_new_no_run_is_asked_for(built_project: Project, instance: dagster.DagsterInstance) -> None:
    assert skipped(look(built_project, instance)) == "No landing file was added, changed or removed."


def came(project: Project) -> None:
    project.land("customer", "new.json", [customer("fay")])


def changed(project: Project) -> None:
    project.land("customer", "customer-1.json", [customer("fay")])


def went(project: Project) -> None:
    (project.landing / "accelerometer/landing/accelerometer-2.json.gz").unlink()


@in_both_places
@pytest.mark.parametrize("change", [came, changed, went])
def test_a_file_that_came_changed_or_went_asks_for_one_run(
    built_project: Project, instance: dagster.DagsterInstance, change: Callable[[Project], None]
) -> None:
    change(built_project)
    (request,) = look(built_project, instance).run_requests
    gone = "1" if change is went else "0"
    assert request.tags["stedi/files_gone"] == gone


def test_a_burst_of_files_asks_for_one_run_and_no_second_while_they_are_not_stored(
    built_project: Project, instance: dagster.DagsterInstance
) -> None:
    came(built_project)
    went(built_project)
    first = look(built_project, instance)
    assert len(first.run_requests) == 1
    assert "See that run" in skipped(look(built_project, instance, first.cursor))


def test_when_a_burst_is_stored_the_next_one_asks_for_a_run_of_its_own(
    built_project: Project, instance: dagster.DagsterInstance
) -> None:
    came(built_project)
    first = look(built_project, instance)
    built_project.materialize(*LANDING_TABLES)
    assert skipped(look(built_project, instance, first.cursor)) == "No landing file was added, changed or removed."
    built_project.land("customer", "newer.json", [customer("gus")])
    second = look(built_project, instance, first.cursor)
    assert second.run_requests[0].run_key != first.run_requests[0].run_key


def test_a_file_that_goes_and_comes_back_as_it_was_asks_for_a_run_of_its_own(
    built_project: Project, instance: dagster.DagsterInstance, tmp_path: Path
) -> None:
    file = built_project.landing / "customer/landing/new.json"
    keys = []
    came(built_project)
    keys += [look(built_project, instance).run_requests[0].run_key]
    built_project.materialize(*LANDING_TABLES)
    shutil.move(file, tmp_path / "aside")
    keys += [look(built_project, instance).run_requests[0].run_key]
    built_project.materialize(*LANDING_TABLES)
    shutil.move(tmp_path / "aside", file)
    keys += [look(built_project, instance).run_requests[0].run_key]
    assert len(set(keys)) == 3


@pytest.mark.parametrize("job", ["lakehouse", "refresh_landing"])
@pytest.mark.parametrize("status", [dagster.DagsterRunStatus.STARTING, dagster.DagsterRunStatus.STARTED])
def test_while_a_run_is_not_finished_no_other_is_asked_for(
    project: Project, instance: dagster.DagsterInstance, job: str, status: dagster.DagsterRunStatus
) -> None:
    definition = project.definitions().resolve_job_def(job)
    unfinished = instance.create_run_for_job(definition, status=status)
    assert unfinished.run_id in skipped(look(project, instance))


def test_when_the_run_has_finished_files_that_came_meanwhile_ask_for_another(
    project: Project, instance: dagster.DagsterInstance
) -> None:
    job = project.definitions().resolve_job_def("lakehouse")
    assert job.execute_in_process(instance=instance).success
    came(project)
    assert len(look(project, instance).run_requests) == 1


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


@in_both_places
def test_of_a_folder_with_many_files_the_newest_by_name_are_listed_and_once_an_hour_all(
    built_project: Project, instance: dagster.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(difference, "FEW_FILES", 1)
    full = look(built_project, instance)
    assert skipped(full) == "No landing file was added, changed or removed."
    built_project.land("accelerometer", "a.json", [phone_reading("ada", 1)])
    assert "all are listed once an hour" in skipped(look(built_project, instance, full.cursor))
    built_project.land("accelerometer", "é/z.json", [phone_reading("ada", 2)])
    (request,) = look(built_project, instance, full.cursor).run_requests
    assert request.tags["stedi/files_to_read"] == "1"
    monkeypatch.setattr(sensor, "SECONDS_BETWEEN_FULL_LOOKS", 0)
    (request,) = look(built_project, instance, full.cursor).run_requests
    assert request.tags["stedi/files_to_read"] == "2"


def test_a_cursor_of_an_earlier_release_is_understood(
    built_project: Project, instance: dagster.DagsterInstance
) -> None:
    came(built_project)
    (request,) = look(built_project, instance).run_requests
    assert "See that run" in skipped(look(built_project, instance, request.run_key))


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
