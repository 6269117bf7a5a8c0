"""The exact reader: which records are rows, which are quarantined, and that no byte is lost."""

import io
import json
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import BinaryIO, cast

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from stedi_assets.contract import SOURCES, Column
from stedi_assets.salvage.buffer import Limits
from stedi_assets.salvage.reasons import SENTENCES
from stedi_assets.salvage.records import OTHER_UNKNOWN_KEYS, Batch, QuarantinedRecord, RecordReader
from stedi_assets_tests.support.raw_files import (
    CASES,
    CORPUS,
    PIECES_OF_FILES,
    READINGS,
    exact,
    newline_delimited,
    read,
    reading_record,
    row_of,
)

CHUNK_SIZES = (1, 2, 3, 7, 64, 1 << 20)


OPTIONAL_COLUMNS = (Column("a", "VARCHAR", "Text."), Column("b", "BIGINT", "A number."))


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
    of_other_files = {"record_too_long", "damaged_compression", "erased_customer"}
    of_types_that_no_source_has = {"too_many_fraction_digits", "not_a_boolean", "not_a_date", "not_a_timestamp"}
    assert codes == SENTENCES.keys() - of_other_files - of_types_that_no_source_has


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


def test_an_empty_object_is_a_row_of_nulls_where_nothing_is_required() -> None:
    assert read(b'{}{"a":"text","b":1}{}', OPTIONAL_COLUMNS).rows == [(None, None), ("text", 1), (None, None)]


def test_unknown_keys_are_counted_by_name_up_to_a_limit() -> None:
    data = newline_delimited([reading_record(number, **{f"key{number}": 1}) for number in range(5)] * 2)
    counts = read(data, unknown_keys=3).totals.unknown_keys
    assert counts == {"key0": 2, "key1": 2, "key2": 2, OTHER_UNKNOWN_KEYS: 4}


def test_a_long_unknown_key_is_counted_under_its_first_characters() -> None:
    data = reading_record(1, **{"k" * 1000: 1})
    assert read(data, unknown_key_characters=5).totals.unknown_keys == {"kkkkk": 1}


def test_an_unknown_key_that_utf8_cannot_store_is_counted_under_its_escape() -> None:
    assert read(b'{"user":"a","timestamp":1,"\\ud800":1}').totals.unknown_keys == {"\\ud800": 1}


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


def test_lines_are_left_to_a_strict_reader_except_a_broken_record_and_the_next() -> None:
    whole = [reading_record(number) + b"\n" for number in range(5)]
    broken = reading_record(9)[:20] + b"\n"
    lines = io.BytesIO()
    reader = RecordReader(io.BytesIO(b"".join([*whole[:3], broken, *whole[3:]])), READINGS, lines=lines)
    (batch,) = reader
    assert lines.getvalue() == b"".join([*whole[:3], whole[4]])
    assert (reader.lines_passed_on, reader.totals.rows, batch.row_count) == (4, 5, 1)
    assert [(record.offset, record.code) for record in batch.quarantined] == [(len(whole[0]) * 3, "truncated_record")]


LINES = st.sampled_from([b'{"user":"a","timestamp":1}\n', b'{"user":"b","timestamp":2,"x":0.5}\n'])


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
