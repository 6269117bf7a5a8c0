"""Tables of other people's assets that have partitions: the rows of a partition are replaced and loaded alone."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from stedi_assets.engines.engine import Written
from stedi_assets.errors import StediError
from stedi_assets.lakehouse.content import Content
from stedi_assets.lakehouse.stopwatch import Stopwatch
from stedi_assets.query import Query, portable_literal
from stedi_assets.storage.delta import RUN_KEY, DataFile
from stedi_assets.storage.partitions import in_log, instant, refuse_other_partition_columns

if TYPE_CHECKING:
    from deltalake import Schema

    from stedi_assets.lakehouse.lakehouse import Lakehouse
    from stedi_assets.lakehouse.stored import Stored

TYPES_OF_WINDOWS = frozenset({"string", "date", "timestamp"})
"""The Delta types that a column of time windows may have. Text is the key of its window."""

TYPES_OF_KEYS = frozenset({"string", "date", "byte", "short", "integer", "long", "boolean"})
"""The Delta types that a column of other partitions may have. The text of a value is the key."""

PLAIN_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
"""Matches a column's name that DuckDB and Spark read without quotes."""

MOST_VALUES = 100
"""The greatest number of values that a partition may have in its columns. Each value has files of its own, so that a
timestamp that differs from row to row would make a file of each row."""

VALUES_SHOWN = 5
"""How many values outside of the asked partitions an error shows."""


@dataclass(frozen=True)
class Window:
    """The time of one partition, from its start up to its end, with the time zone of the partitions."""

    start: datetime
    end: datetime


@dataclass(frozen=True)
class Dimension:
    """One dimension of an asset's partitions.

    Attributes:
        column: The column of the table that says to which partition a row belongs.
        windows: From the key of each partition that is asked for to its time; None if the partitions are no times.
    """

    column: str
    windows: Mapping[str, Window] | None = None

    def key_of(self, text: str, kind: str) -> str | None:
        """Returns the key of the partition to which a value belongs; None if that partition is not asked for.

        Args:
            text: The value as text.
            kind: Delta's name of the column's type.
        """
        if self.windows is None or kind == "string":
            return text
        if kind == "date":
            return _window_of(date.fromisoformat(text), self._dates)
        return _window_of(instant(text), self._instants)

    @cached_property
    def _instants(self) -> Sequence[tuple[datetime, datetime, str]]:
        return sorted((window.start, window.end, key) for key, window in (self.windows or {}).items())

    @cached_property
    def _dates(self) -> Sequence[tuple[date, date, str]]:
        return [(start.date(), end.date(), key) for start, end, key in self._instants]


def _window_of(value: Any, windows: Sequence[tuple[Any, Any, str]]) -> str | None:
    place = bisect_right(windows, value, key=lambda window: window[0]) - 1
    return windows[place][2] if place >= 0 and value < windows[place][1] else None


@dataclass(frozen=True)
class Partitions:
    """The partitions of an asset that a run stores, or that an input loads.

    Attributes:
        dimensions: The dimensions of the asset's partitions.
        keys: The partitions: a key for each dimension, in their order.
    """

    dimensions: Sequence[Dimension]
    keys: frozenset[tuple[str, ...]]

    @property
    def columns(self) -> list[str]:
        """The partition columns."""
        return [dimension.column for dimension in self.dimensions]

    def hold(self, values: Mapping[str, str], kinds: Mapping[str, str]) -> bool:
        """Whether a row with these values belongs to the partitions.

        Args:
            values: From each partition column to its value as text.
            kinds: From each column of the table to Delta's name of its type.
        """
        keys = tuple(each.key_of(values[each.column], kinds[each.column]) for each in self.dimensions)
        return keys in self.keys

    @property
    def text(self) -> str:
        """The partitions for a message."""
        first = "|".join(min(self.keys))
        return f"the partition {first}" if len(self.keys) == 1 else f"the {len(self.keys):,} partitions from {first} on"


@dataclass(frozen=True)
class StoredPartitions:
    """The table after a run has stored partitions of it, and how many rows these have."""

    stored: Stored
    rows: int


def store_partitions(
    lakehouse: Lakehouse, name: str, value: Any, partitions: Partitions, run_id: str
) -> StoredPartitions:
    """Replaces the rows of partitions of a table with those of a query or a data frame, in one commit.

    The table is created if it does not exist. Each value of its partition columns has files of its own, so that other
    partitions keep their files.

    Args:
        lakehouse: The lakehouse.
        name: The table's name.
        value: A `Query`, or a data frame of a type that the engine supports.
        partitions: The partitions to which every row belongs.
        run_id: The run's id, which the commit's metadata keeps.

    Raises:
        ConflictError: Another writer holds the lakehouse, or changed the table first.
        StediError: A row does not belong to the partitions, the table has no such partition columns, or the rows cannot
            be computed, written or committed. The table is unchanged, unless the message says that it is stored.
    """
    stopwatch = Stopwatch()
    lakehouse.begin(run_id)
    current = lakehouse.find(name)
    if current is not None:
        refuse_other_partition_columns(current, partitions.columns)
    stopwatch.end("open")
    written = lakehouse.write(name, value)
    stopwatch.end("compute_and_write")
    with lakehouse.discarding(name, written.files):
        added = _by_value(lakehouse, name, written, partitions)
        before = [] if current is None else lakehouse.published(name).files
        removed = [] if current is None else _files_of(lakehouse.published(name), partitions)
        kept = {file.path for file in added}
        lakehouse.discard(name, [file for file in written.files if file.path not in kept])
    stopwatch.end("partition")
    metadata = {RUN_KEY: run_id}
    if current is None or len(removed) == len(before):
        # All rows are new, and so may the columns be.
        lakehouse.replace(name, current, Written(written.schema, added, partitions.columns), metadata)
    else:
        lakehouse.amend(name, current, added, removed, metadata)
    stopwatch.end("commit")
    stored = lakehouse.registered(name, lakehouse.stored(name, stopwatch))
    return StoredPartitions(stored, sum(file.rows for file in added))


def load_partitions(lakehouse: Lakehouse, name: str, kind: Any, partitions: Partitions) -> Any:
    """Loads the rows of partitions of a table as a value of the given type, such as `pandas.DataFrame`.

    A partition that was never stored has no rows.

    Raises:
        MissingTableError: The table does not exist.
        StediError: The table has other partition columns, or the engine does not support the type.
    """
    refuse_other_partition_columns(lakehouse.table(name), partitions.columns)
    content = lakehouse.published(name)
    files = _files_of(content, partitions)
    # A name of its own: a relation that an input has loaded from the table keeps its rows.
    view = lakehouse.define(Content(content.folder, files, content.schema))
    try:
        return lakehouse.engine.load(view, kind)
    except StediError as error:
        raise StediError(error.what.replace(view, name), error.remedy) from None


def _files_of(content: Content, partitions: Partitions) -> list[DataFile]:
    kinds = _kinds(content.schema)
    return [file for file in content.files if partitions.hold(file.partition, kinds)]


def _by_value(lakehouse: Lakehouse, name: str, written: Written, partitions: Partitions) -> list[DataFile]:
    """Returns staged files with the rows of the given ones, of which each has one value of the partition columns."""
    for dimension in partitions.dimensions:
        _refuse_column(name, dimension, written)
    view = lakehouse.define(Content(lakehouse.folder(name), written.files, written.schema))
    kinds = _kinds(written.schema)
    staged: list[DataFile] = []
    values = _values(lakehouse, name, view, kinds, partitions)
    for value in values:
        partition = {column: in_log(text, kinds[column]) for column, text in value.items()}
        if len(values) == 1:
            return [replace(file, partition=partition) for file in written.files if file.rows]
        condition = " AND ".join(f"{_text(column)} = {portable_literal(text)}" for column, text in value.items())
        with lakehouse.discarding(name, staged):
            files = lakehouse.write(name, Query(f"SELECT staged.* FROM {view} AS staged WHERE {condition}")).files
        staged += [replace(file, partition=partition) for file in files if file.rows]
        lakehouse.discard(name, [file for file in files if not file.rows])
    return staged


def _values(
    lakehouse: Lakehouse, name: str, view: str, kinds: Mapping[str, str], partitions: Partitions
) -> Sequence[Mapping[str, str]]:
    """Returns each combination of values that staged rows have in the partition columns, as text.

    Raises:
        StediError: A value is missing or does not belong to the partitions, or there are too many.
    """
    columns = partitions.columns
    texts = ", ".join(f"{_text(column)} AS value_{number}" for number, column in enumerate(columns))
    most = MOST_VALUES * len(partitions.keys)
    found = lakehouse.rows(f"SELECT DISTINCT {texts} FROM {view} AS staged LIMIT {most + 1}")
    values = [dict(zip(columns, row.values(), strict=True)) for row in found]
    _refuse_missing(name, values)
    outside = [value for value in values if not partitions.hold(value, kinds)]
    if outside:
        listed = sorted(
            # Text is not shown, because it may name a person.
            ", ".join(column if kinds[column] == "string" else f"{column} {text}" for column, text in value.items())
            for value in outside[:VALUES_SHOWN]
        )
        raise StediError(
            f"The asset {name} returned rows outside of {partitions.text}: with another value in {'; '.join(listed)}. "
            "Nothing was stored.",
            "Return the rows of the partitions that context.partition_keys names, and no others.",
        )
    if len(values) > most:
        raise StediError(
            f"The rows of {partitions.text} of {name} have more than {MOST_VALUES} values a partition in "
            f"{' and '.join(columns)}, and each value would have files of its own. Nothing was stored.",
            "Add a column with one value a partition, such as its key, and name that one in partition_expr.",
        )
    return sorted(values, key=lambda value: tuple(value.values()))


def _refuse_missing(name: str, values: Sequence[Mapping[str, str | None]]) -> None:
    # Delta takes an empty text in a partition column for null.
    missing = sorted({column for value in values for column, text in value.items() if not text})
    if missing:
        raise StediError(
            f"The asset {name} returned rows without a value in {' and '.join(missing)}, so they belong to no "
            "partition. Nothing was stored.",
            "Return a value in each row, or leave these rows out.",
        )


def _refuse_column(name: str, dimension: Dimension, written: Written) -> None:
    column, kinds = dimension.column, _kinds(written.schema)
    if column not in kinds or not PLAIN_NAME.fullmatch(column):
        raise StediError(
            f"The partition_expr of the asset {name} is {column!r}, which is no column of its rows that is called by "
            f"letters, digits and _ alone; its columns are {', '.join(kinds)}. Nothing was stored.",
            "Name one of the columns in partition_expr, and no expression.",
        )
    types = TYPES_OF_KEYS if dimension.windows is None else TYPES_OF_WINDOWS
    # An engine knows no type of an empty column of Python objects.
    if written.rows and kinds[column] not in types:
        raise StediError(
            f"The partition column {column} of the asset {name} has the type {kinds[column]}. Nothing was stored.",
            f"Return it as one of {', '.join(sorted(types))}.",
        )


def _kinds(schema: Schema) -> Mapping[str, str]:
    return {field.name: field.type.type for field in schema.fields}


def _text(column: str) -> str:
    return f"CAST(staged.{column} AS STRING)"
