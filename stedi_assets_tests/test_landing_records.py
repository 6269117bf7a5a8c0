"""How raw landing files are read exactly: what is a row, what is quarantined, and that nothing is lost.

`corpus` holds one small file for each case, `<case>.json`, beside what it must give, `<case>.expected.json`.
"""

import io
import json
import subprocess
import sys
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from stedi_assets.landing.reasons import SENTENCES
from stedi_assets.landing.records import OTHER_UNKNOWN_KEYS, Batch, QuarantinedRecord, RecordReader, Totals
from stedi_assets.landing.structure import Limits
from stedi_assets.tables import SOURCES, Column

CORPUS = Path(__file__).parent / "corpus"
CASES = sorted(path.name.removesuffix(".expected.json") for path in CORPUS.glob("*.expected.json"))
CHUNK_SIZES = (1, 2, 3, 7, 64, 1 << 20)

READINGS = SOURCES["accelerometer_files"].columns
OPTIONAL_COLUMNS = (Column("a", "VARCHAR", "Text."), Column("b", "BIGINT", "A number."))

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
    """The row that Python's own JSON decoder gives for a phone reading."""
    values = json.loads(record)
    axes = (None if values.get(axis) is None else float(values[axis]) for axis in ("x", "y", "z"))
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
SHAPES_THAT_KEEP_DAMAGE_LOCAL = (newline_delimited, concatenated, concatenated_with_white_space, comma_at_line_end)


# The corpus.


@pytest.mark.parametrize("case", CASES)
def test_each_file_of_the_corpus_gives_what_is_expected(case: str) -> None:
    expected = json.loads((CORPUS / f"{case}.expected.json").read_text())
    reading = read((CORPUS / f"{case}.json").read_bytes(), SOURCES[expected["source"]].columns)
    found = [
        {"offset": record.offset, "length": record.length, "code": record.code, "column": record.column}
        for record in reading.quarantined
    ]
    assert exact(reading.rows) == exact(expected["rows"])
    assert found == expected["quarantined"]
    assert reading.totals.unknown_keys == expected["unknown_keys"]


@pytest.mark.parametrize("case", CASES)
def test_each_file_of_the_corpus_gives_the_same_in_chunks_of_any_size(case: str) -> None:
    data = (CORPUS / f"{case}.json").read_bytes()
    columns = SOURCES[json.loads((CORPUS / f"{case}.expected.json").read_text())["source"]].columns
    readings = [read(data, columns, chunk_bytes=size) for size in CHUNK_SIZES]
    assert len({repr(reading) for reading in readings}) == 1


def test_the_corpus_has_an_expectation_for_every_file() -> None:
    files = {path.name for path in CORPUS.glob("*.json")}
    assert files == {f"{case}.json" for case in CASES} | {f"{case}.expected.json" for case in CASES}


def test_the_corpus_shows_every_reason_that_a_short_plain_file_can_give() -> None:
    expectations = [json.loads((CORPUS / f"{case}.expected.json").read_text()) for case in CASES]
    codes = {entry["code"] for expected in expectations for entry in expected["quarantined"]}
    assert codes == SENTENCES.keys() - {"record_too_long", "damaged_compression", "erased_customer"}


# What is quarantined.


def test_a_quarantined_record_says_where_it_is_and_why() -> None:
    bad = b'{"user":"a","timestamp":1.5}'
    record = read(reading_record(1) + bad).quarantined[0]
    assert record == QuarantinedRecord(
        offset=len(reading_record(1)),
        length=len(bad),
        text=bad.decode(),
        code="not_a_whole_number",
        reason="Column timestamp holds a number that is not whole.",
        column="timestamp",
    )


@pytest.mark.parametrize(
    "record",
    [
        '{"user":"secret"}',
        '{"user":"\\ud800 secret","timestamp":1}',
        '{"user":{"secret":"secret"},"timestamp":1}',
        '{"user":"a","timestamp":"secret"}',
        '{"user":"secret","user":"secret too","timestamp":1}',
        '{"user":"secret',
        '{"user":"secret"#}',
        '"secret"',
        "secret",
    ],
)
def test_no_reason_holds_a_value(record: str) -> None:
    (quarantined,) = read(record.encode()).quarantined
    assert "secret" in quarantined.text
    assert "secret" not in quarantined.reason


def test_only_the_first_characters_of_a_quarantined_record_are_kept() -> None:
    data = json.dumps({"user": "é" * 50}, ensure_ascii=False).encode()
    (quarantined,) = read(data, text_characters=20).quarantined
    assert quarantined.text == '{"user": "' + "é" * 10
    assert quarantined.length == len(data)


def test_bytes_that_are_not_utf8_are_quarantined_as_escapes() -> None:
    (quarantined,) = read(b"\xff\xfe").quarantined
    assert quarantined.text == r"\xff\xfe"


def test_offsets_are_in_bytes_where_text_is_not_ascii() -> None:
    good = '{"user":"é😀","timestamp":1}'.encode()
    data = good + b'{"user":1}' + good + b"#" + good
    assert [record.offset for record in read(data).quarantined] == [len(good), 2 * len(good) + 10]


# A contract without required columns.


def test_an_empty_object_is_a_row_of_nulls_where_nothing_is_required() -> None:
    assert read(b'{}{"a":"text","b":1}{}', OPTIONAL_COLUMNS).rows == [(None, None), ("text", 1), (None, None)]


# Unknown keys.


def test_unknown_keys_are_counted_by_name_up_to_a_limit() -> None:
    data = newline_delimited([reading_record(number, **{f"key{number}": 1}) for number in range(5)] * 2)
    counts = read(data, unknown_keys=3).totals.unknown_keys
    assert counts == {"key0": 2, "key1": 2, "key2": 2, OTHER_UNKNOWN_KEYS: 4}


def test_a_long_unknown_key_is_counted_under_its_first_characters() -> None:
    data = reading_record(1, **{"k" * 1000: 1})
    assert read(data, unknown_key_characters=5).totals.unknown_keys == {"kkkkk": 1}


def test_an_unknown_key_that_utf8_cannot_store_is_counted_under_its_escape() -> None:
    assert read(b'{"user":"a","timestamp":1,"\\ud800":1}').totals.unknown_keys == {"\\ud800": 1}


# Batches and memory.


def test_batches_keep_the_order_of_the_file_and_their_size() -> None:
    records = [reading_record(number) for number in range(100)]
    reader = RecordReader(io.BytesIO(newline_delimited(records)), READINGS, Limits(batch_entries=10, record_bytes=200))
    batches = list(reader)
    assert [row for batch in batches for row in zip(*batch.columns, strict=True)] == list(map(row_of, records))
    assert len(batches) > 5
    assert all(0 < batch.row_count < 20 for batch in batches)


def test_an_empty_file_gives_no_batch() -> None:
    assert list(RecordReader(io.BytesIO(b""), READINGS)) == []


def test_totals_are_complete_with_the_last_batch() -> None:
    reader = RecordReader(io.BytesIO(newline_delimited([reading_record(1)]) + b"#"), READINGS)
    batches: list[Batch] = []
    for batch in reader:
        batches.append(batch)
        assert reader.totals.bytes_total == len(newline_delimited([reading_record(1)])) + 1
    assert len(batches) == 1


@pytest.mark.parametrize(
    "long",
    [
        b'{"user":"' + b"a" * 500 + b'","timestamp":1}',
        b'{"user":"a","timestamp":1' + b" " * 500 + b"}",
        b'{"user":"a","timestamp":1,"note":[' + b"1," * 250 + b"1]}",
        b'{"user":"a{","timestamp":1,"note":"' + b"{" * 500 + b'"}',
    ],
)
@pytest.mark.parametrize("chunk_bytes", CHUNK_SIZES)
def test_a_record_longer_than_the_limit_is_quarantined_whole(long: bytes, chunk_bytes: int) -> None:
    data = reading_record(1) + long + reading_record(2)
    reading = read(data, record_bytes=200, text_characters=10, chunk_bytes=chunk_bytes)
    assert reading.rows == [row_of(reading_record(1)), row_of(reading_record(2))]
    assert reading.codes == ["record_too_long"]
    assert reading.texts_in(data) == [long]


@pytest.mark.parametrize("chunk_bytes", CHUNK_SIZES)
def test_a_value_that_is_no_record_is_quarantined_whole_however_long(chunk_bytes: int) -> None:
    inner_array = b"[" + b"1," * 250 + b"1]"
    data = b"[" + inner_array + b"," + reading_record(1) + b"]"
    reading = read(data, record_bytes=200, text_characters=10, chunk_bytes=chunk_bytes)
    assert reading.rows == [row_of(reading_record(1))]
    assert reading.texts_in(data) == [inner_array]


@pytest.mark.parametrize("chunk_bytes", CHUNK_SIZES)
def test_a_record_of_just_the_limit_is_a_row(chunk_bytes: int) -> None:
    record = reading_record(1)
    assert read(record + record, record_bytes=len(record), chunk_bytes=chunk_bytes).totals.rows == 2
    assert read(record + record, record_bytes=len(record) - 1, chunk_bytes=chunk_bytes).totals.rows == 0


class EndlessStream(io.RawIOBase):
    """A stream that is never whole in memory: a beginning, then the same piece again and again."""

    def __init__(self, beginning: bytes, piece: bytes, size: int) -> None:
        """Prepares a stream of a beginning and about `size` bytes more."""
        self._pieces = self._cut(beginning, piece, size)

    def _cut(self, beginning: bytes, piece: bytes, size: int) -> Iterator[bytes]:
        block = piece * (1_000 // len(piece))
        yield beginning + block
        for _ in range(size // len(block)):
            yield block

    def read(self, size: int | None = -1) -> bytes:
        """Returns the next bytes, whatever number is asked for."""
        return next(self._pieces, b"")


@pytest.mark.parametrize(
    ("beginning", "piece"),
    [
        (b"", reading_record(1)),
        (b"[", reading_record(1) + b","),
        (b'{"user":"', b"a"),
        (b'{"user":', b"1"),
        (b'{"user":', b"x"),
        (b'{"user":', b" "),
        (b'{"user":"a","timestamp":1,"note":[', b'{"a":[1,"b"]},'),
        (b"", b"garbage"),
        (b"", b"{ "),
        (b"#", b'{"note":"'),
        (b'"', b"a"),
        (b"", b" "),
        (b"", b"[" + b"1," * 100),
    ],
)
def test_memory_is_bounded_however_long_the_file(beginning: bytes, piece: bytes) -> None:
    limits = Limits(chunk_bytes=1_000, record_bytes=5_000, text_characters=1_000, batch_bytes=5_000, batch_entries=100)
    size = 150_000
    tracemalloc.start()
    reader = RecordReader(cast(BinaryIO, EndlessStream(beginning, piece, size)), READINGS, limits)
    batches = sum(1 for _ in reader)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert reader.totals.bytes_total >= size
    assert batches <= 1 + reader.totals.records_found
    assert peak < 100_000


# Resynchronisation.


PREFIXES = (b"", b"#", b'{"user":"')
PIECES = (
    b"{",
    b'"',
    b"[",
    b"}",
    b",",
    b" ",
    b"\\",
    b"1",
    b"1 ",
    b"{}",
    b'{"a":',
    b'{"user":',
    b'{"user":"',
    b'"{"',
    b'{"user":\n{}',
    b'[{"user":',
    b"{" + b" " * 60,
    b'{"user":"{"timestamp":"',
)


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("piece", PIECES)
def test_work_grows_no_faster_than_the_file(prefix: bytes, piece: bytes) -> None:
    def calls(size: int) -> int:
        events: Counter[str] = Counter()
        data = prefix + piece * (size // len(piece))
        sys.setprofile(lambda _frame, event, _argument: events.update([event]))
        try:
            read(data)
        finally:
            sys.setprofile(None)
        return events["call"] + events["c_call"]

    # Eight times the size would take 64 times the calls if they grew with the square.
    assert calls(80_000) < 12 * calls(10_000) + 1_000


DAMAGED = 3
RECORDS = [reading_record(number) for number in range(7)]
NESTED_RECORDS = [
    reading_record(number, note='}{"{', tags=["a", {"k": 1}], previous={"user": "nested", "timestamp": 9})
    for number in range(7)
]


def assert_damage_is_local(shape: Callable[[Sequence[bytes]], bytes], records: list[bytes], damaged: bytes) -> None:
    data = shape([*records[:DAMAGED], damaged, *records[DAMAGED + 1 :]])
    rows = Counter(read(data).rows)
    missing = [number for number, record in enumerate(records) if not rows[row_of(record)]]
    others = rows - Counter(map(row_of, records))
    assert set(missing) <= {DAMAGED} or set(missing) - {DAMAGED} in ({DAMAGED - 1}, {DAMAGED + 1})
    assert others.total() <= 1
    assert all(row[0] != "nested" for row in others)


@pytest.mark.parametrize("records", [RECORDS, NESTED_RECORDS])
@pytest.mark.parametrize("shape", SHAPES_THAT_KEEP_DAMAGE_LOCAL)
def test_a_record_cut_off_at_any_byte_costs_at_most_one_more(
    shape: Callable[[Sequence[bytes]], bytes], records: list[bytes]
) -> None:
    for position in range(len(records[DAMAGED])):
        assert_damage_is_local(shape, records, records[DAMAGED][:position])


@pytest.mark.parametrize("byte", [bytes([value]) for value in b'"{}[],:\\\n \x00\xff0'])
@pytest.mark.parametrize("shape", SHAPES_THAT_KEEP_DAMAGE_LOCAL)
def test_any_byte_of_a_record_flipped_costs_at_most_one_more(
    shape: Callable[[Sequence[bytes]], bytes], byte: bytes
) -> None:
    for records in (RECORDS, NESTED_RECORDS):
        record = records[DAMAGED]
        for position in range(len(record)):
            assert_damage_is_local(shape, records, record[:position] + byte + record[position + 1 :])


@pytest.mark.parametrize(
    "garbage",
    [b"\xff", b"garbage", b'"', b"{", b"}", b"[", b"]", b"\n", b"\\", b'{"', b'"}', b"}{", b'{"a":', b'{"a":['],
)
@pytest.mark.parametrize("shape", SHAPES_THAT_KEEP_DAMAGE_LOCAL)
def test_garbage_inserted_anywhere_costs_at_most_one_more(
    shape: Callable[[Sequence[bytes]], bytes], garbage: bytes
) -> None:
    for position in range(len(RECORDS[DAMAGED]) + 1):
        record = RECORDS[DAMAGED]
        assert_damage_is_local(shape, RECORDS, record[:position] + garbage + record[position:])


# Any record, any bytes.


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


@settings(max_examples=300, deadline=None)
@given(MANY_RECORDS, st.sampled_from(SHAPES))
def test_valid_records_are_rows_in_every_shape(records: list[bytes], shape: Callable[[Sequence[bytes]], bytes]) -> None:
    reading = read(shape(records))
    assert exact(reading.rows) == exact(map(row_of, records))
    assert reading.quarantined == []


@settings(max_examples=300, deadline=None)
@given(st.lists(reading_records(), min_size=1, max_size=8), st.data())
def test_records_before_a_cut_are_rows_and_the_rest_is_accounted_for(records: list[bytes], data: st.DataObject) -> None:
    shape = data.draw(st.sampled_from([newline_delimited, concatenated, comma_at_line_end, array_on_one_line]))
    whole = shape(records)
    cut = data.draw(st.integers(0, len(whole)))
    before = [number for number in range(len(records)) if len(shape(records[: number + 1]).rstrip(b",\n]")) <= cut]
    reading = read(whole[:cut])
    assert exact(reading.rows) == exact(row_of(records[number]) for number in before)


@settings(max_examples=250, deadline=None)
@given(st.lists(reading_records(), min_size=7, max_size=7), st.data())
def test_damage_to_any_record_costs_at_most_one_more(records: list[bytes], data: st.DataObject) -> None:
    record = records[DAMAGED]
    start = data.draw(st.integers(0, len(record)))
    end = data.draw(st.integers(start, len(record)))
    inserted = data.draw(st.sampled_from([b"", b"\xff", b'"', b"{", b"}", b"\n", b"garbage"]))
    shape = data.draw(st.sampled_from(SHAPES_THAT_KEEP_DAMAGE_LOCAL))
    reading = read(shape([*records[:DAMAGED], record[:start] + inserted + record[end:], *records[DAMAGED + 1 :]]))
    rows = Counter(exact(reading.rows))
    others = [number for number in range(len(records)) if number != DAMAGED]
    missing = Counter(exact(row_of(records[number]) for number in others)) - rows
    assert missing.total() <= 1


@settings(max_examples=250, deadline=None)
@given(MANY_RECORDS, st.sampled_from(SHAPES), st.data())
def test_chunks_of_any_size_give_the_same(
    records: list[bytes], shape: Callable[[Sequence[bytes]], bytes], data: st.DataObject
) -> None:
    whole = shape(records)
    damaged = bytearray(whole)
    for position in data.draw(st.lists(st.integers(0, max(len(whole) - 1, 0)), max_size=3)):
        damaged[position : position + 1] = data.draw(st.sampled_from([b"", b'"', b"{", b"\xff", b"\\"]))
    sizes = [data.draw(st.integers(1, 300)), 1 << 20]
    readings = [read(bytes(damaged), chunk_bytes=size) for size in sizes]
    assert repr(readings[0]) == repr(readings[1])


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
SMALL_LIMITS = st.fixed_dictionaries(
    {"record_bytes": st.integers(1, 150)},
    optional={
        "depth": st.integers(1, 5),
        "text_characters": st.integers(1, 9),
        "batch_entries": st.integers(1, 3),
        "unknown_keys": st.integers(1, 2),
    },
)


@settings(max_examples=1500, deadline=None)
@given(st.binary(max_size=80) | st.lists(PIECES_OF_FILES, max_size=14).map(b"".join), SMALL_LIMITS, st.integers(1, 60))
def test_any_bytes_are_accounted_for_alike_within_any_limits(
    data: bytes, limits: dict[str, Any], chunk_bytes: int
) -> None:
    assert repr(read(data, **limits)) == repr(read(data, **limits, chunk_bytes=chunk_bytes))


# Lines that are left to a strict reader.


def test_lines_are_left_to_a_strict_reader_but_a_broken_record_and_the_one_behind_it() -> None:
    whole = [reading_record(number) + b"\n" for number in range(5)]
    broken = reading_record(9)[:20] + b"\n"
    lines = io.BytesIO()
    reader = RecordReader(io.BytesIO(b"".join([*whole[:3], broken, *whole[3:]])), READINGS, lines=lines)
    (batch,) = reader
    assert lines.getvalue() == b"".join([*whole[:3], whole[4]])
    assert (reader.lines_passed_on, reader.totals.rows, batch.row_count) == (4, 5, 1)
    assert [(record.offset, record.code) for record in batch.quarantined] == [(len(whole[0]) * 3, "truncated_record")]


LINES = st.sampled_from([b'{"user":"a","timestamp":1}\n', b'{"user":"b","timestamp":2,"x":0.5}\n'])


@settings(max_examples=1500, deadline=None)
@given(st.lists(LINES | PIECES_OF_FILES, max_size=14).map(b"".join), st.integers(1, 400))
def test_with_the_lines_that_a_strict_reader_takes_all_is_read_as_without(data: bytes, chunk_bytes: int) -> None:
    lines = io.BytesIO()
    reader = RecordReader(io.BytesIO(data), READINGS, Limits(chunk_bytes=chunk_bytes), lines=lines)
    batches = list(reader)
    passed_on = [read(line) for line in lines.getvalue().splitlines(keepends=True)]
    assume(all(len(line.rows) == 1 and not line.quarantined for line in passed_on))
    whole = read(data)
    rows = [row for batch in batches for row in zip(*batch.columns, strict=True)]
    assert Counter(exact([*rows, *(line.rows[0] for line in passed_on)])) == Counter(exact(whole.rows))
    assert [record for batch in batches for record in batch.quarantined] == whole.quarantined
    unknown_keys = reader.totals.unknown_keys + sum((line.totals.unknown_keys for line in passed_on), Counter())
    assert replace(reader.totals, unknown_keys=unknown_keys) == whole.totals


# Where it runs.


def test_it_needs_nothing_but_the_standard_library() -> None:
    project = Path(__file__).resolve().parent.parent
    command = [sys.executable, "-S", "-c", "import stedi_assets.landing.records"]
    assert subprocess.run(command, cwd=project, check=False).returncode == 0
