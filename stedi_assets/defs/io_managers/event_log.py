"""Dagster's SQLite event log, kept open while a run is on."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager

import dagster

INDEX = "index"
"""The database of what happened to assets and checks in any run; each run has another one."""


@contextmanager
def event_log_kept_open(context: dagster.InitResourceContext) -> Iterator[None]:
    """Keeps the databases open that Dagster writes the events of a run to, where they are files of SQLite.

    Dagster opens and closes a database several times for each event, and whoever is the last to close one has SQLite
    copy its write-ahead log into it and delete the log, which takes longer than the rest of an event. With a reader
    that stays until the run is over, no event is the last. Each one is on the disk before the next all the same.

    Args:
        context: Says which run, and where its events go.

    Yields:
        While the databases are open.
    """
    with ExitStack() as connections:
        for path in _databases(context):
            connection = connections.enter_context(closing(sqlite3.connect(path, check_same_thread=False)))
            # SQLite opens a file when it is first read. What is read to its end holds no lock.
            connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
        yield


def _databases(context: dagster.InitResourceContext) -> Sequence[str]:
    # Imported here: a process that only loads the definitions opens no event log.
    from dagster._core.storage.event_log import SqliteEventLogStorage  # noqa: PLC0415

    storage = context.instance.event_log_storage if context.instance else None
    if context.run is None or not isinstance(storage, SqliteEventLogStorage):
        return []
    return [storage.path_for_shard(shard) for shard in (INDEX, context.run.run_id)]
