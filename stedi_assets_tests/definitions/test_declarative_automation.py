"""Declarative automation: which assets Dagster's daemon would request, and when."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster
import pytest

from stedi_assets.contract import SOURCES, TABLES
from stedi_assets.definitions import defs
from stedi_assets_tests.support.projects import Project
from stedi_assets_tests.support.records import customer
from stedi_assets_tests.support.runs import QUIET

FOLDERS = set(SOURCES)

OF_CUSTOMERS = {
    "customer_landing",
    "customer_quarantine",
    "customer_trusted",
    "accelerometer_trusted",
    "customer_curated",
    "step_trainer_trusted",
    "machine_learning_curated",
    "machine_learning_pseudonymized",
}


@dataclass
class Daemon:
    """Evaluates the conditions as the daemon does, and makes the runs that they request."""

    definitions: dagster.Definitions
    instance: dagster.DagsterInstance
    now: datetime = datetime(2026, 1, 1, 10, 1, tzinfo=UTC)
    cursor: Any = None

    def ticks_after(self, minutes: int) -> set[str]:
        """Evaluates the conditions once, makes the run, and returns the names of its assets."""
        self.now += timedelta(minutes=minutes)
        evaluated = dagster.evaluate_automation_conditions(
            self.definitions, self.instance, evaluation_time=self.now, cursor=self.cursor
        )
        self.cursor = evaluated.cursor
        graph = self.definitions.resolve_asset_graph()
        keys = [key for key in graph.get_all_asset_keys() if evaluated.get_num_requested(key)]
        if keys:
            job = self.definitions.resolve_implicit_global_asset_job_def()
            assert job.execute_in_process(QUIET, self.instance, asset_selection=keys).success
        return {key.to_user_string() for key in keys}


@pytest.fixture
def automated(project: Project, instance: dagster.DagsterInstance) -> Daemon:
    daemon = Daemon(project.definitions(declarative_automation=True), instance)
    # An evaluation that has none before it requests nothing.
    assert daemon.ticks_after(0) == set()
    return daemon


def test_the_tables_are_built_after_the_first_listing_of_the_folders(automated: Daemon) -> None:
    assert automated.ticks_after(1) == set()
    assert automated.ticks_after(15) == FOLDERS
    assert automated.ticks_after(1) == TABLES.keys()
    assert automated.ticks_after(1) == set()


def test_a_new_file_builds_the_tables_that_depend_on_its_folder_and_nothing_new_builds_none(
    automated: Daemon, project: Project
) -> None:
    automated.ticks_after(15)
    automated.ticks_after(1)
    assert automated.ticks_after(15) == FOLDERS
    assert automated.ticks_after(1) == set()
    project.land("customer", "new.json", [customer("fay")])
    assert automated.ticks_after(15) == FOLDERS
    assert automated.ticks_after(1) == OF_CUSTOMERS
    assert automated.ticks_after(1) == set()
    assert project.delta("customer_landing").count() == 6


def test_by_default_no_asset_has_a_condition_and_no_sensor_evaluates_one(project: Project) -> None:
    assert not any(node.automation_condition for node in defs.resolve_asset_graph().asset_nodes)
    assert "automation" not in {sensor.name for sensor in defs.sensors or ()}
    sensor = project.definitions(declarative_automation=True).resolve_sensor_def("automation")
    assert sensor.default_status is dagster.DefaultSensorStatus.RUNNING
