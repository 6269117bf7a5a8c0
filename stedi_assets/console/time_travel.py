"""Reads a table at an earlier version, given by its number or by an instant."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from stedi_assets.errors import StediError


@dataclass(frozen=True)
class Rejected:
    """Stands for the rejected version of one table, and the current versions of all others.

    Attributes:
        table: The name of the table of the contract.
    """

    table: str

    def names(self, name: str) -> bool:
        """Whether a name, in any case, is that table's."""
        return self.table.casefold() == name.casefold()


AsOf = int | datetime
"""A Delta version, or the instant at which a version was current."""


def commit_time(entry: dict[str, Any]) -> datetime:
    """Returns when a commit was made, in UTC.

    Args:
        entry: An entry of `DeltaTable.history`.
    """
    return datetime.fromtimestamp(entry["timestamp"] / 1000, UTC)


def format_instant(instant: datetime) -> str:
    """Returns an instant in UTC in ISO 8601 with milliseconds, the precision of commits, as `--as-of` reads it."""
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def load_version(table: DeltaTable, name: str, as_of: AsOf) -> None:
    """Loads an earlier version into a table that is open at its current version.

    Args:
        table: The table.
        name: The table's name, for messages.
        as_of: The version, or an instant at which the version was current.

    Raises:
        StediError: The table has no such version.
    """
    version = _version_at(table, name, as_of) if isinstance(as_of, datetime) else as_of
    if version == table.version():
        return
    remedy = f"stedi history {name} lists its versions."
    if version > table.version():
        raise StediError(f"The table {name} has no version {version}; its current one is {table.version()}.", remedy)
    try:
        table.load_as_version(version)
    except DeltaError:
        raise StediError(
            f"Version {version} of {name} can no longer be opened: the log does not reach back to it.", remedy
        ) from None


def _version_at(table: DeltaTable, name: str, instant: datetime) -> int:
    # deltalake compares the modification times of the log's files, which a copy changes, and returns version 0 for any
    # earlier instant. The commits' own times are reliable.
    history = table.history()
    versions = [int(entry["version"]) for entry in history if commit_time(entry) <= instant]
    if not versions:
        first = format_instant(commit_time(history[-1]))
        raise StediError(
            f"The table {name} did not exist at {format_instant(instant)}: its first known commit is of {first}.",
            f"stedi history {name} lists its versions.",
        )
    return max(versions)


def parse_as_of(text: str) -> AsOf:
    """Returns the version or the instant that a user typed.

    Args:
        text: A version, or an instant in ISO 8601. An instant without a time zone is in UTC.

    Returns:
        The version, or the instant in UTC.

    Raises:
        ValueError: The text is neither.
    """
    if text.isdecimal():
        return int(text)
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is neither a version, such as 3, nor an instant, such as 2030-01-31T12:00:00Z."
        ) from None
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
