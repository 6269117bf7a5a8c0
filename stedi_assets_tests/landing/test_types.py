"""Every type of the contract: each reader and both engines give a value the same fate, and store it in the same way."""

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stedi_assets.contract import SIMPLE_TYPES, SOURCE_FILE, TABLES, Column, Source
from stedi_assets.engines.engine import Engine
from stedi_assets.salvage.arrow import line_reader, plain_file_reader
from stedi_assets_tests.support.grid import on_both_engines, on_spark
from stedi_assets_tests.support.odd_values import UNTIMED, VALUES_OF_ALL_TYPES, record_of
from stedi_assets_tests.support.places import Place
from stedi_assets_tests.support.raw_files import Reading, exact, newline_delimited, read
from stedi_assets_tests.support.shore import PHONES, Shore, expected_rows, found_by_file

TYPES = (*SIMPLE_TYPES, "DECIMAL(5,2)", "DECIMAL(38,0)", "DECIMAL(2,2)")

WITH_BOOLEANS = tuple(Column(f"c{number}", kind, "Any.") for number, kind in enumerate(TYPES))
WITHOUT_BOOLEANS = tuple(column for column in WITH_BOOLEANS if column.type != "BOOLEAN")

PLAIN: Mapping[str, str] = {
    "VARCHAR": '"a"',
    "BOOLEAN": "true",
    "INTEGER": "7",
    "BIGINT": "7",
    "FLOAT": "0.5",
    "DOUBLE": "0.5",
    "DATE": '"2024-03-05"',
    "TIMESTAMP": '"2024-03-05T10:15:00.250Z"',
    "DECIMAL(5,2)": "1.25",
    "DECIMAL(38,0)": "7",
    "DECIMAL(2,2)": "0.25",
}
"""From a type to a value as JSON that every reader takes."""


def plain_record(columns: Sequence[Column]) -> dict[str, str]:
    return {column.name: PLAIN[column.type] for column in columns}


def odd_records(columns: Sequence[Column]) -> st.SearchStrategy[list[bytes]]:
    """Records with one or two values that may be odd."""
    names = st.sampled_from([column.name for column in columns])
    odd = st.dictionaries(names, VALUES_OF_ALL_TYPES, min_size=1, max_size=2)
    return st.lists(odd.map(lambda values: record_of(plain_record(columns) | values)), min_size=1, max_size=8)


RECORDS = st.sampled_from([WITH_BOOLEANS, WITHOUT_BOOLEANS]).flatmap(
    lambda columns: st.tuples(st.just(columns), odd_records(columns))
)


def stretches(reading: Reading) -> list[tuple[Any, ...]]:
    return [(each.offset, each.length, each.code, each.column) for each in reading.quarantined]


def source_of(columns: Sequence[Column], patch: pytest.MonkeyPatch) -> Source:
    """A source with these columns, which its landing table has too."""
    table = replace(TABLES[PHONES.landing], columns=(*columns, SOURCE_FILE), event_time=None)
    patch.setitem(TABLES, PHONES.landing, table)
    return replace(PHONES, columns=tuple(columns))


@pytest.fixture
def patch() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as context:
        yield context


@settings(suppress_health_check=UNTIMED)
@given(RECORDS)
def test_a_record_has_the_fate_that_it_has_alone(given_records: tuple[Sequence[Column], list[bytes]]) -> None:
    columns, records = given_records
    alone = [read(record, columns) for record in records]
    together = read(newline_delimited(records), columns)
    assert exact(together.rows) == exact(row for reading in alone for row in reading.rows)
    assert together.codes == [code for reading in alone for code in reading.codes]


@settings(suppress_health_check=UNTIMED)
@given(RECORDS)
def test_arrow_gives_the_rows_of_the_exact_reader_or_leaves_the_lines_to_it(
    given_records: tuple[Sequence[Column], list[bytes]],
) -> None:
    columns, records = given_records
    for content in (newline_delimited(records), *(record + b"\n" for record in records)):
        reading = read(content, columns)
        part = pa.record_batch({"file": ["a"], "content": pa.array([content])})
        lines = [row for batch in line_reader("", columns)(iter([part])) for row in batch.to_pylist()]
        if not any(json.loads(line["note"])["is_refused"] for line in lines if line["note"]):
            assert rows_in_utc(line["row"] for line in lines if line["row"]) == exact(reading.rows)
        plain = list(plain_file_reader("", columns, "file")(iter([part])))
        if plain:
            assert not reading.quarantined
            assert rows_in_utc(row for batch in plain for row in batch.drop_columns("file").to_pylist()) == exact(
                reading.rows
            )


def rows_in_utc(rows: Any) -> list[str]:
    """Rows as text. Arrow has another class for UTC than the exact reader."""
    return exact(
        tuple(value.astimezone(UTC) if isinstance(value, datetime) else value for value in row.values()) for row in rows
    )


def assert_files_have_the_fates_of_the_exact_reader(
    place: Place, engine: Engine, columns: Sequence[Column], records: list[bytes], patch: pytest.MonkeyPatch
) -> None:
    plain = record_of(plain_record(columns))
    files = {f"{number}.json": newline_delimited([plain, record]) for number, record in enumerate(records)}
    files["all.json"] = newline_delimited(records)
    shore = Shore(place / uuid.uuid4().hex, engine, source_of(columns, patch))
    for name, content in files.items():
        shore.put(name, content)
    for name, found in found_by_file(shore).items():
        reading = read(files[name], columns)
        assert found.rows == expected_rows(reading.rows, name)
        assert found.quarantined == stretches(reading)
    shore.close()


@settings(
    max_examples=settings().max_examples // 2, suppress_health_check=[HealthCheck.function_scoped_fixture, *UNTIMED]
)
@given(given_records=RECORDS)
def test_duckdb_gives_a_record_the_fate_that_the_exact_reader_gives_it(
    local_place: Place,
    computing: Engine,
    patch: pytest.MonkeyPatch,
    given_records: tuple[Sequence[Column], list[bytes]],
) -> None:
    assert_files_have_the_fates_of_the_exact_reader(local_place, computing, *given_records, patch)


@on_spark
@settings(
    max_examples=settings().max_examples // 5, suppress_health_check=[HealthCheck.function_scoped_fixture, *UNTIMED]
)
@given(given_records=RECORDS)
def test_spark_gives_a_record_the_fate_that_the_exact_reader_gives_it(
    local_place: Place,
    computing: Engine,
    patch: pytest.MonkeyPatch,
    given_records: tuple[Sequence[Column], list[bytes]],
) -> None:
    assert_files_have_the_fates_of_the_exact_reader(local_place, computing, *given_records, patch)


FAST: Mapping[str, Mapping[str, Any]] = {
    "BOOLEAN": {"true": True, "false": False, '"true"': True, "null": None},
    "INTEGER": {"-2147483648": -(2**31), "2147483647": 2**31 - 1, "1.0": 1, "null": None},
    "FLOAT": {"0.1": 0.10000000149011612, "-0.0": 0.0, "-1e-60": 0.0, "16777215": 16777215.0, "null": None},
    "DECIMAL(5,2)": {"1.50": Decimal("1.50"), "-7": Decimal("-7.00"), '"999.99"': Decimal("999.99"), "null": None},
    "DECIMAL(38,0)": {f'"{"9" * 38}"': Decimal("9" * 38), "0": Decimal(0), "12.0": Decimal(12)},
    "DATE": {'"2024-02-29"': date(2024, 2, 29), '"0001-01-01"': date(1, 1, 1), '"9999-12-31"': date(9999, 12, 31)},
    "TIMESTAMP": {
        '"2024-03-05T10:15:00Z"': datetime(2024, 3, 5, 10, 15, tzinfo=UTC),
        '"2024-03-05 10:15:00.000001+01:30"': datetime(2024, 3, 5, 8, 45, 0, 1, tzinfo=UTC),
        '"1899-12-31T23:59:59.999999-05:00"': datetime(1900, 1, 1, 4, 59, 59, 999999, tzinfo=UTC),
        '"0001-01-01T00:00:00Z"': datetime(1, 1, 1, tzinfo=UTC),
        '"9999-12-31T23:59:59.999999Z"': datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    },
}
"""From a type to values as JSON, and what is stored for them."""

NOT_IN_ARROW = {'"true"', "1.0", "12.0"}
"""The values of `FAST` that Arrow leaves to the exact reader."""


def test_every_new_type_has_values_that_are_read_fast() -> None:
    assert {*FAST, "VARCHAR", "BIGINT", "DOUBLE", "DECIMAL(2,2)"} == set(TYPES)


@on_both_engines
@pytest.mark.parametrize("kind", FAST)
def test_the_usual_values_of_a_type_are_stored_by_every_reader(
    place: Place, computing: Engine, patch: pytest.MonkeyPatch, kind: str
) -> None:
    shore = Shore(place, computing, source_of([Column("v", kind, "Any.")], patch))
    records = [f'{{"v":{value}}}'.encode() for value in FAST[kind]]
    # A value that is no object between the records leaves the second file to the exact reader.
    shore.put("fast.json", newline_delimited(records))
    shore.put("exact.json", newline_delimited([*records, b"5"]))
    shore.land()
    stored = [(value,) for value in FAST[kind].values()]
    assert shore.landed() == expected_rows(stored, "fast.json") + expected_rows(stored, "exact.json")
    (delta_type, _) = shore.lakehouse.columns(PHONES.landing).values()
    assert delta_type == Column("v", kind, "Any.").delta_type
    protocol = shore.lakehouse.table(PHONES.landing).protocol()
    assert (protocol.min_reader_version, protocol.min_writer_version) == (1, 2)


@pytest.mark.parametrize("columns", [WITH_BOOLEANS, WITHOUT_BOOLEANS], ids=["with booleans", "without"])
def test_duckdb_reads_the_usual_values_of_all_types_fast(
    shore: Shore, patch: pytest.MonkeyPatch, columns: Sequence[Column]
) -> None:
    shore.source = source_of(columns, patch)
    for kind, values in FAST.items():
        names = [column.name for column in columns if column.type == kind]
        records = [record_of(plain_record(columns) | dict.fromkeys(names, value)) for value in values]
        shore.put(f"{kind}.json", newline_delimited(records))
    shore.land()
    assert {name: entry.reader for name, entry in shore.ledger().items()} == {f"{kind}.json": "strict" for kind in FAST}


@pytest.mark.parametrize("kind", FAST)
def test_arrow_reads_the_usual_values_of_a_type_fast(kind: str) -> None:
    columns = [Column("v", kind, "Any.")]
    for value in FAST[kind].keys() - NOT_IN_ARROW:
        part = pa.record_batch({"file": ["a"], "content": pa.array([f'{{"v":{value}}}\n'.encode()])})
        (plain,) = plain_file_reader("", columns, "file")(iter([part]))
        assert rows_in_utc(plain.drop_columns("file").to_pylist()) == exact([(FAST[kind][value],)])


REFUSED: Mapping[str, Mapping[str, str]] = {
    "BOOLEAN": {"1": "not_a_boolean", '"yes"': "not_a_boolean", "[]": "nested_value"},
    "INTEGER": {"2147483648": "out_of_range", "1.5": "not_a_whole_number", "true": "boolean_value"},
    "FLOAT": {"16777217": "not_exactly_representable", "1e39": "out_of_range", "true": "boolean_value"},
    "DECIMAL(5,2)": {
        "0.1000000000000000055": "too_many_fraction_digits",
        "1e-400": "too_many_fraction_digits",
        "0.125": "too_many_fraction_digits",
        "999.999": "too_many_fraction_digits",
        "1000": "out_of_range",
        "10000": "out_of_range",
        "true": "boolean_value",
    },
    "DATE": {'"0000-01-01"': "not_a_date", '"2023-02-29"': "not_a_date", "20240305": "not_a_date"},
    "TIMESTAMP": {
        '"0001-01-01T00:00:00+00:01"': "not_a_timestamp",
        '"9999-12-31T23:59:59-00:01"': "not_a_timestamp",
        '"2024-03-05T10:15:00"': "not_a_timestamp",
        '"2024-02-30T10:15:00Z"': "not_a_timestamp",
        "1709633700000": "not_a_timestamp",
    },
}
"""From a type to values as JSON that it does not hold, and why."""


@on_both_engines
@pytest.mark.parametrize("kind", REFUSED)
def test_a_value_that_its_type_does_not_hold_is_quarantined(
    place: Place, computing: Engine, patch: pytest.MonkeyPatch, kind: str
) -> None:
    columns = [Column("v", kind, "Any.")]
    shore = Shore(place, computing, source_of(columns, patch))
    for number, value in enumerate(REFUSED[kind]):
        shore.put(f"{number}.json", f'{{"v":{value}}}\n'.encode())
    found = found_by_file(shore)
    codes = [[code for _, _, code, _ in found[f"{number}.json"].quarantined] for number in range(len(REFUSED[kind]))]
    assert codes == [[code] for code in REFUSED[kind].values()]
    assert not shore.landed()


@pytest.mark.parametrize("kind", REFUSED)
def test_arrow_leaves_a_value_that_its_type_does_not_hold_to_the_exact_reader(kind: str) -> None:
    for value in REFUSED[kind]:
        part = pa.record_batch({"file": ["a"], "content": pa.array([f'{{"v":{value}}}\n'.encode()])})
        assert not list(plain_file_reader("", [Column("v", kind, "Any.")], "file")(iter([part])))


def test_a_number_in_a_source_with_booleans_is_told_from_true(shore: Shore, patch: pytest.MonkeyPatch) -> None:
    columns = [Column("flag", "BOOLEAN", "Any."), Column("x", "DOUBLE", "Any."), Column("n", "BIGINT", "Any.")]
    shore.source = source_of(columns, patch)
    shore.put("fast.json", b'{"flag":true,"x":1,"n":1.0}\n{"flag":false,"x":0.5,"n":0}\n')
    shore.put("mixed.json", b'{"flag":true,"x":true,"n":1}\n{"flag":true,"x":1,"n":"1"}\n')
    found = found_by_file(shore)
    assert found["fast.json"].entry.reader == "strict"
    assert found["fast.json"].rows == expected_rows([(True, 1.0, 1), (False, 0.5, 0)], "fast.json")
    assert [code for _, _, code, _ in found["mixed.json"].quarantined] == ["boolean_value"]
    assert found["mixed.json"].rows == expected_rows([(True, 1.0, 1)], "mixed.json")


@on_both_engines
def test_an_instant_is_stored_as_microseconds_in_utc(
    place: Place, computing: Engine, patch: pytest.MonkeyPatch
) -> None:
    shore = Shore(place, computing, source_of([Column("at", "TIMESTAMP", "When.")], patch))
    shore.put("a.json", b'{"at":"2024-03-05T10:15:00.000001+01:00"}\n')
    shore.land()
    (path,) = shore.lakehouse.content(PHONES.landing).paths
    column = pq.ParquetFile(path).schema.column(0)
    assert column.physical_type == "INT64"
    assert json.loads(column.logical_type.to_json()) == {
        "Type": "Timestamp",
        "isAdjustedToUTC": True,
        "timeUnit": "microseconds",
        "is_from_converted_type": False,
        "force_set_converted_type": False,
    }
