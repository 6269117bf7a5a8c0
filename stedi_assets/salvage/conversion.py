"""Converting decoded records to rows.

Nearly all values need no conversion: `RecordConverter.columns` checks them a column at a time. Any other record is
decoded again from its own text, and converted by `RecordConverter.row`. Both give the same row for the same record.
"""

import re
from collections.abc import Collection, Container, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from stedi_assets.salvage.columns import ColumnLike
from stedi_assets.salvage.events import Run
from stedi_assets.salvage.values import RefusalError, Value, convert, converter, members

SPACE_BEFORE_COLON = re.compile(r'"[ \t\r\n]+:')


@dataclass
class ConvertedRun:
    """The rows of a run of records.

    Attributes:
        columns: For each column, in order, one value for each row.
        refusals: From the index in the run of each record that is not a row to the reason, by index.
    """

    columns: list[list[Value]]
    refusals: dict[int, RefusalError]


class RecordConverter:
    """Converts records to rows.

    Args:
        columns: The columns of the rows. Their names differ by more than case.
        erased: The erased customers, whose records are refused: pairs of a column's name and a value that identifies
            the customer.
    """

    def __init__(self, columns: Sequence[ColumnLike], erased: Container[object] = ()) -> None:
        self._columns = tuple(columns)
        self._erased = erased
        self._naming = [index for index, column in enumerate(columns) if column.names_customer]
        self._indexes = {column.name.lower(): index for index, column in enumerate(columns)}

    def unknown_keys(self, keys: Collection[str]) -> Iterator[str]:
        """Returns the keys that are no column's."""
        return (key for key in keys if key.lower() not in self._indexes)

    def row(self, members: Sequence[tuple[str, object]]) -> list[Value]:
        """Returns one value for each column.

        Args:
            members: The record's keys and values, as `values.members` gives them.

        Raises:
            RefusalError: The record is not a row.
        """
        row: list[Value] = [None] * len(self._columns)
        seen: set[int] = set()
        for key, value in members:
            index = self._indexes.get(key.lower())
            if index is None:
                continue
            converted = convert(value, self._columns[index])
            if index in seen and converted != row[index]:
                raise RefusalError("duplicate_key", self._columns[index].name)
            row[index] = converted
            seen.add(index)
        for column, value in zip(self._columns, row, strict=True):
            if column.required and value is None:
                raise RefusalError("missing_required", column.name)
        for index in self._naming:
            if (self._columns[index].name, row[index]) in self._erased:
                raise RefusalError("erased_customer", self._columns[index].name)
        return row

    def columns(self, run: Run, shapes: Collection[tuple[str, ...]]) -> ConvertedRun:
        """Returns the rows of a run of records, in order, and the reason why each other record is not a row.

        Args:
            run: The records.
            shapes: The distinct sequences of keys in the run.
        """
        # The indexes of the records that are decoded again.
        doubtful = self._ambiguous_records(run, shapes)
        columns = [self._plain_column(column, run, shapes, doubtful) for column in self._columns]
        refusals: dict[int, RefusalError] = {}
        for index in sorted(doubtful):
            self._reconvert(index, run, columns, refusals)
        self._refuse_erased(columns, refusals)
        refusals = dict(sorted(refusals.items()))
        return ConvertedRun([_without(column, refusals) for column in columns], refusals)

    def _refuse_erased(self, columns: Sequence[Sequence[Value]], refusals: dict[int, RefusalError]) -> None:
        for naming in self._naming:
            name = self._columns[naming].name
            erased = {value for value in set(columns[naming]) if (name, value) in self._erased}
            if not erased:
                continue
            for index, value in enumerate(columns[naming]):
                if value in erased:
                    refusals.setdefault(index, RefusalError("erased_customer", name))

    def _ambiguous_records(self, run: Run, shapes: Collection[tuple[str, ...]]) -> set[int]:
        """Returns the indexes of the records that may hold a column's key twice."""
        members = sum(map(len, run.values))
        ambiguous: set[int] = set()
        if not _has_distinct_keys(run.text, 0, run.ends[-1], members):
            bounds = zip(run.starts, run.ends, run.values, strict=True)
            ambiguous.update(
                index
                for index, (start, end, value) in enumerate(bounds)
                if not _has_distinct_keys(run.text, start, end, len(value))
            )
        repeating = {shape for shape in shapes if len({key.lower() for key in shape}) < len(shape)}
        if repeating:
            ambiguous.update(index for index, value in enumerate(run.values) if tuple(value) in repeating)
        return ambiguous

    def _plain_column(
        self, column: ColumnLike, run: Run, shapes: Collection[tuple[str, ...]], doubtful: set[int]
    ) -> list[Value]:
        """Returns a column's values. A value that is not plain becomes a null, and its index is added to `doubtful`."""
        values = _values_of(column.name.lower(), run.values, shapes)
        if column.required and None in values:
            doubtful.update(index for index, value in enumerate(values) if value is None)
        kind = converter(column.type)
        stored = kind.all_plain(values)
        if stored is not None:
            return stored
        doubtful.update(index for index, value in enumerate(values) if not (value is None or kind.is_plain(value)))
        return [
            None if value is None or index in doubtful else kind.from_plain(value) for index, value in enumerate(values)
        ]

    def _reconvert(self, index: int, run: Run, columns: list[list[Value]], refusals: dict[int, RefusalError]) -> None:
        try:
            row = self.row(members(run.text[run.starts[index] : run.ends[index]]))
        except RefusalError as refusal:
            refusals[index] = refusal
            return
        for column, value in zip(columns, row, strict=True):
            column[index] = value


def _has_distinct_keys(text: str, start: int, end: int, members: int) -> bool:
    """Whether a piece of text certainly has no more members than were decoded from it.

    A decoded record keeps only the last value of a repeated key, so a repeated key shows as a colon too many: one
    colon ends each member's key, and colons in strings only add to the count. The second count, of colons directly
    after a quote, leaves out most colons in strings, but is valid only where no white space precedes a colon.
    """
    if text.count(":", start, end) == members:
        return True
    return text.count('":', start, end) == members and not SPACE_BEFORE_COLON.search(text, start, end)


def _values_of(name: str, records: list[dict[str, Any]], shapes: Collection[tuple[str, ...]]) -> list[Any]:
    """Returns the value of each record under a key in any case, or None where the record lacks the key."""
    spellings = list(dict.fromkeys(key for shape in shapes for key in shape if key.lower() == name))
    if not spellings:
        return [None] * len(records)
    values = [record.get(spellings[0]) for record in records]
    for spelling in spellings[1:]:
        values = [
            record.get(spelling) if value is None else value for record, value in zip(records, values, strict=True)
        ]
    return values


def _without(column: list[Value], indexes: Collection[int]) -> list[Value]:
    if not indexes:
        return column
    return [value for index, value in enumerate(column) if index not in indexes]
