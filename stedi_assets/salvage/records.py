"""Reading files exactly: every byte is part of a row, is quarantined, or is counted as lying between records.

The reader takes files that strict readers refuse: records without a newline between them, with commas between them,
pretty-printed, or in an array; keys in another case; numbers as strings and strings as numbers; and damaged files.
`scanning` finds the records, `conversion` makes the rows.

The reader needs the standard library alone and holds no more than `Limits` allows. The same bytes give the same
result, whatever the sizes of the pieces in which they arrive.
"""

import io
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

from stedi_assets.salvage.buffer import DEFAULT_LIMITS, Limits
from stedi_assets.salvage.columns import ColumnLike
from stedi_assets.salvage.conversion import RecordConverter
from stedi_assets.salvage.events import Lines, Refused, Run, Span
from stedi_assets.salvage.reasons import ReasonCode, sentence
from stedi_assets.salvage.scanning import RecordScanner
from stedi_assets.salvage.values import RefusalError, Value, members

OTHER_UNKNOWN_KEYS = "(other keys)"
"""The name under which `Totals` counts the unknown keys beyond `Limits.unknown_keys`."""


@dataclass(frozen=True, slots=True)
class QuarantinedRecord:
    """A record that is not a row, or bytes that hold no record.

    Attributes:
        offset: The offset in the decompressed stream, in bytes.
        length: The length in bytes.
        text: The first characters; bytes that are not UTF-8 are written as escapes.
        code: The reason, for programs.
        reason: The reason as a sentence, without any value.
        column: The name of the column that the reason concerns, if it concerns one.
    """

    offset: int
    length: int
    text: str
    code: ReasonCode
    reason: str
    column: str | None


def damaged_compression(offset: int) -> QuarantinedRecord:
    """Returns the quarantined record that stands for the lost end of a damaged gzip file.

    Args:
        offset: The bytes that could be decompressed.
    """
    return QuarantinedRecord(offset, 0, "", "damaged_compression", sentence("damaged_compression"), column=None)


@dataclass
class Batch:
    """Adjacent rows and quarantined records of a file, each in the order of the file.

    Attributes:
        columns: For each column, in order, one value for each row.
        quarantined: The records that are not rows, and the unreadable bytes.
    """

    columns: tuple[list[Value], ...]
    quarantined: list[QuarantinedRecord] = field(default_factory=list)

    @property
    def row_count(self) -> int:
        """The number of rows."""
        return len(self.columns[0])


@dataclass
class Totals:
    """The counts of a file.

    `bytes_in_rows + bytes_quarantined + bytes_between == bytes_total` and `rows + quarantined == records_found`.

    Attributes:
        bytes_total: The bytes of the stream.
        bytes_in_rows: The bytes of the records that are rows.
        bytes_quarantined: The bytes that are quarantined.
        bytes_between: White space and commas between records, brackets of arrays, and the byte order mark.
        records_found: The rows and the quarantined records.
        rows: The records that are rows.
        quarantined: The quarantined records; unreadable bytes before a record count as one.
        unknown_keys: From each key that is no column's to the number of records with the key, quarantined but complete
            ones too. The number of names is bounded; the others count as `OTHER_UNKNOWN_KEYS`.
    """

    bytes_total: int = 0
    bytes_in_rows: int = 0
    bytes_quarantined: int = 0
    bytes_between: int = 0
    records_found: int = 0
    rows: int = 0
    quarantined: int = 0
    unknown_keys: Counter[str] = field(default_factory=Counter)


class RecordReader:
    """Reads one file, once, in batches.

    Args:
        stream: The decompressed content in UTF-8, from its current position on; only `read(size)` is called.
        columns: The columns of the rows.
        limits: The bounds of memory.
        erased: The erased customers, whose records are quarantined without their text: pairs of a column's name and a
            value that identifies the customer.
        lines: Gets the lines that look like records, for a strict reader. They count as rows, so the caller must read
            the file again without `lines` if the strict reader refuses any of them.

    Attributes:
        totals: The counts of the file, complete once all batches are read.
        lines_passed_on: How many of the rows went to `lines`.
    """

    def __init__(
        self,
        stream: BinaryIO,
        columns: Sequence[ColumnLike],
        limits: Limits = DEFAULT_LIMITS,
        erased: Container[object] = (),
        lines: BinaryIO | None = None,
    ) -> None:
        self.totals = Totals()
        self.lines_passed_on = 0
        self._lines = lines or io.BytesIO()
        names = [column.name for column in columns]
        self._scanner = RecordScanner(stream, names, limits, finds_lines=lines is not None)
        self._converter = RecordConverter(columns, erased)
        self._limits = limits
        self._width = len(columns)
        self._batch = self._new_batch()
        self._batch_start = 0

    def __iter__(self) -> Iterator[Batch]:
        """Yields batches that are not empty, in the order of the file."""
        for event in self._scanner.events():
            self._take(event)
            if self._is_batch_full():
                yield self._end_batch()
        self._update_totals()
        if self._batch.row_count or self._batch.quarantined:
            yield self._end_batch()

    def _new_batch(self) -> Batch:
        return Batch(tuple([] for _ in range(self._width)))

    def _is_batch_full(self) -> bool:
        entries = self._batch.row_count + len(self._batch.quarantined)
        taken = self.totals.bytes_in_rows + self.totals.bytes_quarantined
        return entries >= self._limits.batch_entries or taken - self._batch_start >= self._limits.batch_bytes

    def _end_batch(self) -> Batch:
        self._update_totals()
        batch, self._batch = self._batch, self._new_batch()
        self._batch_start = self.totals.bytes_in_rows + self.totals.bytes_quarantined
        return batch

    def _update_totals(self) -> None:
        self.totals.bytes_total = self._scanner.bytes_read
        self.totals.bytes_between = self._scanner.bytes_between

    def _take(self, event: Run | Lines | Span | Refused) -> None:
        if isinstance(event, Run):
            self._take_run(event)
        elif isinstance(event, Lines):
            self._pass_on(event)
        elif isinstance(event, Span):
            self._take_span(event)
        else:
            self._take_refused(event)

    def _take_run(self, run: Run) -> None:
        shapes = Counter(map(tuple, run.values))
        for shape, records in shapes.items():
            self._count_unknown_keys(shape, records)
        converted = self._converter.columns(run, shapes)
        for column, values in zip(self._batch.columns, converted.columns, strict=True):
            column.extend(values)
        self.totals.records_found += len(run.values)
        self.totals.rows += len(run.values) - len(converted.refusals)
        self.totals.bytes_in_rows += run.byte_count - run.separator_bytes
        self._quarantine_from(run, converted.refusals)

    def _pass_on(self, lines: Lines) -> None:
        self._lines.write(lines.data + b"\n")
        length = len(lines.data) - lines.count + 1
        self.lines_passed_on += lines.count
        self.totals.records_found += lines.count
        self.totals.rows += lines.count
        self.totals.bytes_in_rows += length
        # The lines are in no batch, so their bytes do not fill one.
        self._batch_start += length

    def _quarantine_from(self, run: Run, refusals: dict[int, RefusalError]) -> None:
        offset = run.offset
        counted = 0
        for index, refusal in refusals.items():
            text = run.text[run.starts[index] : run.ends[index]]
            offset += len(run.text[counted : run.starts[index]].encode())
            counted = run.starts[index]
            length = len(text.encode())
            self.totals.bytes_in_rows -= length
            self._quarantine(offset, length, text, refusal.code, refusal.column)

    def _take_span(self, span: Span) -> None:
        self.totals.records_found += 1
        try:
            text = span.data.decode()
        except UnicodeDecodeError:
            self._quarantine(span.offset, len(span.data), self._preview(span.data), "invalid_utf8")
            return
        record = members(text)
        self._count_unknown_keys(dict.fromkeys(key for key, _ in record), 1)
        try:
            row = self._converter.row(record)
        except RefusalError as refusal:
            self._quarantine(span.offset, len(span.data), text, refusal.code, refusal.column)
            return
        for column, value in zip(self._batch.columns, row, strict=True):
            column.append(value)
        self.totals.rows += 1
        self.totals.bytes_in_rows += len(span.data)

    def _take_refused(self, refused: Refused) -> None:
        self.totals.records_found += 1
        self._quarantine(refused.offset, refused.length, self._preview(refused.head), refused.code)

    def _preview(self, data: bytes) -> str:
        return data.decode(errors="backslashreplace")

    def _quarantine(self, offset: int, length: int, text: str, code: ReasonCode, column: str | None = None) -> None:
        kept = "" if code == "erased_customer" else text[: self._limits.text_characters]
        self._batch.quarantined.append(QuarantinedRecord(offset, length, kept, code, sentence(code, column), column))
        self.totals.quarantined += 1
        self.totals.bytes_quarantined += length

    def _count_unknown_keys(self, keys: Sequence[str] | dict[str, None], records: int) -> None:
        counts = self.totals.unknown_keys
        for key in self._converter.unknown_keys(keys):
            # UTF-8 cannot store half a surrogate pair in a name.
            name = key[: self._limits.unknown_key_characters].encode(errors="backslashreplace").decode()
            is_counted = name in counts or len(counts) < self._limits.unknown_keys
            counts[name if is_counted else OTHER_UNKNOWN_KEYS] += records
