"""Landing files on Spark: the rows, the quarantine and the ledger that DuckDB gives."""

import gzip
import random
from collections.abc import Callable, Sequence

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stedi_assets.contract import SOURCES, Source
from stedi_assets.engines.engine import Engine
from stedi_assets.engines.spark import landing
from stedi_assets.engines.spark.engine import SparkEngine
from stedi_assets.engines.spark.session import Session
from stedi_assets.salvage.arrow import line_reader
from stedi_assets.storage.attempt import NOTE
from stedi_assets_tests.support.places import Place
from stedi_assets_tests.support.raw_files import CASES, CORPUS, MANY_RECORDS, READINGS, SHAPES, read, reading_record
from stedi_assets_tests.support.shore import Shore, assert_equal, expected_rows

PHONES = SOURCES["accelerometer_files"]


SHORT_PARTS = {
    "spark.sql.files.maxPartitionBytes": "2000",
    "spark.sql.files.openCostInBytes": "1",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "7",
}
"""What makes Spark split small files between tasks, and what a task reads into several batches."""


def assert_every_byte_is_counted(shore: Shore) -> None:
    for entry in shore.ledger().values():
        parts = (entry.bytes_in_rows, entry.bytes_quarantined, entry.bytes_between)
        is_plain = not entry.name.endswith(".gz")
        assert sum(parts) == entry.bytes_total == (entry.size if entry.reader == "exact" and is_plain else sum(parts))


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES.keys())
def test_the_corpus_becomes_the_rows_and_the_quarantine_that_duckdb_gives(
    local_place: Place, spark_engine: Engine, duckdb_engine: Engine, source: Source
) -> None:
    shores = [
        Shore(local_place, engine, source, tables=name)
        for name, engine in (("spark", spark_engine), ("duckdb", duckdb_engine))
    ]
    for case in CASES:
        content = (CORPUS / f"{case}.json").read_bytes()
        shores[0].put(f"{case}.json", content)
        shores[0].put(f"{case}.json.gz", content)
    for shore in shores:
        shore.land()
        assert_every_byte_is_counted(shore)
    assert_equal(*shores)
    assert len(shores[0].ledger()) == 2 * len(CASES)


def test_lines_are_read_in_one_pass_and_count_as_read_strictly(shore: Shore) -> None:
    shore.put("a.json", b'{"user":"a","timeStamp":1.0,"model":2}\r\n{"timestamp":"2","user":7}')
    landed = shore.land()
    assert shore.landed() == expected_rows([("a", 1, None, None, None), ("7", 2, None, None, None)], "a.json")
    assert (shore.ledger()["a.json"].reader, landed.unknown_keys) == ("strict", {"model": 1})


@pytest.mark.parametrize("shape", SHAPES)
def test_files_that_tasks_share_give_the_rows_that_duckdb_gives(
    local_place: Place,
    spark: Session,
    twin: Shore,
    shape: Callable[[Sequence[bytes]], bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Tasks share large files alone.
    monkeypatch.setattr(landing, "LARGE_BYTES", 0)
    with Session(conf=SHORT_PARTS) as short_parts:
        shore = Shore(local_place, SparkEngine(short_parts))
        records = [reading_record(number) for number in range(200)]
        shore.put("lines.json", b"\n".join(records))
        shore.put("shaped.json", shape(records))
        shore.put("damaged.json", shape(records[:100])[:-30] + b"\n" + b"\n".join(records[100:]))
        shore.land()
        twin.land()
        assert_equal(shore, twin)
        assert shore.ledger()["lines.json"].reader == "strict"


def test_plain_files_are_read_at_once_and_the_others_of_their_folder_as_before(shore: Shore, twin: Shore) -> None:
    records = [reading_record(number) for number in range(20)]
    shore.put("plain.json", b"\n".join(records))
    shore.put("unknown key.json", reading_record(1, model=2) + b"\n")
    shore.put("broken.json", b"\n".join(records) + b'\n{"user"')
    shore.put("empty.json", b"")
    shore.put("twice.json", b'{"user":"a","timestamp":1,"timestamp":2}\n')
    shore.land()
    twin.land()
    assert_equal(shore, twin)
    assert [shore.entry(name).reader for name in ("plain.json", "unknown key.json", "broken.json")] == [
        "strict",
        "strict",
        "exact",
    ]
    assert shore.entry("unknown key.json").unknown_keys == {"model": 1}


def test_small_plain_files_do_not_become_a_data_file_each(shore: Shore, spark: Session) -> None:
    for number in range(200):
        shore.put(f"{number}.json", reading_record(number) + b"\n")
    stored = shore.land().landing.stored
    assert stored is not None
    assert stored.written.rows == 200
    assert len(stored.written.files) <= spark.spark.sparkContext.defaultParallelism + 1


def part_of_a_file(lines: Sequence[bytes]) -> pa.RecordBatch:
    names = pa.array(["a"] * len(lines), pa.string())
    return pa.record_batch({"file": names, "content": pa.array(lines, pa.binary())})


@given(records=MANY_RECORDS, shape=st.sampled_from(SHAPES), damage=st.binary(max_size=3), data=st.data())
def test_lines_in_any_parts_are_the_rows_of_the_whole_file_or_are_refused(
    records: list[bytes], shape: Callable[[Sequence[bytes]], bytes], damage: bytes, data: st.DataObject
) -> None:
    content = shape(records)
    place = data.draw(st.integers(0, len(content)))
    content = content[:place] + damage + content[place:]
    lines = content.removeprefix(b"\xef\xbb\xbf").splitlines(keepends=True) if b"\r" not in content else [content]
    ends = data.draw(st.lists(st.integers(0, len(lines)), max_size=4).map(sorted))
    parts = [lines[start:end] for start, end in zip([0, *ends], [*ends, len(lines)], strict=True)]
    found = [
        finding
        for part in map(part_of_a_file, parts)
        for batch in line_reader("", READINGS)(iter([part]))
        for finding in batch.to_pylist()
    ]
    whole = read(content)
    if not any(finding["note"] and '"is_refused": true' in finding["note"] for finding in found):
        assert [repr(tuple(each["row"].values())) for each in found if each["row"]] == list(map(repr, whole.rows))
        assert not whole.quarantined


@pytest.mark.parametrize("shape", SHAPES)
def test_large_files_are_read_in_pieces_with_the_offsets_of_the_whole(
    shore: Shore, twin: Shore, shape: Callable[[Sequence[bytes]], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landing, "LARGE_BYTES", 1_000)
    monkeypatch.setattr(landing, "BEGINNING_BYTES", 500)
    content = shape([reading_record(number) for number in range(60)])
    shore.put("a.json", content)
    shore.put("cut.json", content[:-20])
    shore.put("broken.json", content[:700] + b"garbage" + content[700:])
    shore.put("marked.json", b"\xef\xbb\xbf" + content[:900] + b'"' + content[900:])
    shore.land()
    twin.land()
    assert_equal(shore, twin)
    assert_every_byte_is_counted(shore)


def test_damaged_compression_gives_what_is_before_the_damage(shore: Shore, twin: Shore) -> None:
    whole = gzip.compress(b"".join(reading_record(number) + b"\n" for number in range(20_000)))
    (shore.folder / "cut.json.gz").write_bytes(whole[: len(whole) // 2])
    (shore.folder / "not.json.gz").write_bytes(b"{}")
    shore.put("empty.json.gz", b"")
    shore.land()
    twin.land()
    assert_equal(shore, twin)
    assert 1_000 < shore.ledger()["cut.json.gz"].rows < 20_000


def test_files_of_any_name_are_read_once(local_place: Place, spark_engine: Engine) -> None:
    shore = Shore(local_place, spark_engine, tables="tables [1] ü", raw="raw {a} *")
    names = [
        "a.json",
        "a b.json",
        "ü.json",
        "a%20b.json",
        "a[1].json",
        "a{x,y}.json",
        "a*.json",
        "a?b.json",
        "a#b.json",
    ]
    for name in (*names, "a=b.json", "x:y.json", "a\\b.json", "q'uote.json", "plus+.json"):
        shore.put(name, reading_record(1) + b"\n")
        shore.put(name.replace(".json", "-2.json"), reading_record(1) + b"garbage")
    shore.land()
    counted = shore.lakehouse.rows("SELECT sourceFile, count(*) AS n FROM accelerometer_landing GROUP BY sourceFile")
    assert {row["sourceFile"]: row["n"] for row in counted} == {file.name: 1 for file in shore.folder.iterdir()}


def test_after_any_sequence_of_runs_the_tables_equal_one_full_read_on_duckdb(shore: Shore, twin: Shore) -> None:
    chance = random.Random(7)
    shapes: list[Callable[[Sequence[bytes]], bytes]] = [b"\n".join, b"".join, b"garbage".join, lambda _: b""]
    shore.put("always.json", b"")
    for _ in range(6):
        for name in chance.sample(["a.json", "b.json", "c.json.gz", "d.json"], 2):
            (shore.folder / name).unlink(missing_ok=True)
            if chance.random() < 0.7:
                records = [reading_record(chance.randrange(100)) for _ in range(chance.randrange(1, 20))]
                shore.put(name, chance.choice(shapes)(records))
        shore.land()
    twin.land()
    assert_equal(shore, twin)
    assert not shore.land().is_changed


def test_nothing_but_the_tables_files_stays_in_their_folders(shore: Shore) -> None:
    for name, content in {"a.json": b"garbage", "b.json": reading_record(1), "c.json.gz": reading_record(2)}.items():
        shore.put(name, content)
    landed = shore.land()
    for stored in (landed.landing.stored, landed.quarantine.stored):
        assert stored is not None
        folder = stored.folder.local_path
        files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
        data = {name for name in files if "_delta_log" not in name and not NOTE.fullmatch(name)}
        assert data == {file.path for file in stored.written.files}
