"""What a run costs in Dagster's event log: its databases stay open, so that no event has to close them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster

from stedi_assets.defs.io_managers.event_log import event_log_kept_open


@dagster.resource
@contextmanager
def kept_open(context: dagster.InitResourceContext) -> Iterator[None]:
    """Keeps the event log open as long as a resource of a run lasts."""
    with event_log_kept_open(context):
        yield


@dagster.op(required_resource_keys={"log"})
def list_logs(context: dagster.OpExecutionContext) -> list[str]:
    """Writes an event, and tells which databases then have a write-ahead log that nobody has closed."""
    folder = Path(context.instance.root_directory)
    context.log.info("An event.")
    return sorted(path.name.replace(context.run_id, "run") for path in folder.rglob("*.db-wal"))


@dagster.job(resource_defs={"log": kept_open})
def one_event() -> None:
    """A run of one op."""
    list_logs()


def test_the_event_log_stays_open_until_the_run_is_over(tmp_path: Path) -> None:
    with dagster.DagsterInstance.local_temp(str(tmp_path)) as instance:
        run = one_event.execute_in_process(instance=instance)

        assert run.output_for_node("list_logs") == ["index.db-wal", "run.db-wal"]
        assert not list(tmp_path.rglob("*.db-wal"))
        assert run.success


def test_an_event_log_that_is_not_in_files_is_left_alone() -> None:
    with dagster.DagsterInstance.ephemeral() as instance:
        assert one_event.execute_in_process(instance=instance, resources={"log": kept_open}).success
