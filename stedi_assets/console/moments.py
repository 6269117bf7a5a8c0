"""Versions of a table: by number, or by what was current at an instant."""

from datetime import UTC, datetime
from typing import Any

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from stedi_assets.errors import StediError

Moment = int | datetime
"""A Delta version, or an instant."""


def commit_time(entry: dict[str, Any]) -> datetime:
    """Returns when a commit of a table's history was made.

    Args:
        entry: Of the history.
    """
    return datetime.fromtimestamp(entry["timestamp"] / 1000, UTC)


def written(instant: datetime) -> str:
    """Writes an instant so that `--as-of` takes it back exactly: commits carry milliseconds.

    Args:
        instant: In UTC.
    """
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def load(table: DeltaTable, name: str, moment: Moment) -> None:
    """Takes a table back to an earlier version.

    Args:
        table: The table, at its current version.
        name: Its name.
        moment: The version, or the instant at which it was current.

    Raises:
        StediError: There is no such version.
    """
    version = _version_at(table, name, moment) if isinstance(moment, datetime) else moment
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
    # deltalake goes by the times of the log's files, which a copy changes, and takes version 0 for all that is earlier.
    history = table.history()
    versions = [int(entry["version"]) for entry in history if commit_time(entry) <= instant]
    if not versions:
        first = written(commit_time(history[-1]))
        raise StediError(
            f"The table {name} did not exist at {written(instant)}: its first commit known is of {first}.",
            f"stedi history {name} lists its versions.",
        )
    return max(versions)


def parse_moment(text: str) -> Moment:
    """Reads a moment as a user writes it.

    Args:
        text: A version, or an instant in ISO 8601; one without a time zone is in UTC.

    Returns:
        The version, or the instant in UTC.

    Raises:
        ValueError: It is neither.
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
