"""Landing files as Arrow batches: what reads them wherever an engine hands over their content in pieces.

It runs on other machines than the rest of the project: it needs pyarrow, and of the project the contract and those
modules of this folder that need nothing but the standard library.
"""

import io
import itertools
import json
import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from stedi_assets.contract import QUARANTINE_COLUMNS, Column
from stedi_assets.salvage.content import Content
from stedi_assets.salvage.conversion import EXACT_INTEGERS
from stedi_assets.salvage.reasons import ReasonCode, sentence
from stedi_assets.salvage.records import DEFAULT_LIMITS, Batch, QuarantinedRecord, RecordReader

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

Batches = Iterator[pa.RecordBatch]

STRETCH_COLUMNS = tuple(
    column for column in QUARANTINE_COLUMNS if column.name not in ("sourceFile", "runId", "quarantinedAt")
)
"""The columns of the quarantine that tell of a stretch of a file; the others tell which file, and of the reading."""

ARROW_TYPES = {"VARCHAR": pa.string(), "BIGINT": pa.int64(), "DOUBLE": pa.float64()}
"""From the contract's types to Arrow's."""

BYTE_ORDER_MARK = b"\xef\xbb\xbf"

DEPENDS_ON_WHAT_IS_BEFORE = re.compile(rb"\A\xef\xbb\xbf|(?:\A|[\n\]},])[ \t\r\n]*\[")
"""What may mean one thing in the middle of a file and another at its beginning: a byte order mark, and an array."""


@dataclass(frozen=True)
class Cut:
    """A file that a line reader cuts into pieces, each of which then ends with what was cut at.

    Attributes:
        size: Its bytes. The last piece may end with a separator that the file does not end with.
        begins_with_mark: Whether it begins with a byte order mark, which line readers take away.
    """

    size: int
    begins_with_mark: bool


@dataclass(frozen=True)
class Findings:
    """What reading gives: Arrow batches of the file's name, and one of a row, a quarantined stretch or a note.

    Attributes:
        columns: The contract of the rows.
    """

    columns: Sequence[Column]

    @property
    def schema(self) -> pa.Schema:
        """The columns of a batch."""
        row, stretch = _struct_type(self.columns), _struct_type(STRETCH_COLUMNS)
        return pa.schema([("file", pa.string()), ("row", row), ("stretch", stretch), ("note", pa.string())])

    def rows(self, name: str, part: Batch) -> pa.RecordBatch:
        """Makes a batch of a file's rows."""
        return self._batch(name, part.row_count, row=_struct(self.columns, part.columns))

    def table(self, name: str, rows: pa.Table) -> pa.RecordBatch:
        """Makes a batch of a file's rows that are in Arrow's memory already."""
        return self._batch(name, rows.num_rows, row=rows.to_struct_array().combine_chunks())

    def stretches(self, name: str, records: Sequence[QuarantinedRecord]) -> pa.RecordBatch:
        """Makes a batch of a file's quarantined stretches."""
        told = [(each.offset, each.length, each.text, each.code, each.column, each.reason) for each in records]
        values = list(zip(*told, strict=True)) or [()] * len(STRETCH_COLUMNS)
        return self._batch(name, len(records), stretch=_struct(STRETCH_COLUMNS, values))

    def note(self, name: str, content: Mapping[str, Any]) -> pa.RecordBatch:
        """Makes a batch of one note on a file, as JSON."""
        return self._batch(name, 1, note=pa.array([json.dumps(content)]))

    def _batch(self, name: str, size: int, **given: pa.Array) -> pa.RecordBatch:
        names = pa.repeat(pa.scalar(name), size)
        others = [given.get(field.name, pa.nulls(size, field.type)) for field in list(self.schema)[1:]]
        return pa.RecordBatch.from_arrays([names, *others], schema=self.schema)


def line_reader(folder: str, columns: Sequence[Column], erased: Container[object] = ()) -> Callable[[Batches], Batches]:
    """Makes the function that reads files line by line, in any number of parts.

    A record that spans two parts is broken in the first of them. So if no part of a file has anything to quarantine,
    the rows of all its parts are those of the file.

    Args:
        folder: The URI of the folder that the files' names are paths below, with a slash at its end.
        columns: The contract of the records.
        erased: The names of customers whose records are quarantined, without their text.

    Returns:
        A function from batches of a file's URI and a line with its end to `Findings`. The note of a part
        says whether the file must be read as a whole, how many rows the part has, and how many of its records have each
        unknown key.
    """

    def read(batches: Batches) -> Batches:
        findings = Findings(columns)
        for name, content in _contents(batches, folder):
            rows = _plain_rows(content, columns, erased)
            if rows is not None:
                yield findings.table(name, rows)
                yield findings.note(name, {"is_refused": False, "rows": rows.num_rows, "unknown_keys": {}})
                continue
            reader = RecordReader(io.BytesIO(content), columns, erased=erased)
            parts = list(reader)
            totals = reader.totals
            is_refused = totals.quarantined > 0 or _depends_on_what_is_before(content)
            if not is_refused:
                yield from (findings.rows(name, part) for part in parts)
            note = {"is_refused": is_refused, "rows": totals.rows, "unknown_keys": totals.unknown_keys}
            yield findings.note(name, note)

    return read


def whole_file_reader(
    folder: str, columns: Sequence[Column], cut: Mapping[str, Cut], erased: Container[object] = ()
) -> Callable[[Batches], Batches]:
    """Makes the function that reads whole files exactly.

    Args:
        folder: The URI of the folder that the files' names are paths below, with a slash at its end.
        columns: The contract of the records.
        cut: By name, the files that come in pieces, one after the other; any other comes in one piece.
        erased: The names of customers whose records are quarantined, without their text.

    Returns:
        A function from batches of a file's URI and its content to `Findings`. There is one note for each file:
        what became of it, in the words of the ledger.
    """

    def read(batches: Batches) -> Batches:
        findings = Findings(columns)
        for name, group in itertools.groupby(_contents(batches, folder), key=lambda content: content[0]):
            content = _stream((piece for _, piece in group), cut.get(name))
            yield from _read_whole(name, content, findings, erased)

    return read


def _plain_rows(content: bytes, columns: Sequence[Column], erased: Container[object]) -> pa.Table | None:
    """Reads lines with Arrow's reader, ten times as fast, or returns None where the exact one must decide.

    Arrow's reader refuses a key that it does not expect or sees twice, and a value of another kind than the column's.
    What it takes for granted is looked for before: it crashes on some values that are not objects, so that braces are
    where lines begin and end, and nowhere else; it does not look whether texts are UTF-8, nor how long a record is.
    """
    lines = content.count(b"}\n{") + 1
    if not (
        content.startswith(b"{")
        and content.endswith(b"}\n")
        and content.count(b"{") == content.count(b"}") == lines
        and b"[" not in content
        and b"\\u" not in content
        and _has_short_lines(content, DEFAULT_LIMITS.record_bytes)
    ):
        return None
    try:
        content.decode()
        rows = pyarrow.json.read_json(
            pa.BufferReader(content),
            pyarrow.json.ReadOptions(use_threads=False, block_size=len(content) + 1),
            pyarrow.json.ParseOptions(explicit_schema=_schema(columns), unexpected_field_behavior="error"),
        )
    except (UnicodeDecodeError, pa.ArrowInvalid):
        return None
    is_plain = rows.num_rows == lines and all(_is_plain(column, rows.column(column.name), erased) for column in columns)
    return _without_signs_of_zeros(rows, columns) if is_plain else None


def _has_short_lines(content: bytes, longest: int) -> bool:
    start = 0
    while len(content) - start > longest:
        # From line end to line end, as far apart as they may be: most content needs no step.
        end = content.rfind(b"\n", start, start + longest + 1)
        if end < 0:
            return False
        start = end + 1
    return True


def _is_plain(column: Column, values: pa.ChunkedArray, erased: Container[object]) -> bool:
    if column.required and values.null_count:
        return False
    if column.type == "DOUBLE":
        # What is not a number is not less.
        return not pc.any(pc.invert(pc.less(pc.abs(values), EXACT_INTEGERS))).as_py()
    return not (column.names_customer and any((column.name, name) in erased for name in pc.unique(values).to_pylist()))


def _without_signs_of_zeros(rows: pa.Table, columns: Sequence[Column]) -> pa.Table:
    for index, column in enumerate(columns):
        if column.type == "DOUBLE":
            rows = rows.set_column(index, column.name, pc.add(rows.column(index), 0.0))
    return rows


def _depends_on_what_is_before(content: bytes) -> bool:
    # Nearly all content has neither, which is seen in a hundredth of the time that the expression takes.
    may_depend = content.startswith(BYTE_ORDER_MARK) or b"[" in content
    return may_depend and DEPENDS_ON_WHAT_IS_BEFORE.search(content) is not None


def _contents(batches: Batches, folder: str) -> Iterator[tuple[str, bytes]]:
    """Yields the name and the content of each sequence of rows that are of one file."""
    for batch in batches:
        names, contents = batch.columns
        sequences = pc.run_end_encode(names)
        parts = pa.ListArray.from_arrays([0, *sequences.run_ends.to_pylist()], contents)
        joined = pc.binary_join(parts, pa.scalar(b"", contents.type))
        for name, content in zip(sequences.values, joined, strict=True):
            # Spark writes one slash or three before a local path.
            yield unquote(name.as_py()).replace("file:///", "file:/", 1).removeprefix(folder), content.as_py()


def _stream(pieces: Iterator[bytes], cut: Cut | None) -> Content:
    mark = [BYTE_ORDER_MARK] if cut and cut.begins_with_mark else []
    return Content(Pieces(itertools.chain(mark, pieces), cut.size if cut else None))


def _read_whole(name: str, content: Content, findings: Findings, erased: Container[object]) -> Batches:
    reader = RecordReader(content, findings.columns, erased=erased)
    for part in reader:
        yield findings.rows(name, part)
        yield findings.stretches(name, part.quarantined)
    totals = dict(vars(reader.totals))
    del totals["records_found"]
    if content.is_damaged:
        code: ReasonCode = "damaged_compression"
        yield findings.stretches(
            name, [QuarantinedRecord(reader.totals.bytes_total, 0, "", code, sentence(code), column=None)]
        )
        totals["quarantined"] += 1
    yield findings.note(name, totals)


def _schema(columns: Sequence[Column]) -> pa.Schema:
    return pa.schema([(column.name, ARROW_TYPES[column.type]) for column in columns])


def _struct_type(columns: Sequence[Column]) -> pa.DataType:
    return pa.struct(list(_schema(columns)))


def _struct(columns: Sequence[Column], values: Sequence[Sequence[Any]]) -> pa.Array:
    kind = _struct_type(columns)
    arrays = [pa.array(each, field.type) for each, field in zip(values, kind, strict=True)]
    return pa.StructArray.from_arrays(arrays, fields=list(kind))


class Pieces(io.RawIOBase):
    """Pieces of a file's content, one after the other."""

    def __init__(self, pieces: Iterable[bytes], size: int | None) -> None:
        """Prepares to read.

        Args:
            pieces: The content.
            size: After how many bytes the content ends, if not with the last piece.
        """
        self._pieces = iter(pieces)
        self._left = size
        self._piece = memoryview(b"")

    def readable(self) -> bool:
        """Returns True."""
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Reads into a buffer.

        Args:
            buffer: Filled as far as content is at hand.

        Returns:
            The bytes read; 0 at the end.
        """
        while not self._piece:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._piece = self._within_size(memoryview(piece))
        view = memoryview(buffer).cast("B")
        size = min(len(view), len(self._piece))
        view[:size] = self._piece[:size]
        self._piece = self._piece[size:]
        return size

    def _within_size(self, piece: memoryview) -> memoryview:
        if self._left is None:
            return piece
        piece = piece[: self._left]
        self._left -= len(piece)
        return piece
