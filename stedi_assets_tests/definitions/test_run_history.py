"""The history of runs that the project's dagster.yaml keeps: Dagster's own files, by connections that stay open."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster
import pytest
import yaml

from stedi_assets.runs.history import RunHistory
from stedi_assets_tests.support.checkout import PROJECT

CONFIGURATION = PROJECT / ".dagster/dagster.yaml"


@contextmanager
def opened(home: Path) -> Iterator[dagster.DagsterInstance]:
    """Opens the history of a folder as every command of Dagster does."""
    with dagster.DagsterInstance.from_config(str(home)) as instance:
        yield instance


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A DAGSTER_HOME configured as the project's."""
    (tmp_path / "dagster.yaml").write_text(CONFIGURATION.read_text())
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    return tmp_path


@dagster.op
def list_open_databases(context: dagster.OpExecutionContext) -> list[str]:
    """Writes an event, and tells which databases of the history are then open."""
    context.log.info("An event.")
    opened = {os.path.realpath(entry) for entry in Path("/proc/self/fd").iterdir()}
    names = {Path(path).name for path in opened if path.startswith(context.instance.root_directory)}
    return sorted(name.replace(context.run_id, "run") for name in names if name.endswith(".db"))


@dagster.job
def one_event() -> None:
    """A run of one op."""
    list_open_databases()


def test_the_databases_of_a_run_stay_open_between_its_events(home: Path) -> None:
    with opened(home) as instance:
        run = one_event.execute_in_process(instance=instance)
        assert run.output_for_node("list_open_databases") == ["index.db", "run.db", "runs.db"]
    assert not list(home.rglob("*.db-wal"))


def test_only_the_latest_of_the_runs_stays_open(home: Path) -> None:
    with opened(home) as instance:
        assert one_event.execute_in_process(instance=instance).success
        run = one_event.execute_in_process(instance=instance)
        assert run.output_for_node("list_open_databases") == ["index.db", "run.db", "runs.db"]


def test_dagsters_own_storage_reads_the_history(home: Path) -> None:
    with opened(home) as instance:
        run_id = one_event.execute_in_process(instance=instance).run_id
    configuration = yaml.safe_load(CONFIGURATION.read_text())
    configuration["storage"] = {"sqlite": {"base_dir": str(home)}}
    (home / "dagster.yaml").write_text(yaml.safe_dump(configuration))
    with opened(home) as instance:
        assert not isinstance(instance.event_log_storage, type(RunHistory(str(home)).event_log_storage))
        run = instance.get_run_by_id(run_id)
        assert run is not None
        assert run.status is dagster.DagsterRunStatus.SUCCESS
        assert "An event." in [entry.user_message for entry in instance.all_logs(run_id)]


def test_a_history_that_was_wiped_takes_the_next_run(home: Path) -> None:
    with opened(home) as instance:
        first = one_event.execute_in_process(instance=instance).run_id
        instance.wipe()
        assert not instance.get_runs()
        second = one_event.execute_in_process(instance=instance).run_id
        assert [run.run_id for run in instance.get_runs()] == [second]
        assert instance.all_logs(second)
        assert not instance.all_logs(first)
