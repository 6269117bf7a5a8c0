"""Delta tables: a commit makes Parquet files that an engine wrote the table's current version, all at once.

Only the transaction log is written here, never data. Tables stay at reader version 1 and writer version 2, which every
Delta reader understands.
"""

import json
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import unquote

from deltalake import CommitProperties, DeltaTable, Schema
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.transaction import AddAction, RemoveAction, create_table_with_add_actions

from stedi_assets.errors import StediError
from stedi_assets.storage.location import Location

COMMIT_KEY = "stedi.commit"
"""Marks a commit, so that it can be found again among those of others."""

RECENT_COMMITS = 100
"""How many of the newest commits are searched for one just made."""


@dataclass(frozen=True)
class DataFile:
    """One Parquet file that an engine wrote into a table's folder.

    Attributes:
        path: Its path relative to the table's folder.
        size: Bytes.
        rows: Number of rows.
        statistics: Per statistic (minValues, maxValues, nullCount) a value by column, as the Delta protocol names
            them.
    """

    path: str
    size: int
    rows: int
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
    """
    try:
        return DeltaTable(table.path)
    except TableNotFoundError:
        return None


def data_files(table: DeltaTable) -> list[str]:
    """Returns the paths of the Parquet files that are a table's current version.

    Args:
        table: The table.
    """
    # deltalake gives URIs, in which a space or an umlaut of the folder's name is encoded.
    return [unquote(uri) for uri in table.file_uris()]


def commit(
    table: Location, schema: Schema, files: Sequence[DataFile], metadata: Mapping[str, str], description: str | None
) -> int:
    """Makes the files the whole content of the table, in one atomic commit.

    Readers see the old version until the commit, and the new one, whole, after it.

    Args:
        table: The table's folder, which holds the files.
        schema: The table's new schema.
        files: The new content.
        metadata: Kept with the commit in the table's history, such as the run.
        description: Kept with the table when it is created.

    Returns:
        The version that the commit made.

    Raises:
        StediError: Another writer committed in between. The table is at that writer's version.
    """
    marker = uuid.uuid4().hex
    properties = CommitProperties(custom_metadata={**metadata, COMMIT_KEY: marker})
    actions = [file.add_action() for file in files]
    current = open_table(table)
    with _conflicts_explained(table):
        if current is None:
            create_table_with_add_actions(
                table.path, schema, actions, mode="error", description=description, commit_properties=properties
            )
        else:
            replaced: list[AddAction | RemoveAction] = [*actions]
            current.create_write_transaction(replaced, "overwrite", schema, commit_properties=properties)
    return _version_of(table, marker)


@contextmanager
def _conflicts_explained(table: Location) -> Iterator[None]:
    try:
        yield
    except CommitFailedError:
        raise StediError(
            f"Another run changed the table at {table} while this one wrote it; this run's rows were not stored.",
            "Materialize the asset again, with one run at a time.",
        ) from None
    except OSError as error:
        raise StediError(
            f"The table at {table} could not be committed: {str(error).splitlines()[0]}.",
            "Check the folder's permissions and its free space; the table is as it was.",
        ) from None
    except DeltaError as error:
        if "already exists" not in str(error):
            raise
        raise StediError(
            f"Another run created the table at {table} while this one wrote it; this run's rows were not stored.",
            "Materialize the asset again, with one run at a time.",
        ) from None


def _version_of(table: Location, marker: str) -> int:
    history = DeltaTable(table.path).history(limit=RECENT_COMMITS)
    return next(int(entry["version"]) for entry in history if entry.get(COMMIT_KEY) == marker)
