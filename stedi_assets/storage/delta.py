"""Delta tables: one atomic commit makes the Parquet files of an engine the table's current version.

This module writes the transaction log only, never data. Tables stay at reader version 1 and writer version 2, which
every Delta reader understands.
"""

import errno
import json
import re
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import unquote

from deltalake import CommitProperties, DeltaTable, Schema
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.transaction import AddAction, RemoveAction, create_table_with_add_actions

from stedi_assets.errors import ConflictError, StediError
from stedi_assets.storage.attempt import files_discarded_on_failure
from stedi_assets.storage.columns import column_types, difference, in_order
from stedi_assets.storage.location import Location
from stedi_assets.storage.partitions import (
    partition_of,
    refuse_files_without_partition_columns,
    refuse_other_partition_columns,
)
from stedi_assets.storage.refusals import refusal_in_text
from stedi_assets.storage.same_rows import SAME_ROWS_KEY, keeps_rows

RUN_KEY = "dagster/run_id"
"""The key of a commit's metadata that holds the id of the run."""

ENGINE_KEY = "stedi.engine"
"""The key of a commit's metadata that names the engine that computed the rows, with its version."""

COMMIT_KEY = "stedi.commit"
"""The key of a commit's metadata whose value is unique, so that the commit can be found among those of others."""

FIRST_READER_WITH_FEATURES = 2
"""The protocol's first reader version in which a Parquet file may hold rows that the table does not have."""

COLUMN_MAPPING = "delta.columnMapping.mode"

READ_FEATURES = frozenset({"columnMapping", "timestampNtz", "v2Checkpoint", "vacuumProtocolCheck"})
"""The reader features that leave the rows of Parquet files as they are. A table may list columnMapping without use."""

STATISTICS = {"minValues": "min.", "maxValues": "max.", "nullCount": "null_count."}
"""From a statistic's name in the Delta protocol to deltalake's prefix for its columns."""

RECENT_COMMITS = 20
"""How many of the newest commits are searched."""

WITHOUT_HARD_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.ENOSYS})
"""The errors of a file system without hard links."""

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
"""A terminal's escape sequence for a colour."""


@dataclass(frozen=True)
class DataFile:
    """One Parquet file of a table.

    Attributes:
        path: The path relative to the table's folder.
        size: The size in bytes.
        rows: The number of rows.
        schema: The columns of the rows.
        statistics: From a statistic's name in the Delta protocol (minValues, maxValues, nullCount) to its value for
            each column.
        partition: From each partition column of the table to the value that all rows of the file have in it, as text.
            The file has the column too, so that its rows can be read without the log.
    """

    path: str
    size: int
    rows: int
    schema: Schema
    statistics: Mapping[str, Mapping[str, int | float]]
    partition: Mapping[str, str] = field(default_factory=dict)

    def add_action(self, *, data_change: bool = True) -> AddAction:
        """Returns the log entry that adds the file to a table.

        Args:
            data_change: Whether the table did not have the rows before.
        """
        return AddAction(
            path=self.path,
            size=self.size,
            partition_values=self.partition,
            modification_time=int(time.time() * 1000),
            data_change=data_change,
            stats=json.dumps({"numRecords": self.rows, **self.statistics}),
        )


def open_table(table: Location) -> DeltaTable | None:
    """Opens the table in a folder at its current version; None where the folder holds no table.

    Raises:
        StediError: A bucket refuses, a link leads to the folder, or the table needs a feature of Delta that this
            program does not read.
    """
    table.refuse_links()
    with suppress(TableNotFoundError), refusals_explained(table):
        opened = DeltaTable(table.path, storage_options=table.delta_options)
        refuse_unread_features(opened)
        return opened
    return None


def refuse_unread_features(table: DeltaTable) -> None:
    """Refuses a table whose Parquet files, at its opened version, do not hold exactly the table's rows.

    Raises:
        StediError: A file has deletion vectors or mapped columns or lacks the partition columns, or the table needs a
            feature unknown to this program.
    """
    refuse_files_without_partition_columns(table)
    protocol = table.protocol()
    if protocol.min_reader_version < FIRST_READER_WITH_FEATURES:
        return
    needed = set(protocol.reader_features or ()) - READ_FEATURES
    if table.metadata().configuration.get(COLUMN_MAPPING, "none") != "none":
        needed.add("columnMapping")
    if "deletionVectors" in needed and not table.deletion_vectors().read_all().num_rows:
        needed.remove("deletionVectors")
    if needed:
        raise StediError(
            f"Another program wrote the table at {table.table_uri} with {' and '.join(sorted(needed))}, "
            "which this program does not read: rows would be wrong.",
            "Have that program write the files anew without it (for deletion vectors: REORG TABLE … APPLY (PURGE)), or "
            "remove the folder and materialize the table again.",
        )


def refresh(current: DeltaTable, table: Location) -> None:
    """Updates an open table to its newest version, in far less time than opening it takes.

    Args:
        current: The open table.
        table: The table's folder.

    Raises:
        StediError: A bucket refuses.
    """
    with refusals_explained(table):
        current.update_incremental()


def data_files(table: DeltaTable) -> list[str]:
    """Returns the absolute paths of the Parquet files of a table's opened version.

    Raises:
        StediError: This version needs a feature of Delta that this program does not read.
    """
    refuse_unread_features(table)
    # deltalake percent-encodes spaces and umlauts of the folder's name.
    return [unquote(uri) for uri in table.file_uris()]


def open_version(table: Location, version: int) -> DeltaTable | None:
    """Opens the table in a folder at an earlier version; None where its log no longer holds that version.

    Raises:
        StediError: That version needs a feature of Delta that this program does not read.
    """
    with suppress(DeltaError, OSError):
        opened = DeltaTable(table.path, version=version, storage_options=table.delta_options)
        refuse_unread_features(opened)
        return opened
    return None


def current_files(table: DeltaTable) -> list[DataFile]:
    """Returns the Parquet files of a table's opened version, with the statistics of its log."""
    actions = table.get_add_actions(flatten=True)
    columns: dict[str, list[Any]] = {name: list(actions.column(name).to_pylist()) for name in actions.schema.names}
    schema = table.schema()
    return [
        DataFile(unquote(path), size, rows, schema, _statistics(columns, index), partition_of(columns, index))
        for index, (path, size, rows) in enumerate(
            zip(columns["path"], columns["size_bytes"], columns["num_records"], strict=True)
        )
    ]


def _statistics(columns: Mapping[str, Sequence[Any]], index: int) -> dict[str, dict[str, Any]]:
    return {
        statistic: {
            name.removeprefix(prefix): values[index]
            for name, values in columns.items()
            if name.startswith(prefix) and values[index] is not None
        }
        for statistic, prefix in STATISTICS.items()
    }


def commit(
    current: DeltaTable | None,
    table: Location,
    schema: Schema,
    files: Sequence[DataFile],
    metadata: Mapping[str, str],
    description: str | None,
    partition_columns: Sequence[str] = (),
) -> int:
    """Replaces the whole content of a table by staged files, in one atomic commit.

    Readers see all of the old version until the commit, and all of the new one after it.

    Args:
        current: The table at the version that the commit follows; None to create the table.
        table: The table's folder, which holds the files.
        schema: The table's new schema.
        files: The new content.
        metadata: Stored with the commit in the table's history, such as the run.
        description: Stored with the table when the commit creates it.
        partition_columns: The partition columns of the table.

    Returns:
        The version of the commit.

    Raises:
        ConflictError: Another writer committed first. The table is at that writer's version.
        StediError: A file's columns differ from the schema, or the table has other partition columns, and all the files
            are deleted; or the store refuses.
    """
    with files_discarded_on_failure(table, [file.path for file in files]):
        _refuse_other_columns(table, schema, files)
        if current is not None:
            refuse_other_partition_columns(current, partition_columns)
    marker, properties = _marked(metadata)
    actions = [file.add_action() for file in files]
    if current is not None:
        schema = in_order(schema, current.schema())
        replace = partial(current.create_write_transaction, [*actions], "overwrite", schema, [*partition_columns])
        return _committed(table, marker, current.version(), partial(replace, commit_properties=properties))
    create = partial(
        create_table_with_add_actions,
        table.path,
        schema,
        actions,
        mode="error",
        partition_by=[*partition_columns],
        description=description,
        storage_options=table.delta_options,
        commit_properties=properties,
    )
    return _committed(table, marker, None, create)


def amend(
    current: DeltaTable, table: Location, added: Sequence[DataFile], removed: Sequence[str], metadata: Mapping[str, str]
) -> int:
    """Adds staged files to a table and removes others, in one atomic commit.

    Args:
        current: The table at the version that the removed files were chosen from.
        table: The table's folder, which holds the added files.
        added: The new files.
        removed: The absolute paths of the files to remove from the table. The files themselves stay until a vacuum.
        metadata: Stored with the commit in the table's history. `SAME_ROWS_KEY` in it says that the added files have
            the rows of the removed ones.

    Returns:
        The version of the commit.

    Raises:
        ConflictError: Another writer committed first. The table is at that writer's version.
        StediError: The columns of an added file differ from the table's, and all the added files are deleted; or the
            store refuses.
    """
    with files_discarded_on_failure(table, [file.path for file in added]):
        _refuse_other_columns(table, current.schema(), added)
    marker, properties = _marked(metadata)
    now = int(time.time() * 1000)
    data_change = SAME_ROWS_KEY not in metadata
    actions: list[AddAction | RemoveAction] = [file.add_action(data_change=data_change) for file in added]
    names = [PurePath(path).relative_to(table.path).as_posix() for path in removed]
    actions += [RemoveAction(name, data_change=data_change, deletion_timestamp=now) for name in names]
    # In the mode "overwrite" deltalake would remove every file of the table. In the mode "append" it commits the
    # actions as they are, removals too.
    append = partial(current.create_write_transaction, actions, "append", current.schema())
    return _committed(table, marker, current.version(), partial(append, commit_properties=properties))


def newest_metadata(table: DeltaTable) -> Mapping[str, Any]:
    """Updates a table to its newest version, and returns the metadata of the last commit that changed its rows.

    The metadata of another program's commit lacks the keys of this one.
    """
    return next((entry for entry in _history(table) if not keeps_rows(entry)), {})


def write_checkpoint(table: Location, current: DeltaTable) -> None:
    """Writes the state of a table's opened version to its log, so that readers need no earlier commit.

    Args:
        table: The table's folder.
        current: The open table.

    Raises:
        StediError: The checkpoint cannot be written.
    """
    try:
        current.create_checkpoint()
    except (DeltaError, OSError) as error:
        raise failure(table, error) from None


@contextmanager
def refusals_explained(table: Location) -> Iterator[None]:
    """Raises a `StediError` in place of deltalake's error about a refusal of a bucket.

    Args:
        table: The table's folder.

    Raises:
        StediError: The bucket refused a request.
    """
    try:
        yield
    except TableNotFoundError:
        raise
    except (DeltaError, OSError) as error:
        if table.is_local:
            raise
        raise refusal_in_text(str(error), table.path) from None


def _refuse_other_columns(table: Location, schema: Schema, files: Sequence[DataFile]) -> None:
    """Refuses files whose columns differ from the log's, which no reader of the table could read."""
    expected = column_types(schema)
    differing = (column_types(file.schema) for file in files if file.schema != schema)
    wrong = next(filter(None, (difference(columns, expected) for columns in differing)), None)
    if wrong is None:
        return
    raise StediError(
        f"Files written for the table at {table} do not have the columns of its log: {wrong}. The table is as it was.",
        "Cast the column to the type of the table, and materialize the asset again; a landing table with "
        "full_refresh, and an asset with partitions with all of them in one run.",
    )


def _marked(metadata: Mapping[str, str]) -> tuple[str, CommitProperties]:
    marker = uuid.uuid4().hex
    # A retry would put an append on top of another writer's commit, and the rows of both would be in the table.
    return marker, CommitProperties(custom_metadata={**metadata, COMMIT_KEY: marker}, max_commit_retries=0)


def _committed(table: Location, marker: str, expected: int | None, make: Callable[[], None]) -> int:
    """Commits, and returns the version of the commit.

    Args:
        table: The table's folder.
        marker: The commit's value of `COMMIT_KEY`.
        expected: The version that the commit follows; None where it creates the table.
        make: Commits once, without retries.
    """
    try:
        make()
    except (DeltaError, OSError) as error:
        # A store may take the commit, lose its answer, and refuse the second request. The commit is in the log then.
        stored = open_table(table)
        version = _version_of(stored, marker) if stored else None
        if version is not None:
            return version
        if _is_conflict(error):
            raise ConflictError(
                f"Another run changed the table at {table} while this one wrote it; this run's rows were not stored.",
                "Materialize the asset again, with one run at a time.",
                folder=str(table),
                expected=expected,
                found=stored.version() if stored else None,
            ) from None
        raise failure(table, error) from None
    # Without retries, deltalake commits no other version than the next one.
    return 0 if expected is None else expected + 1


def _is_conflict(error: Exception) -> bool:
    return isinstance(error, CommitFailedError) or "already exists" in str(error)


def failure(table: Location, error: Exception) -> StediError:
    """Returns the error for a change of a table that deltalake could not make.

    Args:
        table: The table's folder.
        error: The error of deltalake.
    """
    if not table.is_local:
        return refusal_in_text(str(error), table.path)
    if not _takes_hard_links(table):
        return StediError(
            f"The table at {table} could not be committed: its disk takes no hard links, without which delta-rs cannot "
            "be sure that a commit never replaces another one. The table is as it was.",
            "Set STEDI_LAKEHOUSE to a folder on another disk; or, where no other program writes the tables at the same "
            "time, set MOUNT_ALLOW_UNSAFE_RENAME=true, at which delta-rs renames files instead.",
        )
    return StediError(
        f"The table at {table} could not be committed: {_in_one_line(error)}.",
        "Check the folder's permissions and its free space; the table is as it was.",
    )


def _takes_hard_links(table: Location) -> bool:
    try:
        with tempfile.TemporaryDirectory(dir=table.local_path, prefix=".links-") as folder:
            file = Path(folder, "file")
            file.touch()
            Path(folder, "link").hardlink_to(file)
    except OSError as error:
        # A full disk, or a folder without write permission, may have hard links all the same.
        return error.errno not in WITHOUT_HARD_LINKS
    return True


def _in_one_line(error: Exception) -> str:
    # delta-rs writes each cause on a line of its own, after an arrow in colour.
    return ": ".join(filter(None, (line.strip(" ↳") for line in COLOUR.sub("", str(error)).splitlines())))


def _history(table: DeltaTable) -> list[dict[str, Any]]:
    """Updates a table to its newest version, and returns its newest commits, the last one first.

    deltalake reads the newest commits of the log whatever version the table is opened at, but counts their versions
    down from the opened one. They are right where the table is at the newest version before and after.
    """
    while True:
        version = table.version()
        entries = table.history(limit=RECENT_COMMITS)
        table.update_incremental()
        if table.version() == version:
            return entries


def _version_of(table: DeltaTable, marker: str) -> int | None:
    return next((int(entry["version"]) for entry in _history(table) if entry.get(COMMIT_KEY) == marker), None)
