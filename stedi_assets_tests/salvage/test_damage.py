"""Damage to a landing file costs no more than the damaged record and one more, and every byte is accounted for."""

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stedi_assets_tests.support.raw_files import (
    MANY_RECORDS,
    PIECES_OF_FILES,
    SHAPES,
    array_on_one_line,
    comma_at_line_end,
    concatenated,
    concatenated_with_white_space,
    exact,
    newline_delimited,
    read,
    reading_record,
    reading_records,
    row_of,
)

SHAPES_THAT_KEEP_DAMAGE_LOCAL = (newline_delimited, concatenated, concatenated_with_white_space, comma_at_line_end)


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
    assert calls(16_000) < 12 * calls(2_000) + 1_000


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


@given(MANY_RECORDS, st.sampled_from(SHAPES))
def test_valid_records_are_rows_in_every_shape(records: list[bytes], shape: Callable[[Sequence[bytes]], bytes]) -> None:
    reading = read(shape(records))
    assert exact(reading.rows) == exact(map(row_of, records))
    assert reading.quarantined == []


@given(st.lists(reading_records(), min_size=1, max_size=8), st.data())
def test_records_before_a_cut_are_rows_and_the_rest_is_accounted_for(records: list[bytes], data: st.DataObject) -> None:
    shape = data.draw(st.sampled_from([newline_delimited, concatenated, comma_at_line_end, array_on_one_line]))
    whole = shape(records)
    cut = data.draw(st.integers(0, len(whole)))
    before = [number for number in range(len(records)) if len(shape(records[: number + 1]).rstrip(b",\n]")) <= cut]
    reading = read(whole[:cut])
    assert exact(reading.rows) == exact(row_of(records[number]) for number in before)


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


SMALL_LIMITS = st.fixed_dictionaries(
    {"record_bytes": st.integers(1, 150)},
    optional={
        "depth": st.integers(1, 5),
        "text_characters": st.integers(1, 9),
        "batch_entries": st.integers(1, 3),
        "unknown_keys": st.integers(1, 2),
    },
)


@given(st.binary(max_size=80) | st.lists(PIECES_OF_FILES, max_size=14).map(b"".join), SMALL_LIMITS, st.integers(1, 60))
def test_any_bytes_are_accounted_for_alike_within_any_limits(
    data: bytes, limits: dict[str, Any], chunk_bytes: int
) -> None:
    assert repr(read(data, **limits)) == repr(read(data, **limits, chunk_bytes=chunk_bytes))
