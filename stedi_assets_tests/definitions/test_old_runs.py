"""The history keeps the runs of some days, and the latest of each asset whatever its age."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import dagster
import pytest

from stedi_assets.runs.retention import delete_old_runs
from stedi_assets_tests.support.checkout import PROJECT
from stedi_assets_tests.support.commands import run
from stedi_assets_tests.support.projects import Project


@dagster.asset
def built(context: dagster.AssetExecutionContext) -> None:
    """An asset."""
    context.log.info("An event.")
    print("Printed.")


@dagster.asset(partitions_def=dagster.StaticPartitionsDefinition(["a", "b"]))
def of_partitions() -> None:
    """An asset with partitions."""


@dagster.op
def fails_at_once() -> None:
    """Fails."""
    raise ValueError


@dagster.job
def failing() -> None:
    """A job without an asset."""
    fails_at_once()


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dagster.DagsterInstance]:
    """A history configured as the project's."""
    (tmp_path / "dagster.yaml").write_text((PROJECT / ".dagster/dagster.yaml").read_text())
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with dagster.DagsterInstance.from_config(str(tmp_path)) as opened:
        yield opened


def build(instance: dagster.DagsterInstance) -> str:
    return dagster.materialize([built], instance=instance).run_id


def fail(instance: dagster.DagsterInstance) -> str:
    return failing.execute_in_process(instance=instance, raise_on_error=False).run_id


def run_ids(instance: dagster.DagsterInstance) -> set[str]:
    return {each.run_id for each in instance.get_runs()}


def test_the_latest_run_of_an_asset_stays_and_the_others_go(instance: dagster.DagsterInstance) -> None:
    *_, last = [build(instance) for _ in range(3)]
    fail(instance)
    assert delete_old_runs(instance, 0) == 3
    assert run_ids(instance) == {last}
    latest = instance.get_latest_materialization_event(built.key)
    assert latest is not None
    assert latest.run_id == last
    assert "An event." in [entry.user_message for entry in instance.all_logs(last)]


def test_no_file_of_a_deleted_run_stays(instance: dagster.DagsterInstance) -> None:
    first, _ = build(instance), build(instance)
    assert delete_old_runs(instance, 0) == 1
    root = Path(instance.root_directory)
    assert not [path for path in root.rglob("*") if first in f"{path}"]


def test_runs_of_partitions_stay(instance: dagster.DagsterInstance) -> None:
    for partition in ("a", "a", "b"):
        dagster.materialize([of_partitions], instance=instance, partition_key=partition)
    assert delete_old_runs(instance, 0) == 0
    assert instance.get_materialized_partitions(of_partitions.key) == {"a", "b"}


def test_younger_and_unfinished_runs_stay(instance: dagster.DagsterInstance) -> None:
    fail(instance)
    unfinished = instance.create_run_for_job(failing)
    assert delete_old_runs(instance, 1) == 0
    assert delete_old_runs(instance, 0) == 1
    assert run_ids(instance) == {unfinished.run_id}


def age(instance: dagster.DagsterInstance, days: int) -> None:
    """Makes all runs older."""
    with sqlite3.connect(Path(instance.root_directory, "history/runs.db")) as history:
        history.execute("UPDATE runs SET create_timestamp = datetime(create_timestamp, ?)", [f"-{days} days"])


@pytest.mark.parametrize(("days", "is_deleted"), [(90, True), (100, False), (0, False)])
def test_stedi_run_deletes_what_is_older_than_the_setting(
    project: Project, instance: dagster.DagsterInstance, days: int, is_deleted: bool
) -> None:
    old = fail(instance)
    age(instance, 95)
    home = Path(instance.root_directory)
    settings = {**project.variables, "DAGSTER_HOME": str(home), "STEDI_RUN_HISTORY_DAYS": f"{days}"}
    finished = run("stedi", "run", "--select", "key:customer_landing", folder=home, **settings)
    assert finished.exit_code == 0, finished.output
    assert (old not in run_ids(instance)) == is_deleted
