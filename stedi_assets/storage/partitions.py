"""Partition columns in the log of a Delta table: their values as text, and the tables that are refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from stedi_assets.errors import StediError
from stedi_assets.storage.attempt import ATTEMPT_FILE

if TYPE_CHECKING:
    from deltalake import DeltaTable

PREFIX = "partition."
"""deltalake's prefix for partition columns among those of the files."""

INSTANT = "%Y-%m-%d %H:%M:%S.%f"
"""The form that a timestamp has in the log, in UTC."""


def instant(text: str) -> datetime:
    """Returns the instant of a timestamp in the log or in an engine's output. Without a time zone it counts as UTC."""
    parsed = datetime.fromisoformat(text)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def in_log(text: str, kind: str) -> str:
    """Returns the text of a value as the log has it.

    Args:
        text: The text that an engine makes of the value.
        kind: Delta's name of the column's type.
    """
    return instant(text).astimezone(UTC).strftime(INSTANT) if kind == "timestamp" else text


def partition_of(columns: Mapping[str, Sequence[Any]], index: int) -> Mapping[str, str]:
    """Returns the value of each partition column of one file, as text.

    Args:
        columns: The columns of deltalake's list of a table's files.
        index: The place of the file in the list.
    """
    return {
        name.removeprefix(PREFIX): _text(values[index])
        for name, values in columns.items()
        if name.startswith(PREFIX) and values[index] is not None
    }


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.strftime(INSTANT)
    return str(value).lower() if isinstance(value, bool) else str(value)


def refuse_other_partition_columns(table: DeltaTable, columns: Sequence[str]) -> None:
    """Refuses a table whose partition columns are not the given ones.

    Args:
        table: The open table.
        columns: The partition columns of the asset; none if it has no partitions.

    Raises:
        StediError: The table has other partition columns.
    """
    found = table.metadata().partition_columns
    if sorted(found) != sorted(columns):
        raise StediError(
            f"The table at {table.table_uri} is partitioned by {_listed(found)}, but its asset by {_listed(columns)}. "
            "The table is as it was.",
            "Remove the folder of the table and materialize all of the asset, or give the asset back its partitions.",
        )


def _listed(columns: Sequence[str]) -> str:
    return " and ".join(columns) or "no column"


def refuse_files_without_partition_columns(table: DeltaTable) -> None:
    """Refuses a partitioned table of which another program wrote a file.

    Delta lets a file leave out the partition columns, and other programs do. This program's files have all columns.

    Raises:
        StediError: Another program wrote a file of the table.
    """
    if not table.metadata().partition_columns:
        return
    paths = table.get_add_actions().column("path").to_pylist()
    if not all(map(ATTEMPT_FILE.fullmatch, paths)):
        raise StediError(
            f"Another program wrote files of the partitioned table at {table.table_uri}. They may lack the partition "
            "columns, and this program does not read such files.",
            "Restore the version before that program's commit, or remove the folder and materialize all partitions.",
        )
