"""Erasure and vacuum by command and by job."""

from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import cast

import dagster
import pytest

from stedi_assets.contract import TABLES
from stedi_assets.defs.jobs.maintenance import vacuum_tables
from stedi_assets.engines.engine import Engine
from stedi_assets.lakehouse.lakehouse import Lakehouse
from stedi_assets.privacy.pseudonyms import Pseudonyms
from stedi_assets.privacy.tombstones import email_tombstone
from stedi_assets_tests.support.commands import run
from stedi_assets_tests.support.engines import KEY
from stedi_assets_tests.support.erasing import EMAIL, SERIAL_NUMBER, naming
from stedi_assets_tests.support.grid import in_both_places, on_duckdb
from stedi_assets_tests.support.projects import Build, Project
from stedi_assets_tests.support.records import customer
from stedi_assets_tests.support.runs import failure

pytestmark = in_both_places


@on_duckdb
def test_the_command_changes_nothing_without_yes_and_certifies_with_it(built_project: Project) -> None:
    variables = {**built_project.variables, "STEDI_PSEUDONYM_KEY": KEY.hex()}
    tried = run("stedi", "erase", EMAIL, folder=built_project.landing, **variables)
    assert tried.exit_code == 0, tried.output
    assert "6 records in the raw files. Nothing was changed; --yes erases them." in tried.output
    assert naming(built_project)
    done = run(
        "stedi", "erase", EMAIL, "--yes", "--requested-by", "ticket 7", folder=built_project.landing, **variables
    )
    assert done.exit_code == 0, done.output
    assert "requested by ticket 7" in done.output
    assert EMAIL not in done.output
    assert not naming(built_project)


def erase_by_job(project: Project, email: str) -> tuple[dagster.ExecuteInProcessResult, str]:
    job = project.definitions(pseudonym_key=KEY.hex()).resolve_job_def("erase_customer")
    config = {"customer": email_tombstone(Pseudonyms(KEY), email), "requested_by": "ticket 7"}
    with dagster.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(config, instance, raise_on_error=False)
        recorded = "".join(map(str, [*instance.all_logs(result.run_id), instance.get_run_by_id(result.run_id)]))
    return result, recorded


def test_the_job_erases_and_records_who_asked_but_not_whom(built_project: Project) -> None:
    result, recorded = erase_by_job(built_project, EMAIL)
    assert result.success
    assert not naming(built_project)
    assert "ticket 7" in recorded
    assert EMAIL not in recorded
    assert SERIAL_NUMBER not in recorded


@on_duckdb
def test_the_job_takes_the_request_and_no_other_lakehouse(built: Build) -> None:
    job = built.project.definitions(pseudonym_key=KEY.hex()).resolve_job_def("erase_customer")
    request = {"customer": "0" * 64, "requested_by": "ticket 7"}
    config = dagster.validate_run_config(job, request)
    assert config["resources"]["io_manager"]["config"]["root"] == str(built.project.lakehouse)
    elsewhere = {"resources": {"io_manager": {"config": {"root": "/elsewhere"}}}}
    with pytest.raises(dagster.DagsterInvalidConfigError, match='unexpected config entry "resources"'):
        dagster.validate_run_config(job, request | elsewhere)


@on_duckdb
def test_the_job_fails_for_a_customer_it_does_not_know(built: Build) -> None:
    result, _ = erase_by_job(built.project, "nobody@example.com")
    assert "No customer in customer_landing has this keyed hash" in failure(result, "erase_from_every_table")


def test_a_withdrawn_customer_is_gone_from_disk_after_a_vacuum(built_project: Project) -> None:
    built_project.land("customer", "customer-2.json", [customer("ada", lastUpdateDate=30)])
    assert built_project.materialize().success
    trusted = [name for name, table in TABLES.items() if table.zone != "landing"]
    for table in trusted:
        assert not [row for row in built_project.rows(table) if EMAIL in row or SERIAL_NUMBER in row]
    with closing(Lakehouse(built_project.location(), built_project.location(), cast("Engine", None))) as lakehouse:
        vacuum_tables(lakehouse, timedelta(0), "a vacuum")
    for table in trusted:
        folder = built_project.lakehouse / TABLES[table].path
        assert sorted(file.name for file in folder.rglob("*.parquet")) == sorted(
            Path(file).name for file in built_project.files(table)
        )


def test_a_vacuum_keeps_versions_within_the_retention(built_project: Project) -> None:
    built_project.materialize("customer_landing", full_refresh=True)
    assert built_project.delta("customer_landing").version() == 1
    with closing(Lakehouse(built_project.location(), built_project.location(), cast("Engine", None))) as lakehouse:
        vacuum_tables(lakehouse, timedelta(days=7), "a vacuum")
    assert built_project.delta("customer_landing", version=0).to_pyarrow_table().num_rows == 5


@on_duckdb
def test_no_retention_needs_a_flag(built_project: Project) -> None:
    refused = run("stedi", "vacuum", "--retention-days", "0", folder=built_project.landing, **built_project.variables)
    assert refused.exit_code == 2
    assert "confirm with --no-retention" in refused.output
    allowed = ("stedi", "vacuum", "--retention-days", "0", "--no-retention", "--json")
    assert run(*allowed, folder=built_project.landing, **built_project.variables).exit_code == 0


@on_duckdb
def test_the_vacuum_job_runs_weekly_once_it_is_switched_on(project: Project) -> None:
    definitions = project.definitions()
    schedule = definitions.resolve_schedule_def("weekly_vacuum")
    assert schedule.default_status == dagster.DefaultScheduleStatus.STOPPED
    assert schedule.cron_schedule == "0 3 * * 0"
    project.materialize("customer_landing")
    with dagster.DagsterInstance.ephemeral() as instance:
        assert definitions.resolve_job_def("vacuum").execute_in_process(instance=instance).success


@on_duckdb
def test_folders_of_the_lakehouse_are_for_the_owners_eyes_alone(project: Project) -> None:
    assert project.materialize("customer_landing").success
    for folder in (project.lakehouse, project.lakehouse / "customer/landing"):
        assert folder.stat().st_mode & 0o777 == 0o700
