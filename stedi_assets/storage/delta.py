"""Delta tables: a commit makes Parquet files that an engine wrote the table's current version, all at once.

Only the transaction log is written here, never data. Tables stay at reader version 1 and writer version 2, which every
Delta reader understands.
"""

import errno
import json
import re
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path, PurePath, PurePosixPath
from typing import Any
from urllib.parse import unquote

from deltalake import CommitProperties, DeltaTable, Schema
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.transaction import AddAction, RemoveAction, create_table_with_add_actions

from stedi_assets.errors import StediError
from stedi_assets.storage.attempt import ATTEMPT_FILE
from stedi_assets.storage.columns import column_types, difference, in_order
from stedi_assets.storage.location import Location
from stedi_assets.storage.refusals import refusal_told

COMMIT_KEY = "stedi.commit"
"""Marks a commit, so that it can be found again among those of others."""

COMMITS_WITHOUT_ROWS = frozenset({"VACUUM START", "VACUUM END", "OPTIMIZE", "SET TBLPROPERTIES"})
"""Operations that leave a table's rows as they are."""

FIRST_READER_WITH_FEATURES = 2
"""The protocol's reader version from which files may not hold a table's rows as they are."""

COLUMN_MAPPING = "delta.columnMapping.mode"

READ_FEATURES = frozenset({"columnMapping", "timestampNtz", "v2Checkpoint", "vacuumProtocolCheck"})
"""The reader features that change no row of a Parquet file. A table may list column mapping and not use it."""

RECENT_COMMITS = 20
"""How many of the newest commits are searched."""


WITHOUT_HARD_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.ENOSYS})
"""The errors of a disk that takes no hard links."""

COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class DataFile:
    """One Parquet file that an engine wrote into a table's folder.

    Attributes:
        path: Its path relative to the table's folder.
        size: Bytes.
        rows: Number of rows.
        schema: The columns of its rows.
        statistics: Per statistic (minValues, maxValues, nullCount) a value by column, as the Delta protocol names
            them.
    """

    path: str
    size: int
    rows: int
    schema: Schema
    statistics: Mapping[str, Mapping[str, int | float]]

    def add_action(self) -> AddAction:
        """Returns the log entry that adds the file to a table."""
        return AddAction(
            path=self.path,
            size=self.size,
            partition_values={},
            modification_time=int(time.time() * 1000),
            data_change=True,
            stats=json.dumps({"numRecords": self.rows, **self.statistics}),
        )


def open_table(table: Location) -> DeltaTable | None:
    """Opens a table at its current version.

    Args:
        table: The table's folder.

    Returns:
        The table, or None where there is none.

    Raises:
        StediError: A bucket refuses, a link leads to the folder, or the table needs a feature of Delta that this
            program does not read.
    """
    table.refuse_links()
    with suppress(TableNotFoundError), _refusals_explained(table):
        opened = DeltaTable(table.path, storage_options=table.delta_options)
        refuse_unread_features(opened)
        return opened
    return None


def refuse_unread_features(table: DeltaTable) -> None:
    """Refuses a version of a table whose Parquet files do not hold its rows as they are.

    Args:
        table: The table, at the version that is to be read.

    Raises:
        StediError: A file has deletion vectors or mapped columns, or the table needs a feature that is not known here.
    """
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
    """Brings an open table up to its newest version, which takes far less time than opening it.

    Args:
        current: The table.
        table: Its folder.

    Raises:
        StediError: A bucket refuses.
    """
    with _refusals_explained(table):
        current.update_incremental()


def data_files(table: DeltaTable) -> list[str]:
    """Returns the paths of the Parquet files that are a table's current version.

    Args:
        table: The table.

    Raises:
        StediError: This version needs a feature of Delta that this program does not read.
    """
    refuse_unread_features(table)
    # deltalake gives URIs, in which a space or an umlaut of the folder's name is encoded.
    return [unquote(uri) for uri in table.file_uris()]


def current_files(table: DeltaTable) -> list[DataFile]:
    """Returns the Parquet files that are a table's current version, without their statistics.

    Args:
        table: The table.
    """
    actions = table.get_add_actions(flatten=True)
    paths, sizes, rows = (actions.column(name).to_pylist() for name in ("path", "size_bytes", "num_records"))
    schema = table.schema()
    return [DataFile(*file, schema, statistics={}) for file in zip(paths, sizes, rows, strict=True)]


def commit(
    current: DeltaTable | None,
    table: Location,
    schema: Schema,
    files: Sequence[DataFile],
    metadata: Mapping[str, str],
    description: str | None,
) -> int:
    """Makes the files the whole content of the table, in one atomic commit.

    Readers see the old version until the commit, and the new one, whole, after it.

    Args:
        current: The table that the commit follows, or None where there is none.
        table: The table's folder, which holds the files.
        schema: The table's new schema.
        files: The new content.
        metadata: Kept with the commit in the table's history, such as the run.
        description: Kept with the table when it is created.

    Returns:
        The version that the commit made.

    Raises:
        StediError: Another writer committed in between, and the table is at that writer's version; or a file has
            other columns than the schema, and none of the files is left.
    """
    _refuse_other_columns(table, schema, files)
    marker, properties = _marked(metadata)
    actions = [file.add_action() for file in files]
    if current is not None:
        schema = in_order(schema, current.schema())
        replace = partial(current.create_write_transaction, [*actions], "overwrite", schema)
        return _committed(table, marker, current.version() + 1, partial(replace, commit_properties=properties))
    create = partial(create_table_with_add_actions, table.path, schema, actions, mode="error", description=description)
    options = table.delta_options
    return _committed(table, marker, 0, partial(create, storage_options=options, commit_properties=properties))


def amend(
    current: DeltaTable, table: Location, added: Sequence[DataFile], removed: Sequence[str], metadata: Mapping[str, str]
) -> int:
    """Adds files to a table and takes others away, in one atomic commit.

    Args:
        current: The table, at the version that the files were chosen by.
        table: Its folder, which holds the files.
        added: The new files.
        removed: The paths of files that are no longer part of it.
        metadata: Kept with the commit in the table's history.

    Returns:
        The version that the commit made.

    Raises:
        StediError: Another writer committed in between, and the table is at that writer's version; or a new file has
            other columns than the table, and none of the new files is left.
    """
    _refuse_other_columns(table, current.schema(), added)
    marker, properties = _marked(metadata)
    now = int(time.time() * 1000)
    actions: list[AddAction | RemoveAction] = [file.add_action() for file in added]
    names = [PurePath(path).relative_to(table.path).as_posix() for path in removed]
    actions += [RemoveAction(name, data_change=True, deletion_timestamp=now) for name in names]
    replace = partial(current.create_write_transaction, actions, "append", current.schema())
    return _committed(table, marker, current.version() + 1, partial(replace, commit_properties=properties))


def foreign_files(table: Location, names: Sequence[str]) -> list[str]:
    """Finds the files in a table's folder that are not the table's: no version has them, and no attempt wrote them.

    Args:
        table: The table's folder.
        names: The paths of files in it.

    Returns:
        Those that belong to somebody else.

    Raises:
        StediError: A bucket refuses.
    """
    unknown = [name for name in names if not ATTEMPT_FILE.fullmatch(name)]
    # Other programs name their files as they like. Their names take the whole log to know, which few tables need.
    named = _files_named_in_log(table) if unknown else frozenset()
    return [name for name in unknown if name not in named]


def _files_named_in_log(table: Location) -> frozenset[str]:
    """Names the data files of every version that the log holds, each with that of its checksum.

    A log that cannot be read names none.
    """
    with suppress(DeltaError, OSError), _refusals_explained(table):
        opened = DeltaTable(table.path, storage_options=table.delta_options)
        current = opened.get_add_actions().column("path").to_pylist()
        replaced = opened.vacuum(0, dry_run=True, enforce_retention_duration=False)
        paths = [PurePath(name) for name in (*map(unquote, current), *replaced)]
        return frozenset(
            name for path in paths for name in (path.as_posix(), path.with_name(f".{path.name}.crc").as_posix())
        )
    return frozenset()


def vacuum(table: Location, retention: timedelta, *, dry_run: bool = False) -> Sequence[str]:
    """Deletes the files that no version within a retention needs: of old versions, and of attempts that failed.

    A file that neither a version nor an attempt brought stays, whoever put it there.

    Args:
        table: The table's folder.
        retention: How old a version may be and still be read. With 0, only while no run writes the table.
        dry_run: Whether to delete nothing.

    Returns:
        The paths of the files, relative to the table's folder; none where there is no table.

    Raises:
        StediError: They cannot be deleted.
    """
    current = open_table(table)
    if current is None:
        return []
    hours = int(retention / timedelta(hours=1))
    try:
        unneeded = current.vacuum(hours, dry_run=True, enforce_retention_duration=False, full=True)
    except (DeltaError, OSError) as error:
        raise _failure(table, error) from None
    # deltalake would delete them all, also what a person keeps in the folder.
    foreign = set(foreign_files(table, unneeded))
    own = [name for name in dict.fromkeys(unneeded) if name not in foreign]
    if not dry_run:
        table.files.delete_files(table.path, own)
    return own


def newest_metadata(table: DeltaTable) -> Mapping[str, Any]:
    """Looks up what the last commit that changed a table's rows keeps.

    Args:
        table: The table, which is brought up to its newest version, so that it is that commit's.

    Returns:
        The commit's metadata, without the keys of this program where another one made it.
    """
    return next((entry for entry in _history(table) if entry["operation"] not in COMMITS_WITHOUT_ROWS), {})


@contextmanager
def _refusals_explained(table: Location) -> Iterator[None]:
    try:
        yield
    except TableNotFoundError:
        raise
    except (DeltaError, OSError) as error:
        if table.is_local:
            raise
        raise refusal_told(str(error), table.path) from None


def _refuse_other_columns(table: Location, schema: Schema, files: Sequence[DataFile]) -> None:
    """Refuses files that a reader of the table could not read by its log, and deletes them."""
    expected = column_types(schema)
    others = (column_types(file.schema) for file in files if file.schema != schema)
    wrong = next(filter(None, (difference(columns, expected) for columns in others)), None)
    if wrong is None:
        return
    # An engine may have written them into a folder of their own.
    for name in {PurePosixPath(file.path).parts[0] for file in files}:
        # The columns are the failure to tell of.
        with suppress(StediError, OSError):
            table.files.delete(table.path, name)
    raise StediError(
        f"Files written for the table at {table} do not have the columns of its log: {wrong}. The table is as it was.",
        "Cast the column in the SELECT to the type that the contract gives it, and materialize the asset again; a "
        "landing table with full_refresh.",
    )


def _marked(metadata: Mapping[str, str]) -> tuple[str, CommitProperties]:
    marker = uuid.uuid4().hex
    # No retry: deltalake would add an append to what another run has just committed, and the rows would be there twice.
    return marker, CommitProperties(custom_metadata={**metadata, COMMIT_KEY: marker}, max_commit_retries=0)


def _committed(table: Location, marker: str, next_version: int, make: Callable[[], None]) -> int:
    try:
        make()
    except (DeltaError, OSError) as error:
        # A store that took the commit may lose its answer, and refuse the second try: the commit is there all the same.
        version = _version_of(table, marker)
        if version is None:
            raise _failure(table, error) from None
        return version
    # Without retries deltalake makes no other version than the one after that which it knew.
    return next_version


def _failure(table: Location, error: Exception) -> StediError:
    if isinstance(error, CommitFailedError) or "already exists" in str(error):
        return StediError(
            f"Another run changed the table at {table} while this one wrote it; this run's rows were not stored.",
            "Materialize the asset again, with one run at a time.",
        )
    if not table.is_local:
        return refusal_told(str(error), table.path)
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
        # A disk that is full or a folder that may not be written says nothing of links.
        return error.errno not in WITHOUT_HARD_LINKS
    return True


def _in_one_line(error: Exception) -> str:
    # delta-rs tells each cause in a line of its own, with an arrow in colour before it.
    return ": ".join(filter(None, (line.strip(" ↳") for line in COLOUR.sub("", str(error)).splitlines())))


def _history(table: DeltaTable) -> list[dict[str, Any]]:
    """Returns the newest commits, at the last of which the table then is.

    deltalake tells those of the log, whatever version the table is at, and numbers them as if it were at the last.
    """
    while True:
        version = table.version()
        entries = table.history(limit=RECENT_COMMITS)
        table.update_incremental()
        if table.version() == version:
            return entries


def _version_of(table: Location, marker: str) -> int | None:
    stored = open_table(table)
    history = _history(stored) if stored else []
    return next((int(entry["version"]) for entry in history if entry.get(COMMIT_KEY) == marker), None)
