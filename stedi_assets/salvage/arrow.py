"""Files as Arrow batches, for engines that hand over the content of files in pieces.

It runs on the engine's workers. They need pyarrow, and of the project this folder alone.
"""

import io
import itertools
import json
import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from stedi_assets.salvage.buffer import DEFAULT_LIMITS
from stedi_assets.salvage.columns import ColumnLike, SqlType
from stedi_assets.salvage.content import Content
from stedi_assets.salvage.decimals import DecimalType, decimal_type
from stedi_assets.salvage.moments import DATE, FIRST_DAY, FIRST_INSTANT, LAST_INSTANT, TIMESTAMP
from stedi_assets.salvage.records import Batch, QuarantinedRecord, RecordReader, damaged_compression
from stedi_assets.salvage.streams import ChunkedStream
from stedi_assets.salvage.values import EXACT_FLOATS, EXACT_INTEGERS

Batches = Iterator[pa.RecordBatch]

QUARANTINED_FIELDS: Mapping[str, SqlType] = {
    "byteOffset": "BIGINT",
    "byteLength": "BIGINT",
    "text": "VARCHAR",
    "reasonCode": "VARCHAR",
    "columnName": "VARCHAR",
    "reason": "VARCHAR",
}
"""From each field of a quarantined record to its type."""

BATCH_ROWS = 50_000
"""The most rows in a batch of a plain file."""

BYTE_ORDER_MARK = b"\xef\xbb\xbf"

PLAIN_SKELETON = b"{}\n"
"""The braces, brackets and line ends of a line that holds one record without nested values."""

NOT_IN_SKELETON = bytes(set(range(256)) - set(PLAIN_SKELETON + b"[\\"))

DEPENDS_ON_POSITION = re.compile(rb"\A\xef\xbb\xbf|(?:\A|[\n\]},])[ \t\r\n]*\[")
"""Bytes whose meaning may depend on the bytes before them: a byte order mark, and the beginning of an array."""


Convert = Callable[[pa.ChunkedArray], pa.ChunkedArray | None]
"""From the values that Arrow's reader gave to the values to store; None where a value may not be that of the file."""


def _as_read(values: pa.ChunkedArray) -> pa.ChunkedArray | None:
    return values


def _doubles(values: pa.ChunkedArray, bound: int = EXACT_INTEGERS) -> pa.ChunkedArray | None:
    # NaN compares false.
    is_exact = not pc.any(pc.invert(pc.less(pc.abs(values), bound))).as_py()
    # A zero loses its sign.
    return pc.add(values, 0.0) if is_exact else None


def _floats(values: pa.ChunkedArray) -> pa.ChunkedArray | None:
    exact = _doubles(values, EXACT_FLOATS)
    # A small number may have become a zero.
    return None if exact is None else pc.add(exact.cast(pa.float32()), pa.scalar(0.0, pa.float32()))


def _decimals(kind: DecimalType, values: pa.ChunkedArray) -> pa.ChunkedArray | None:
    # Arrow's reader compares the digits of the text with the type's, but not those of the number: 100 has three.
    bounds = pc.min_max(values).as_py().values()
    return values if all(bound is None or -kind.bound < bound < kind.bound for bound in bounds) else None


def _dates(texts: pa.ChunkedArray) -> pa.ChunkedArray | None:
    is_exact = _all(pc.match_substring_regex(texts, f"^({DATE})$")) and _all(pc.greater_equal(texts, FIRST_DAY))
    return texts.cast(pa.date32()) if is_exact else None


def _instants(texts: pa.ChunkedArray) -> pa.ChunkedArray | None:
    if not _all(pc.match_substring_regex(texts, f"^({TIMESTAMP})$")):
        return None
    instants = texts.cast(INSTANT)
    first, last = (pa.scalar(bound).cast(INSTANT) for bound in (FIRST_INSTANT, LAST_INSTANT))
    is_exact = _all(pc.greater_equal(instants, first)) and _all(pc.less_equal(instants, last))
    return instants if is_exact else None


def _all(values: pa.ChunkedArray) -> bool:
    """Whether no value is false."""
    return pc.all(values).as_py() is not False


INSTANT = pa.timestamp("us", "UTC")


@dataclass(frozen=True)
class ArrowType:
    """How Arrow reads and stores the values of a column type.

    Attributes:
        type: Arrow's type of stored values.
        read: Arrow's type of the values that its reader gives.
        convert: Converts the values. It may raise `pyarrow.ArrowInvalid` in place of returning None.
    """

    type: pa.DataType
    read: pa.DataType
    convert: Convert = _as_read


ARROW_TYPES: Mapping[SqlType, ArrowType] = {
    "VARCHAR": ArrowType(pa.string(), pa.string()),
    "BOOLEAN": ArrowType(pa.bool_(), pa.bool_()),
    "INTEGER": ArrowType(pa.int32(), pa.int32()),
    "BIGINT": ArrowType(pa.int64(), pa.int64()),
    # Arrow would round a text to 32 bits at once, which gives another number than rounding its nearest double does.
    "FLOAT": ArrowType(pa.float32(), pa.float64(), _floats),
    "DOUBLE": ArrowType(pa.float64(), pa.float64(), _doubles),
    "DATE": ArrowType(pa.date32(), pa.string(), _dates),
    "TIMESTAMP": ArrowType(INSTANT, pa.string(), _instants),
}
"""From each column type without parameters to Arrow's."""


def arrow_type(sql_type: SqlType) -> ArrowType:
    """Returns how Arrow reads and stores the values of a column type.

    Raises:
        KeyError: There is no such type.
    """
    kind = decimal_type(sql_type)
    if kind is None:
        return ARROW_TYPES[sql_type]
    decimal = pa.decimal128(kind.precision, kind.scale)
    return ArrowType(decimal, decimal, partial(_decimals, kind))


@dataclass(frozen=True)
class Cut:
    """A file that arrives in pieces, because the engine's line reader cut it at each separator.

    Attributes:
        size: The bytes of the file. The last piece may end with a separator that the file does not end with.
        begins_with_mark: Whether the file begins with a byte order mark, which line readers remove.
    """

    size: int
    begins_with_mark: bool


@dataclass(frozen=True)
class BatchBuilder:
    """Builds the Arrow batches that the readers below give.

    Each line of a batch has the file's name in `file`, and one of `row` (a struct of the columns), `quarantined` (a
    struct of `QUARANTINED_FIELDS`) and `note` (a JSON object); the others are null.

    Attributes:
        columns: The columns of the rows.
    """

    columns: Sequence[ColumnLike]

    @property
    def schema(self) -> pa.Schema:
        """The schema of a batch."""
        row, quarantined = _struct_type(_fields(self.columns)), _struct_type(QUARANTINED_FIELDS)
        return pa.schema([("file", pa.string()), ("row", row), ("quarantined", quarantined), ("note", pa.string())])

    def rows(self, name: str, part: Batch) -> pa.RecordBatch:
        """Returns the rows of a file."""
        return self._batch(name, part.row_count, row=_struct(_fields(self.columns), part.columns))

    def table(self, name: str, rows: pa.Table) -> pa.RecordBatch:
        """Returns the rows of a file that Arrow has read itself."""
        return self._batch(name, rows.num_rows, row=rows.to_struct_array().combine_chunks())

    def quarantined(self, name: str, records: Sequence[QuarantinedRecord]) -> pa.RecordBatch:
        """Returns the quarantined records of a file."""
        lines = [(each.offset, each.length, each.text, each.code, each.column, each.reason) for each in records]
        values = list(zip(*lines, strict=True)) or [()] * len(QUARANTINED_FIELDS)
        return self._batch(name, len(records), quarantined=_struct(QUARANTINED_FIELDS, values))

    def note(self, name: str, content: Mapping[str, Any]) -> pa.RecordBatch:
        """Returns one note on a file."""
        return self._batch(name, 1, note=pa.array([json.dumps(content)]))

    def _batch(self, name: str, size: int, **given: pa.Array) -> pa.RecordBatch:
        names = pa.repeat(pa.scalar(name), size)
        others = [given.get(field.name, pa.nulls(size, field.type)) for field in list(self.schema)[1:]]
        return pa.RecordBatch.from_arrays([names, *others], schema=self.schema)


def plain_file_reader(
    folder: str, columns: Sequence[ColumnLike], file_column: str, erased: Container[object] = ()
) -> Callable[[Batches], Batches]:
    """Returns the function that reads whole files in which each line is a plain record, and passes over all others.

    Args:
        folder: The URI of the folder that the files' names are paths below, with a slash at its end.
        columns: The columns of the rows.
        file_column: The name of one more column, for the file's name.
        erased: The erased customers, as `RecordReader` takes them.

    Returns:
        A function from batches of a file's URI and its content to batches of rows. A file gives all its rows, which
        are those of the exact reader, or none.
    """

    def read(batches: Batches) -> Batches:
        for batch in batches:
            for uri, stored in zip(*batch.columns, strict=True):
                content = stored.as_py()
                rows = _plain_rows(content if content.endswith(b"\n") else content + b"\n", columns, erased)
                if rows is not None:
                    names = pa.repeat(pa.scalar(_name(uri.as_py(), folder)), rows.num_rows)
                    yield from rows.append_column(file_column, names).to_batches(BATCH_ROWS)

    return read


def line_reader(
    folder: str, columns: Sequence[ColumnLike], erased: Container[object] = ()
) -> Callable[[Batches], Batches]:
    """Returns the function that reads files line by line, in any number of parts.

    A record that spans two parts is broken in the first of them. So if no part of a file has a record to quarantine,
    the rows of the file are the rows of its parts.

    Args:
        folder: The URI of the folder that the files' names are paths below, with a slash at its end.
        columns: The columns of the rows.
        erased: The erased customers, as `RecordReader` takes them.

    Returns:
        A function from batches of a file's URI and a line, with its line feed, to batches of `BatchBuilder`. The note
        of a part has `is_refused` (whether the file must be read as a whole), `rows` (their number) and `unknown_keys`
        (records by key).
    """

    def read(batches: Batches) -> Batches:
        build = BatchBuilder(columns)
        for name, content in _contents(batches, folder):
            rows = _plain_rows(content, columns, erased)
            if rows is not None:
                yield build.table(name, rows)
                yield build.note(name, {"is_refused": False, "rows": rows.num_rows, "unknown_keys": {}})
                continue
            reader = RecordReader(io.BytesIO(content), columns, erased=erased)
            parts = list(reader)
            totals = reader.totals
            is_refused = totals.quarantined > 0 or _depends_on_position(content)
            if not is_refused:
                yield from (build.rows(name, part) for part in parts)
            note = {"is_refused": is_refused, "rows": totals.rows, "unknown_keys": totals.unknown_keys}
            yield build.note(name, note)

    return read


def whole_file_reader(
    folder: str, columns: Sequence[ColumnLike], cut: Mapping[str, Cut], erased: Container[object] = ()
) -> Callable[[Batches], Batches]:
    """Returns the function that reads whole files exactly.

    Args:
        folder: The URI of the folder that the files' names are paths below, with a slash at its end.
        columns: The columns of the rows.
        cut: From the name of each file that arrives in pieces, in order, to how it was cut. Any other file arrives
            whole.
        erased: The erased customers, as `RecordReader` takes them.

    Returns:
        A function from batches of a file's URI and its content to batches of `BatchBuilder`. Each file has one note:
        its `Totals` but for `records_found`.
    """

    def read(batches: Batches) -> Batches:
        build = BatchBuilder(columns)
        for name, group in itertools.groupby(_contents(batches, folder), key=lambda content: content[0]):
            content = _stream((piece for _, piece in group), cut.get(name))
            yield from _read_whole(name, content, build, erased)

    return read


def _plain_rows(content: bytes, columns: Sequence[ColumnLike], erased: Container[object]) -> pa.Table | None:
    """Reads lines with Arrow's reader, ten times as fast, or returns None where the exact reader must decide.

    Arrow's reader refuses an unexpected key, a repeated key, and a value of another kind than the column's. It does
    not check everything else: it crashes on some values that are not objects, accepts texts that are not UTF-8, and
    has no limit for the length of a record. So each line must begin and end with a brace and have no other brace, and
    the text must be UTF-8 in short lines.
    """
    # One step over the bytes, which takes a third of the time of counting each of them.
    skeleton = content.translate(None, NOT_IN_SKELETON)
    lines = skeleton.count(b"\n")
    if not (
        skeleton.replace(b"\\", b"") == PLAIN_SKELETON * lines
        and content.startswith(b"{")
        and content.endswith(b"}\n")
        and content.count(b"}\n{") == lines - 1
        and not (b"\\" in skeleton and b"\\u" in content)
        and _has_short_lines(content, DEFAULT_LIMITS.record_bytes)
    ):
        return None
    try:
        content.decode()
        rows = pyarrow.json.read_json(
            pa.BufferReader(content),
            pyarrow.json.ReadOptions(use_threads=False, block_size=len(content) + 1),
            pyarrow.json.ParseOptions(explicit_schema=_read_schema(columns), unexpected_field_behavior="error"),
        )
        return _plain_table(rows, columns, erased) if rows.num_rows == lines else None
    except (UnicodeDecodeError, pa.ArrowInvalid):
        return None


def _has_short_lines(content: bytes, longest: int) -> bool:
    start = 0
    while len(content) - start > longest:
        # From one line end to the last that is near enough, so that most content needs no step.
        end = content.rfind(b"\n", start, start + longest + 1)
        if end < 0:
            return False
        start = end + 1
    return True


def _plain_table(rows: pa.Table, columns: Sequence[ColumnLike], erased: Container[object]) -> pa.Table | None:
    stored = []
    for column in columns:
        values = arrow_type(column.type).convert(rows.column(column.name))
        if values is None or (column.required and values.null_count) or _names_erased(column, values, erased):
            return None
        stored.append(values)
    return pa.table(stored, _schema(_fields(columns)))


def _names_erased(column: ColumnLike, values: pa.ChunkedArray, erased: Container[object]) -> bool:
    return column.names_customer and any((column.name, name) in erased for name in pc.unique(values).to_pylist())


def _depends_on_position(content: bytes) -> bool:
    # Nearly all content has neither, and these two checks take a hundredth of the time of the expression.
    may_depend = content.startswith(BYTE_ORDER_MARK) or b"[" in content
    return may_depend and DEPENDS_ON_POSITION.search(content) is not None


def _contents(batches: Batches, folder: str) -> Iterator[tuple[str, bytes]]:
    """Yields the name of a file and the content of its adjacent lines in a batch, joined."""
    for batch in batches:
        names, contents = batch.columns
        sequences = pc.run_end_encode(names)
        parts = pa.ListArray.from_arrays([0, *sequences.run_ends.to_pylist()], contents)
        joined = pc.binary_join(parts, pa.scalar(b"", contents.type))
        for uri, content in zip(sequences.values, joined, strict=True):
            yield _name(uri.as_py(), folder), content.as_py()


def _name(uri: str, folder: str) -> str:
    # Spark writes one slash or three before a local path.
    return unquote(uri).replace("file:///", "file:/", 1).removeprefix(folder)


def _stream(pieces: Iterator[bytes], cut: Cut | None) -> Content:
    if cut is None:
        return Content(ChunkedStream(pieces))
    mark = [BYTE_ORDER_MARK] if cut.begins_with_mark else []
    return Content(ChunkedStream(_first_bytes(itertools.chain(mark, pieces), cut.size)))


def _first_bytes(pieces: Iterable[bytes], size: int) -> Iterator[bytes]:
    for piece in pieces:
        yield piece[:size]
        size = max(size - len(piece), 0)


def _read_whole(name: str, content: Content, build: BatchBuilder, erased: Container[object]) -> Batches:
    reader = RecordReader(content, build.columns, erased=erased)
    for part in reader:
        yield build.rows(name, part)
        yield build.quarantined(name, part.quarantined)
    totals = dict(vars(reader.totals))
    del totals["records_found"]
    if content.is_damaged:
        yield build.quarantined(name, [damaged_compression(reader.totals.bytes_total)])
        totals["quarantined"] += 1
    yield build.note(name, totals)


def _fields(columns: Sequence[ColumnLike]) -> Mapping[str, SqlType]:
    return {column.name: column.type for column in columns}


def _read_schema(columns: Sequence[ColumnLike]) -> pa.Schema:
    return pa.schema([(column.name, arrow_type(column.type).read) for column in columns])


def _schema(fields: Mapping[str, SqlType]) -> pa.Schema:
    return pa.schema([(name, arrow_type(sql_type).type) for name, sql_type in fields.items()])


def _struct_type(fields: Mapping[str, SqlType]) -> pa.DataType:
    return pa.struct(list(_schema(fields)))


def _struct(fields: Mapping[str, SqlType], values: Sequence[Sequence[Any]]) -> pa.Array:
    kind = _struct_type(fields)
    arrays = [pa.array(each, field.type) for each, field in zip(values, kind, strict=True)]
    return pa.StructArray.from_arrays(arrays, fields=list(kind))
