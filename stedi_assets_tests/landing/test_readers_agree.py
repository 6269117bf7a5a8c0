"""Which reader takes a file changes nothing: a record has the same fate with any neighbours, and alone."""

import json
import uuid
from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stedi_assets.engines.engine import Engine
from stedi_assets.salvage.arrow import line_reader, plain_file_reader
from stedi_assets.salvage.buffer import DEFAULT_LIMITS
from stedi_assets_tests.support.grid import on_both_engines, on_spark
from stedi_assets_tests.support.odd_values import UNTIMED, VALUES, record_of
from stedi_assets_tests.support.places import Place
from stedi_assets_tests.support.raw_files import READINGS, Row, exact, newline_delimited, read, reading_record
from stedi_assets_tests.support.shore import Shore, expected_rows, found_by_file

PLAIN = {"user": '"a"', "timestamp": "5", "x": "2.5"}
"""A record that every reader takes: from each key to its value as JSON."""

ODD_VALUES = st.dictionaries(st.sampled_from(list(PLAIN)), VALUES, max_size=2)
ODD_RECORDS = st.builds(
    record_of,
    ODD_VALUES.map(lambda odd: PLAIN | odd),
    st.sampled_from(["", " ", "\t"]),
    st.sampled_from(["", "", ",", " ,\t"]),
)
"""Records whose keys are the plain one's, with some other values, in any layout on a line."""


ENDS = st.sampled_from([b"\n", b"", b"\n\n", b"\r\n", b",", b"]", b"\xff", b'{"user'])
"""Ends of files."""


@dataclass(frozen=True)
class Fate:
    """What became of a file.

    Attributes:
        rows: As text, which tells 0.0 from -0.0.
        quarantined: The offset, length, code and column of what is not a row.
    """

    rows: list[str]
    quarantined: list[tuple[Any, ...]]


def fate(content: bytes) -> Fate:
    """What the exact reader makes of a file."""
    reading = read(content)
    stretches = [(each.offset, each.length, each.code, each.column) for each in reading.quarantined]
    return Fate(exact(reading.rows), stretches)


def fate_in_arrow(content: bytes) -> Fate | None:
    """What becomes of the lines of a file; None where they must be read as a whole."""
    part = pa.record_batch({"file": ["a"], "content": pa.array([content])})
    found = [finding for batch in line_reader("", READINGS)(iter([part])) for finding in batch.to_pylist()]
    if any(json.loads(each["note"])["is_refused"] for each in found if each["note"]):
        return None
    return Fate(exact(tuple(each["row"].values()) for each in found if each["row"]), [])


def fate_as_a_plain_file(content: bytes, erased: Container[object] = ()) -> Fate | None:
    """What becomes of a file that is read at once; None where it must be read in another way."""
    part = pa.record_batch({"file": ["a"], "content": pa.array([content])})
    batches = list(plain_file_reader("", READINGS, "file", erased)(iter([part])))
    found = [tuple(row.values()) for batch in batches for row in batch.to_pylist()]
    assert {name for *_, name in found} <= {"a"}
    return Fate(exact(row[:-1] for row in found), []) if batches else None


def assert_the_engine_gives_the_fates_of_the_exact_reader(shore: Shore, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        shore.put(name, content)
    for name, found in found_by_file(shore).items():
        reading = read(files[name])
        assert found.rows == expected_rows(reading.rows, name)
        stretches = [(each.offset, each.length, each.code, each.column) for each in reading.quarantined]
        assert found.quarantined == stretches


@settings(suppress_health_check=UNTIMED)
@given(st.lists(ODD_RECORDS, min_size=1, max_size=6))
def test_a_record_has_the_fate_that_it_has_alone(records: list[bytes]) -> None:
    together = Fate([], [])
    start = 0
    for record in records:
        alone = fate(record)
        together.rows.extend(alone.rows)
        together.quarantined.extend((start + offset, *others) for offset, *others in alone.quarantined)
        start += len(record) + 1
    assert fate(newline_delimited(records)) == together


@settings(suppress_health_check=UNTIMED)
@given(st.lists(ODD_RECORDS, min_size=1, max_size=4))
def test_arrow_gives_the_rows_of_the_exact_reader_or_leaves_the_lines_to_it(records: list[bytes]) -> None:
    content = newline_delimited(records)
    assert fate_in_arrow(content) in (None, fate(content))


@settings(suppress_health_check=UNTIMED)
@given(st.lists(ODD_RECORDS, min_size=1, max_size=4), st.sampled_from([b"\n", b"\r\n", b"\n\n", b"", b" ", b","]), ENDS)
def test_a_plain_file_gives_the_rows_of_the_exact_reader_or_none(
    records: list[bytes], separator: bytes, end: bytes
) -> None:
    content = separator.join(records) + end
    assert fate_as_a_plain_file(content) in (None, fate(content))


@pytest.mark.parametrize("end", [b"\n", b""])
def test_a_file_of_plain_records_is_a_plain_file_with_and_without_a_last_line_feed(end: bytes) -> None:
    content = b"\n".join(reading_record(number) for number in range(3)) + end
    assert fate_as_a_plain_file(content) == fate(content)


def test_a_file_with_the_record_of_an_erased_customer_is_not_plain() -> None:
    content = newline_delimited([record_of({**PLAIN, "user": f'"{user}"'}) for user in "abc"])
    assert fate_as_a_plain_file(content, {("user", "d")}) == fate(content)
    assert fate_as_a_plain_file(content, {("user", "b")}) is None


def assert_files_have_the_fates_of_the_exact_reader(place: Place, engine: Engine, records: list[bytes]) -> None:
    plain = reading_record(1)
    files = {f"{number}.json": newline_delimited([plain, record, plain]) for number, record in enumerate(records)}
    shore = Shore(place / uuid.uuid4().hex, engine)
    assert_the_engine_gives_the_fates_of_the_exact_reader(shore, files | {"all.json": newline_delimited(records)})


@settings(
    max_examples=settings().max_examples // 2, suppress_health_check=[HealthCheck.function_scoped_fixture, *UNTIMED]
)
@given(records=st.lists(ODD_RECORDS, min_size=1, max_size=12))
def test_duckdb_gives_a_record_the_fate_that_the_exact_reader_gives_it(
    local_place: Place, computing: Engine, records: list[bytes]
) -> None:
    assert_files_have_the_fates_of_the_exact_reader(local_place, computing, records)


@on_spark
@settings(
    max_examples=settings().max_examples // 5, suppress_health_check=[HealthCheck.function_scoped_fixture, *UNTIMED]
)
@given(records=st.lists(ODD_RECORDS, min_size=1, max_size=12))
def test_spark_gives_a_record_the_fate_that_the_exact_reader_gives_it(
    local_place: Place, computing: Engine, records: list[bytes]
) -> None:
    assert_files_have_the_fates_of_the_exact_reader(local_place, computing, records)


@on_both_engines
@pytest.mark.parametrize("column", PLAIN)
def test_an_engine_gives_what_is_no_json_the_fate_that_the_exact_reader_gives_it(shore: Shore, column: str) -> None:
    words = "nan -NaN NAN inf -inf INF iNfinity -infinity +1 +Infinity 01 -01 .5 1. 1e 0x10 1_000 1f nul True 'a' ''"
    values = [*words.split(), "", "1,", ",1", "1 2", '"a" "b"', '"a\tb"', '"\\x"', '"\\ud83d', "/**/1", "1//", "\v1"]
    files = {f"{number}.json": record_of({**PLAIN, column: value}) + b"\n" for number, value in enumerate(values)}
    assert_the_engine_gives_the_fates_of_the_exact_reader(shore, files)


@on_both_engines
@pytest.mark.parametrize(
    "members",
    [
        '"user":"a","user":"a","timestamp":1',
        '"user":"a","user":"b","timestamp":1',
        '"user":"a","timestamp":1,"x":1,"x":1.0',
        '"user":"a","timestamp":1,"x":null,"x":1',
        '"user":"a","timestamp":1,"x":1,"x":null',
        '"user":"a","timestamp":1,"x":1,"X":1',
        '"USER":"a","timestamp":1',
        '"\\u0075ser":"a","timestamp":1',
        '"\\u0075ser":"a","user":"b","timestamp":1',
        '"user":"a","user\\u0000":"b","timestamp":1',
        '"user":"a","timestamp":1,"":1',
        '"user":"a","timestamp":1,"\\ud800":1',
        '"user":"a","timestamp":null',
        '"user":"a"',
        "",
    ],
)
def test_an_engine_gives_any_keys_the_fate_that_the_exact_reader_gives_them(shore: Shore, members: str) -> None:
    content = newline_delimited([reading_record(1), f"{{{members}}}".encode(), reading_record(2)])
    assert_the_engine_gives_the_fates_of_the_exact_reader(shore, {"a.json": content})
    assert fate_in_arrow(content) in (None, fate(content))
    assert fate_as_a_plain_file(content) in (None, fate(content))


def test_no_reader_takes_a_record_that_is_longer_than_the_exact_reader_takes(shore: Shore) -> None:
    start, end = b'{"user":"a","timestamp":1', b"}\n"
    longest = start + b" " * (DEFAULT_LIMITS.record_bytes - len(start) - 1) + end
    longer = start + b" " * (DEFAULT_LIMITS.record_bytes - len(start)) + end
    shore.put("longer.json", longer)
    shore.land()
    assert (shore.entry("longer.json").rows, shore.entry("longer.json").quarantined) == (0, 1)
    assert fate_in_arrow(longest) == fate(longest)
    assert fate_in_arrow(longer) is None
    assert fate_as_a_plain_file(longest) == fate(longest)
    assert fate_as_a_plain_file(longer) is None


ALLOWED = [
    (b'{"user":"a","timestamp":1,"x":-0.0}', ("a", 1, 0.0, None, None)),
    (b'{"user":"a","timestamp":1.0000000000000001}', ("a", 1, None, None, None)),
    (b'{"user":"a","timestamp":" 1","x":".5"}', ("a", 1, 0.5, None, None)),
    (b'{"user":8015551212,"timestamp":1}', ("8015551212", 1, None, None, None)),
    (b'{"user":"0123","timestamp":1,}', ("0123", 1, None, None, None)),
]
"""Records that need no exact reader, and their rows."""


@pytest.mark.parametrize(("record", "row"), ALLOWED)
def test_duckdb_reads_fast_what_the_rules_allow(shore: Shore, record: bytes, row: Row) -> None:
    shore.put("a.json", record + b"\n")
    shore.land()
    assert shore.entry("a.json").reader == "strict"
    assert shore.landed() == expected_rows([row], "a.json")


@pytest.mark.parametrize(("record", "row"), ALLOWED)
def test_arrow_and_the_exact_reader_give_what_the_rules_allow(record: bytes, row: Row) -> None:
    assert fate_in_arrow(record + b"\n") == fate(record) == Fate(exact([row]), [])
