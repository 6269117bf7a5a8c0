"""Raw landing files: the shapes they arrive in, records at random, and what the exact reader makes of their bytes."""

import io
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from stedi_assets.contract import SOURCES, Column
from stedi_assets.salvage.buffer import Limits
from stedi_assets.salvage.records import QuarantinedRecord, RecordReader, Totals

CORPUS = Path(__file__).parents[1] / "corpus"
"""One small file for each case, `<case>.json`, with the rows it must give, `<case>.expected.json`."""

SUFFIXES = (".json", ".json.gz")

CASES = sorted(path.name.removesuffix(".expected.json") for path in CORPUS.glob("*.expected.json"))

READINGS = SOURCES["accelerometer_files"].columns

Row = tuple[Any, ...]


@dataclass
class Reading:
    """All that was read of a file."""

    rows: list[Row]
    quarantined: list[QuarantinedRecord]
    totals: Totals

    @property
    def codes(self) -> list[str]:
        """Why each quarantined record is not a row."""
        return [record.code for record in self.quarantined]

    def texts_in(self, data: bytes) -> list[bytes]:
        """The bytes that each quarantined record stands for."""
        return [data[record.offset : record.offset + record.length] for record in self.quarantined]


def read(data: bytes, columns: Sequence[Column] = READINGS, **limits: Any) -> Reading:
    """Reads a file, and checks what holds for every file: each byte and each record is accounted for once."""
    reader = RecordReader(io.BytesIO(data), columns, Limits(**limits))
    batches = list(reader)
    rows = [row for batch in batches for row in zip(*batch.columns, strict=True)]
    reading = Reading(rows, [record for batch in batches for record in batch.quarantined], reader.totals)
    assert_accounted_for(reading, len(data))
    return reading


def assert_accounted_for(reading: Reading, size: int) -> None:
    totals = reading.totals
    assert totals.bytes_total == size
    assert totals.bytes_in_rows + totals.bytes_quarantined + totals.bytes_between == size
    assert totals.rows + totals.quarantined == totals.records_found
    assert (totals.rows, totals.quarantined) == (len(reading.rows), len(reading.quarantined))
    assert totals.bytes_quarantined == sum(record.length for record in reading.quarantined)
    ends = [0, *(record.offset + record.length for record in reading.quarantined)]
    assert all(end <= record.offset for end, record in zip(ends, reading.quarantined, strict=False))


def exact(rows: Iterable[Row]) -> list[str]:
    """Rows as text, which tells 1 from 1.0 and 0.0 from -0.0."""
    return [repr(tuple(row)) for row in rows]


def reading_record(number: int, **more: Any) -> bytes:
    """One phone reading as compact JSON."""
    record = {"user": f"u{number}@example.com", "timestamp": number, "x": 1.5, **more}
    return json.dumps(record, separators=(",", ":")).encode()


def row_of(record: bytes) -> Row:
    """The row that Python's own JSON decoder gives for a phone reading, without a zero's sign."""
    values = json.loads(record)
    axes = (None if values.get(axis) is None else float(values[axis]) + 0.0 for axis in ("x", "y", "z"))
    return (values["user"], values["timestamp"], *axes)


# The shapes in which files arrive: from the JSON text of each record to the bytes of a file.


def newline_delimited(records: Sequence[bytes]) -> bytes:
    return b"".join(record + b"\n" for record in records)


def concatenated(records: Sequence[bytes]) -> bytes:
    return b"".join(records)


def concatenated_with_white_space(records: Sequence[bytes]) -> bytes:
    return b" \t\r\n".join(records)


def separated_by_commas(records: Sequence[bytes]) -> bytes:
    return b", ".join(records)


def comma_at_line_end(records: Sequence[bytes]) -> bytes:
    return b"".join(record + b",\n" for record in records)


def windows_lines_after_a_byte_order_mark(records: Sequence[bytes]) -> bytes:
    return b"\xef\xbb\xbf" + b"".join(record + b"\r\n" for record in records)


def array_on_one_line(records: Sequence[bytes]) -> bytes:
    return b"[" + b", ".join(records) + b"]"


def array_pretty_printed(records: Sequence[bytes]) -> bytes:
    return json.dumps([json.loads(record) for record in records], indent=2).encode()


def array_without_indentation(records: Sequence[bytes]) -> bytes:
    return json.dumps([json.loads(record) for record in records], indent=0).encode()


def objects_over_several_lines(records: Sequence[bytes]) -> bytes:
    return b"\n".join(json.dumps(json.loads(record), indent=4).encode() for record in records)


def one_shape_after_another(records: Sequence[bytes]) -> bytes:
    third = len(records) // 3
    first, second, third_part = records[:third], records[third : 2 * third], records[2 * third :]
    return newline_delimited(first) + array_on_one_line(second) + b"\n" + objects_over_several_lines(third_part)


SHAPES: tuple[Callable[[Sequence[bytes]], bytes], ...] = (
    newline_delimited,
    concatenated,
    concatenated_with_white_space,
    separated_by_commas,
    comma_at_line_end,
    windows_lines_after_a_byte_order_mark,
    array_on_one_line,
    array_pretty_printed,
    array_without_indentation,
    objects_over_several_lines,
    one_shape_after_another,
)


# Records at random.


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.text('{}[]",:\\\n é😀', max_size=12)
AXES = st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53)
UNKNOWN_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda values: st.lists(values, max_size=3) | st.dictionaries(TEXTS, values, max_size=3),
    max_leaves=6,
)
READING_VALUES = st.fixed_dictionaries(
    {"user": TEXTS, "timestamp": st.integers(-(2**63), 2**63 - 1)},
    optional={"x": AXES, "y": AXES, "z": AXES, "note": UNKNOWN_VALUES, "é": TEXTS},
)


@st.composite
def reading_records(draw: st.DrawFn) -> bytes:
    """A valid phone reading, with its keys in any order, written in one of the usual ways."""
    values = draw(READING_VALUES)
    keys = draw(st.permutations(list(values)))
    separators = draw(st.sampled_from([(",", ":"), (", ", ": "), (" , ", " : ")]))
    ensure_ascii = draw(st.booleans())
    return json.dumps({key: values[key] for key in keys}, separators=separators, ensure_ascii=ensure_ascii).encode()


MANY_RECORDS = st.lists(reading_records(), max_size=8)


PIECES_OF_FILES = st.sampled_from(
    [
        b'{"user":"a","timestamp":1}',
        b'{"user":-0,"timestamp":3.0}',
        b'{"user":',
        b'{"user":"',
        b'{"note":[',
        b'"x":1,"x":2',
        b'"note" :":"',
        b'{"n":{"n":{"n":1}}}',
        b"[[[[]]]]",
        b"\n{",
        b'"a{',
        b"\\ud800",
        b"NaN",
        b"1.",
        b"a" * 40,
        b" " * 40,
        *(bytes([byte]) for byte in b'\n, []{}":\\\xff1'),
    ]
)
