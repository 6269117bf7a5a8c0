"""Instants as dates: the span of a table's readings, and the cells of columns that hold milliseconds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from stedi_assets.contract import SOURCES, TABLES

if TYPE_CHECKING:
    from stedi_assets.storage.delta import DataFile

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

INSTANTS = frozenset(
    column.name
    for columns in (*(source.columns for source in SOURCES.values()), *(table.columns for table in TABLES.values()))
    for column in columns
    if column.type == "BIGINT" and "milliseconds since 1970" in column.description
)
"""The names of the columns that hold instants, as the unit in their description says."""


@dataclass(frozen=True)
class Span:
    """The first and the last instant of readings, in UTC."""

    first: datetime
    last: datetime

    def __str__(self) -> str:
        first, last = self.first.date().isoformat(), self.last.date().isoformat()
        return first if first == last else f"{first} to {last}"


def instant(milliseconds: int | float) -> datetime | None:
    """Returns an instant in UTC; None for one that is out of Python's range.

    Args:
        milliseconds: The milliseconds since 1970.
    """
    try:
        return EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return None


def instant_text(milliseconds: int) -> str:
    """Returns an instant as a date and a time in UTC, to the millisecond if it has any."""
    found = instant(milliseconds)
    if found is None:
        return str(milliseconds)
    return found.replace(tzinfo=None).isoformat(" ", "milliseconds" if milliseconds % 1000 else "seconds")


def span_of(files: Sequence[DataFile], event_time: str | None) -> Span | None:
    """Returns the span of the readings in files; None where there are none, or the log lacks the statistics of a file.

    Args:
        files: The files of a table.
        event_time: The column with the instant of a reading; None for a table without one.
    """
    if event_time is None:
        return None
    filled = [file.statistics for file in files if file.rows != 0]
    limits = [statistics.get(name, {}).get(event_time) for statistics in filled for name in ("minValues", "maxValues")]
    known = [found for limit in limits if limit is not None and (found := instant(limit)) is not None]
    return Span(min(known), max(known)) if known and len(known) == len(limits) else None


def joined(spans: Iterable[Span | None]) -> Span | None:
    """Returns the span from the first to the last instant of several; None where none is known."""
    known = [span for span in spans if span is not None]
    if not known:
        return None
    return Span(min(span.first for span in known), max(span.last for span in known))
