"""A storage for `dagster.yaml`: Dagster's own classes with other connections."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage
from dagster._core.storage.runs.sqlite.sqlite_run_storage import SqliteRunStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, create_engine, event


class RunHistory(DagsterSqliteStorage):
    """Dagster's SQLite storage, whose databases stay open between events.

    Args:
        base_dir: The folder of the history, usually DAGSTER_HOME.
        inst_data: The entry of `dagster.yaml` for this class.
    """

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(base_dir, inst_data)
        self._run_storage = _Runs(self._run_storage._conn_string)
        self._event_log_storage = _EventLog(self._event_log_storage._base_dir)

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData, config_value: Any) -> "RunHistory":
        """Makes the storage that an entry of `dagster.yaml` configures."""
        return cls.from_local(inst_data=inst_data, **config_value)


class _Runs(SqliteRunStorage):
    @contextmanager
    def connect(self) -> Iterator[Connection]:
        with self._engine.begin() as connection:
            yield connection

    @cached_property
    def _engine(self) -> Engine:
        return _opened(self._conn_string)

    def dispose(self) -> None:
        self._engine.dispose()


class _EventLog(SqliteEventLogStorage):
    """Keeps two databases open: the index of all runs, and the database of the latest run."""

    def __init__(self, base_dir: str) -> None:
        self._engines: dict[str, Engine] = {}
        self._tables: set[str] = set()
        super().__init__(base_dir)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            engine = self._engine_of(shard)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.begin() as connection:
                yield connection

    def _engine_of(self, shard: str) -> Engine:
        if shard not in self._engines:
            self._close(self._engines.keys() - {INDEX_SHARD_NAME})
            self._engines[shard] = _opened(self.conn_string_for_shard(shard))
        return self._engines[shard]

    def _close(self, shards: set[str]) -> None:
        for shard in shards:
            self._engines.pop(shard).dispose()

    def has_table(self, table_name: str) -> bool:
        # Dagster asks before each event of a check. Nobody drops a table.
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def delete_events(self, run_id: str) -> None:
        super().delete_events(run_id)
        # Dagster empties the tables and leaves the file.
        self._close({run_id} & self._engines.keys())
        self._initialized_dbs.discard(run_id)
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self.path_for_shard(run_id)}{suffix}").unlink(missing_ok=True)

    def wipe(self) -> None:
        # Dagster deletes the files of the runs: an open database would write into a deleted file.
        self._close(set(self._engines))
        super().wipe()

    def dispose(self) -> None:
        self._close(set(self._engines))
        super().dispose()


def _opened(database: str) -> Engine:
    engine = create_engine(database, connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS})
    # With a write-ahead log, a power cut may lose the last events and no database. A killed process loses nothing.
    event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous = NORMAL"))
    return engine
