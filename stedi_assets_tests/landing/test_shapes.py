"""How landing folders become landing tables: every shape of file, each record a row or in quarantine."""

import functools
import gzip
import json
import uuid
from collections.abc import Callable, Mapping, Sequence

import duckdb
import pytest
from deltalake import DeltaTable
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stedi_assets.contract import SOURCES
from stedi_assets.engines.duckdb.engine import DuckDBEngine
from stedi_assets.engines.engine import Engine
from stedi_assets.storage import delta
from stedi_assets_tests.support.engines import OPENED
from stedi_assets_tests.support.grid import (
    on_both_engines,
    on_both_engines_and_in_both_places,
    on_duckdb,
    on_the_whole_grid,
)
from stedi_assets_tests.support.places import NewPlace, Place
from stedi_assets_tests.support.raw_files import CASES, CORPUS, MANY_RECORDS, SHAPES, reading_record, row_of
from stedi_assets_tests.support.shore import PHONES, Found, Shore, expected_rows, found_by_file

pytestmark = on_both_engines_and_in_both_places

EXPECTED = {case: json.loads((CORPUS / f"{case}.expected.json").read_text()) for case in CASES}
"""From each file of the corpus to what becomes of it."""


SUFFIXES = (".json", ".json.gz")


@pytest.fixture(scope="session")
def corpus(new_place: NewPlace, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Mapping[str, Found]]:
    """Lands the whole corpus at once, in each kind of place with each engine."""

    @functools.cache
    def landed(kind: str, engine: str) -> Mapping[str, Found]:
        place = new_place(kind, tmp_path_factory.mktemp("corpus"))
        found: dict[str, Found] = {}
        with OPENED[engine](place.location("").aws) as computing:
            for name in {expected["source"] for expected in EXPECTED.values()}:
                shore = Shore(place, computing, SOURCES[name])
                for case in (case for case, expected in EXPECTED.items() if expected["source"] == name):
                    for suffix in SUFFIXES:
                        shore.put(f"{case}{suffix}", (CORPUS / f"{case}.json").read_bytes())
                found |= found_by_file(shore)
        return found

    return landed


@on_both_engines
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_each_file_of_the_corpus_becomes_the_rows_and_the_quarantine_that_are_expected(
    corpus: Callable[[str, str], Mapping[str, Found]], place_kind: str, engine: str, case: str, suffix: str
) -> None:
    expected = EXPECTED[case]
    found = corpus(place_kind, engine)[f"{case}{suffix}"]
    assert found.rows == expected_rows(expected["rows"], f"{case}{suffix}")
    assert found.quarantined == [
        (entry["offset"], entry["length"], entry["code"], entry["column"]) for entry in expected["quarantined"]
    ]
    assert found.entry.unknown_keys == expected["unknown_keys"]


@on_the_whole_grid
def test_every_shape_of_file_in_one_folder_gives_the_same_rows(shore: Shore) -> None:
    records = [reading_record(number) for number in range(50)]
    for number, shape in enumerate(SHAPES):
        shore.put(f"shape-{number}.json", shape(records))
    found = found_by_file(shore)
    assert len(found) == len(SHAPES)
    for name, file in found.items():
        assert file.rows == expected_rows([row_of(record) for record in records], name)
        assert not file.quarantined


@pytest.mark.parametrize(
    ("shape", "reader"),
    [
        (b"\n".join, "strict"),
        (b"".join, "strict"),
        (b", ".join, "strict"),
        (b",\n".join, "strict"),
        (lambda records: b"[" + b",".join(records) + b"]", "strict"),
        (lambda records: b"\xef\xbb\xbf" + b"\r\n".join(records), "strict"),
        (lambda records: json.dumps([json.loads(record) for record in records], indent=1).encode(), "exact"),
    ],
)
@on_duckdb
def test_the_fast_reader_takes_all_that_only_lacks_newlines(
    shore: Shore, shape: Callable[[Sequence[bytes]], bytes], reader: str
) -> None:
    shore.put("a.json", shape([reading_record(number) for number in range(9)]))
    shore.land()
    assert (shore.entry("a.json").reader, shore.entry("a.json").rows) == (reader, 9)


@pytest.mark.parametrize(
    "text",
    [
        b'{"user":"a","timestamp":1,"model":"x"}\n',
        b'{"user":"a","timeStamp":1}\n',
        b'{"user":"a","timestamp":1,"X":2}\n',
        b'{"user":"a","timestamp":1,"x":true}\n',
        b'{"user":"a","timestamp":1,"x":1e400}\n',
        b'{"user":"a","timestamp":9007199254740993}\n',
        b'{"user":8.01e9,"timestamp":1}\n',
        b'{"user":{"a":1},"timestamp":1}\n',
        b'{"user":-0,"timestamp":1}\n',
        b'{"user":-0.0,"timestamp":1}\n',
        b'{"user":NaN,"timestamp":1}\n',
        b'{"user":-inf,"timestamp":1}\n',
        b"1",
        b"null\n",
        b"{",
    ],
)
@on_duckdb
def test_what_the_fast_reader_would_change_or_pass_over_is_read_exactly(shore: Shore, text: bytes) -> None:
    shore.put("a.json", reading_record(1) + b"\n" + text)
    shore.put("b.json", text)
    shore.land()
    assert {shore.entry(name).reader for name in ("a.json", "b.json")} == {"exact"}


@pytest.mark.parametrize(
    "text", [b"garbage", b'{"user":"a","timestamp":"abc"}', b'{"user":"a","timestamp":1.5}', b"", b'{"a":']
)
@on_duckdb
def test_a_file_that_the_fast_reader_refuses_does_not_slow_the_others(shore: Shore, text: bytes) -> None:
    for name in ("a.json", "c.json"):
        shore.put(name, reading_record(1) + b"\n")
    shore.put("b.json", text)
    shore.land()
    assert [shore.entry(name).reader for name in ("a.json", "b.json", "c.json")] == ["strict", "exact", "strict"]


@pytest.mark.parametrize(
    "odd",
    [
        b'{"user":"c","timestamp":1.5}\n',
        b'{"user":"c","timestamp":"abc"}\n',
        b'{"user":"c","timestamp":1,"x":[]}\n',
        b'{"user":"c"}\n',
    ],
)
def test_a_broken_line_and_one_that_the_fast_reader_refuses_are_quarantined_once(shore: Shore, odd: bytes) -> None:
    shore.put("a.json", reading_record(1) + b"\n" + b'{"user":\n' + odd + reading_record(2) + b"\n")
    shore.put("b.json", b'{"user":\n' + reading_record(3) + b"\n")
    found = found_by_file(shore)
    assert found["a.json"].rows == expected_rows([row_of(reading_record(number)) for number in (1, 2)], "a.json")
    assert found["b.json"].rows == expected_rows([row_of(reading_record(3))], "b.json")
    assert [(len(found[name].quarantined), found[name].entry.quarantined) for name in ("a.json", "b.json")] == [
        (2, 2),
        (1, 1),
    ]


def test_a_single_large_file_is_read_by_several_threads(local_place: Place) -> None:
    record = reading_record(1) + b"\n"
    with duckdb.connect(config={"threads": 2}) as connection:
        shore = Shore(local_place, DuckDBEngine(connection))
        shore.put("a.json", 100 * 2**20 // len(record) * record)
        shore.land()
    # Each thread writes a file of its own.
    assert len(delta.data_files(DeltaTable(local_place.location(f"lakehouse/{PHONES.path}").path))) == 2


@pytest.mark.parametrize("padding", range(4))
@on_duckdb
def test_an_array_whose_quotation_in_an_error_would_end_within_a_letter_is_read(shore: Shore, padding: int) -> None:
    user = "u" * padding + "é" * 500
    shore.put("array.json", json.dumps([{"user": user, "timestamp": 1, "é": 1}], ensure_ascii=False).encode())
    shore.put("empty.json", b"")
    found = found_by_file(shore)
    assert found["array.json"].rows == expected_rows([(user, 1, None, None, None)], "array.json")


def test_values_are_converted_without_loss_or_quarantined(shore: Shore) -> None:
    shore.put(
        "a.json",
        b'{"user":8015551212,"timestamp":1655564376361.0,"x":"1.5"}\n'
        b'{"user":"b","timestamp":"1655564376361","x":1}\n'
        b'{"user":"c","timestamp":1.5}\n',
    )
    shore.land()
    rows = [("8015551212", 1655564376361, 1.5, None, None), ("b", 1655564376361, 1.0, None, None)]
    assert shore.landed() == expected_rows(rows, "a.json")
    (found,) = shore.lakehouse.rows("SELECT columnName, reason, text FROM accelerometer_quarantine")
    assert found == {
        "columnName": "timestamp",
        "reason": "Column timestamp holds a number that is not whole.",
        "text": '{"user":"c","timestamp":1.5}',
    }


def test_a_text_is_bounded_and_its_full_length_told(shore: Shore) -> None:
    shore.put("a.json", b'{"user":"' + b"u" * 20_000 + b'"}\n')
    shore.land()
    (found,) = shore.lakehouse.rows("SELECT length(text) AS kept, byteLength FROM accelerometer_quarantine")
    assert found == {"kept": 10_000, "byteLength": 20_011}


@on_the_whole_grid
def test_a_broken_gzip_file_gives_what_is_before_the_break(shore: Shore) -> None:
    records = b"".join(reading_record(number) + b"\n" for number in range(20_000))
    whole = gzip.compress(records)
    shore.put("a.json", reading_record(0) + b"\n")
    (shore.folder / "cut.json.gz").write_bytes(whole[: len(whole) // 2])
    (shore.folder / "not.json.gz").write_bytes(b"{}")
    shore.land()
    entry = shore.entry("cut.json.gz")
    assert 1_000 < entry.rows < 20_000
    reasons = {row["reasonCode"] for row in shore.lakehouse.rows("SELECT reasonCode FROM accelerometer_quarantine")}
    assert "damaged_compression" in reasons
    assert shore.entry("not.json.gz").quarantined == 1


DAMAGED_FILES = st.lists(
    st.tuples(MANY_RECORDS, st.sampled_from(SHAPES), st.none() | st.floats(0, 1)), min_size=1, max_size=8
)
"""Files of records at random, each in a shape and cut anywhere or nowhere."""


@on_both_engines
@settings(max_examples=settings().max_examples // 5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=DAMAGED_FILES)
def test_records_at_random_in_any_shape_cut_anywhere_are_rows_as_json_reads_them_or_in_quarantine(
    place: Place,
    computing: Engine,
    files: list[tuple[list[bytes], Callable[[Sequence[bytes]], bytes], float | None]],
) -> None:
    shore = Shore(place / uuid.uuid4().hex, computing)
    ends: dict[str, int] = {}
    for number, (records, shape, cut) in enumerate(files):
        content = shape(records)
        ends[f"{number}.json"] = len(content) if cut is None else round(cut * len(content))
        shore.put(f"{number}.json", content[: ends[f"{number}.json"]])
    found = found_by_file(shore)
    assert found.keys() == ends.keys()
    for number, (records, _, cut) in enumerate(files):
        file = found[f"{number}.json"]
        whole = expected_rows([row_of(record) for record in records], f"{number}.json")
        assert file.rows <= whole
        assert file.rows == whole or cut is not None
        entry = file.entry
        if entry.reader == "exact":
            assert entry.bytes_in_rows + entry.bytes_quarantined + entry.bytes_between == entry.bytes_total
            assert entry.bytes_total == ends[f"{number}.json"]
        assert len(file.quarantined) == entry.quarantined
