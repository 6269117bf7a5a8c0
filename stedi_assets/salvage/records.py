"""Reading raw landing files exactly: every byte ends up in a row, in the quarantine, or is counted as lying between.

Takes what strict readers refuse: records one after another without a newline, or with commas between them, or
pretty-printed, or in an array; keys in another case; numbers as strings and strings as numbers; and files that are
damaged. How records are found is told in `scanning` and `structure`, how values are converted in `conversion`.

Needs nothing but the standard library, holds no more than `Limits` allows, and gives the same for the same bytes,
however they arrive.
"""

import io
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

from stedi_assets.contract import Column
from stedi_assets.salvage.conversion import RecordConverter, RefusalError, Value, members
from stedi_assets.salvage.reasons import ReasonCode, sentence
from stedi_assets.salvage.scanning import Lines, RecordScanner, Refused, Run, Span
from stedi_assets.salvage.structure import Limits

DEFAULT_LIMITS = Limits()
OTHER_UNKNOWN_KEYS = "(other keys)"


@dataclass(frozen=True, slots=True)
class QuarantinedRecord:
    """A stretch of a file that is not a row.

    Attributes:
        offset: Its offset in the decompressed stream, in bytes.
        length: Its length in bytes.
        text: Its first characters; bytes that are not UTF-8 are written as escapes.
        code: Why it is not a row, for machines.
        reason: Why it is not a row, as a sentence without any value.
        column: The column concerned, if one is.
    """

    offset: int
    length: int
    text: str
    code: ReasonCode
    reason: str
    column: str | None


@dataclass
class Batch:
    """A part of what a file holds, in its order.

    Attributes:
        columns: For each column of the contract, in its order, one value for each row.
        quarantined: What is not a row.
    """

    columns: tuple[list[Value], ...]
    quarantined: list[QuarantinedRecord] = field(default_factory=list)

    @property
    def row_count(self) -> int:
        """The number of rows."""
        return len(self.columns[0])


@dataclass
class Totals:
    """What became of a file.

    `bytes_in_rows + bytes_quarantined + bytes_between == bytes_total` and `rows + quarantined == records_found`.

    Attributes:
        bytes_total: The bytes of the stream.
        bytes_in_rows: The bytes of the records that are rows.
        bytes_quarantined: The bytes of what is quarantined.
        bytes_between: White space and commas between those, brackets of arrays and the byte order mark.
        records_found: The records and stretches without a record that were found.
        rows: The records that are rows.
        quarantined: The records and stretches that are quarantined.
        unknown_keys: For each key that is not in the contract, the records (quarantined ones too, if they are whole)
            that hold it; a bounded number of names, the rest as `OTHER_UNKNOWN_KEYS`.
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
    """Reads one landing file, once, in batches.

    Attributes:
        totals: What became of the file, complete once all batches are read.
        lines_passed_on: How many of the rows were left to a strict reader.
    """

    def __init__(
        self,
        stream: BinaryIO,
        columns: Sequence[Column],
        limits: Limits = DEFAULT_LIMITS,
        erased: Container[object] = (),
        lines: BinaryIO | None = None,
    ) -> None:
        """Prepares to read a file.

        Args:
            stream: The decompressed file, from its current position on; only `read(size)` is called.
            columns: The contract of its records.
            limits: What bounds memory.
            erased: The names of customers whose records are quarantined, without their text.
            lines: Gets the lines that look like records, for a strict reader: they are rows if it takes them all.
        """
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
        """Yields the rows and the quarantined records, in the order of the file.

        Yields:
            Batches that are not empty.
        """
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
        # A batch does not hold them.
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
            # Half a surrogate pair in a name could not be stored.
            name = key[: self._limits.unknown_key_characters].encode(errors="backslashreplace").decode()
            is_counted = name in counts or len(counts) < self._limits.unknown_keys
            counts[name if is_counted else OTHER_UNKNOWN_KEYS] += records
