"""How landing folders become landing tables: every shape of file, a quarantine, and only what is new is read."""

import functools
import gzip
import io
import json
import random
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster
import duckdb
import pytest
from deltalake import DeltaTable
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stedi_assets.engines import Engine
from stedi_assets.engines.duckdb.engine import DuckDBEngine
from stedi_assets.errors import StediError
from stedi_assets.lakehouse import Lakehouse, Landed
from stedi_assets.landing.booleans import BLOCK_BYTES, SMALL_BYTES, may_hold_booleans
from stedi_assets.landing.ledger import LedgerEntry
from stedi_assets.query import Query
from stedi_assets.storage import delta
from stedi_assets.tables import SOURCES, TABLES, Source
from stedi_assets_tests.conftest import (
    EXPECTED_COUNTS,
    OPENED,
    PHONE_READINGS,
    Place,
    Project,
    customer,
    evaluations,
    failed_checks,
    failure,
    new_place,
    of_duckdb,
    phone_reading,
)
from stedi_assets_tests.test_acceptance import COURSE_COUNTS, COURSE_DATA
from stedi_assets_tests.test_landing_records import CASES, CORPUS, MANY_RECORDS, SHAPES, reading_record, row_of

READINGS = SOURCES["accelerometer_files"]


def told(value: Any) -> str:
    # Of 0.0 and -0.0, which are equal, a Parquet file's dictionary holds whichever came first.
    return repr(value + 0.0 if isinstance(value, float) else value)


class Shore:
    """A landing folder with its tables, without Dagster, for what is tried a hundred times."""

    def __init__(self, place: Place, engine: Engine, source: Source = READINGS) -> None:
        self.place = place
        self.folder = place.root / "raw" / source.path
        self.folder.mkdir(parents=True, exist_ok=True)
        self.source = source
        self.lakehouse = Lakehouse(place.location("lakehouse"), place.location("raw"), engine)

    def put(self, name: str, content: bytes) -> None:
        (self.folder / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)

    def land(self, *, full_refresh: bool = False) -> Landed:
        query = Query(f"SELECT * FROM {self.source.name}")
        return self.lakehouse.land(self.source, query, "a run", full_refresh=full_refresh)

    def rows(self, name: str) -> Counter[tuple[Any, ...]]:
        """A table's rows as a multiset, with 1 and 1.0 told apart."""
        return Counter(tuple(map(told, row.values())) for row in self.lakehouse.rows(f"SELECT * FROM {name}"))

    def landed(self) -> Counter[tuple[Any, ...]]:
        return self.rows(self.source.landing)

    def quarantined(self) -> Counter[tuple[Any, ...]]:
        """What is in the quarantine, without the run and the time."""
        return Counter(row[:-2] for row in self.rows(self.source.quarantine).elements())

    def entry(self, name: str) -> LedgerEntry:
        return self.lakehouse.ledger(self.source.landing)[name]


@pytest.fixture
def shore(place: Place, computing: Engine) -> Shore:
    return Shore(place, computing)


def expected_rows(rows: Sequence[Sequence[Any]], file: str) -> Counter[tuple[str, ...]]:
    return Counter(tuple(map(told, (*row, file))) for row in rows)


# Every shape of file.


EXPECTED = {case: json.loads((CORPUS / f"{case}.expected.json").read_text()) for case in CASES}
"""From each file of the corpus to what becomes of it."""

SUFFIXES = (".json", ".json.gz")


@dataclass
class Found:
    """What became of one file."""

    rows: Counter[tuple[Any, ...]]
    quarantined: list[tuple[Any, ...]]
    entry: LedgerEntry


def found_by_file(shore: Shore) -> dict[str, Found]:
    """What became of each file of a folder that was read at once."""
    shore.land()
    quarantined: defaultdict[str, list[tuple[Any, ...]]] = defaultdict(list)
    columns = "byteOffset, byteLength, reasonCode, columnName, sourceFile"
    for row in shore.lakehouse.rows(f"SELECT {columns} FROM {shore.source.quarantine} ORDER BY byteOffset"):
        *found, file = row.values()
        quarantined[file].append(tuple(found))
    rows: defaultdict[str, Counter[tuple[Any, ...]]] = defaultdict(Counter)
    for stored, count in shore.landed().items():
        rows[stored[-1]][stored] = count
    ledger = shore.lakehouse.ledger(shore.source.landing)
    return {name: Found(rows[repr(name)], quarantined[name], entry) for name, entry in ledger.items()}


@pytest.fixture(scope="session")
def corpus(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, str], Mapping[str, Found]]:
    """Lands the whole corpus at once, in each kind of place with each engine."""

    @functools.cache
    def landed(kind: str, engine: str) -> Mapping[str, Found]:
        place = new_place(request, kind, tmp_path_factory.mktemp("corpus"))
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
@of_duckdb
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
        b"1",
        b"null\n",
        b"{",
    ],
)
@of_duckdb
def test_what_the_fast_reader_would_change_or_pass_over_is_read_exactly(shore: Shore, text: bytes) -> None:
    shore.put("a.json", reading_record(1) + b"\n" + text)
    shore.put("b.json", text)
    shore.land()
    assert {shore.entry(name).reader for name in ("a.json", "b.json")} == {"exact"}


@pytest.mark.parametrize(
    "text", [b"garbage", b'{"user":"a","timestamp":"abc"}', b'{"user":"a","timestamp":1.5}', b"", b'{"a":']
)
@of_duckdb
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
    assert len(delta.data_files(DeltaTable(local_place.location(f"lakehouse/{READINGS.path}").path))) == 2


@pytest.mark.parametrize("padding", range(4))
@of_duckdb
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


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
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


# Only what is new.


def test_only_new_and_changed_files_are_read(shore: Shore) -> None:
    shore.put("a.json", reading_record(1) + b"\n")
    shore.put("b.json", reading_record(2) + b"\n")
    assert shore.land().files_read == ["a.json", "b.json"]
    shore.put("b.json", reading_record(3) + b"\n" + reading_record(4) + b"\n")
    shore.put("c.json", reading_record(5) + b"\n")
    landed = shore.land()
    assert landed.files_read == ["b.json", "c.json"]
    assert landed.files_kept == 1
    assert shore.lakehouse.rows("SELECT count(*) AS n FROM accelerometer_landing") == [{"n": 4}]


def test_the_rows_of_a_file_that_is_gone_are_removed(shore: Shore) -> None:
    shore.put("a.json", reading_record(1) + b"\n")
    shore.put("b.json", b"garbage")
    shore.land()
    (shore.folder / "b.json").unlink()
    shore.put("c.json", reading_record(2) + b"\n")
    (shore.folder / "a.json").unlink()
    landed = shore.land()
    assert landed.files_removed == ["a.json", "b.json"]
    assert shore.landed() == expected_rows([row_of(reading_record(2))], "c.json")
    assert not shore.quarantined()


def test_nothing_is_committed_when_nothing_changed(shore: Shore) -> None:
    shore.put("a.json", reading_record(1) + b"garbage\n")
    first, second = shore.land(), shore.land()
    assert (first.is_changed, second.is_changed) == (True, False)
    assert (second.landing.version, second.quarantine.version) == (first.landing.version, first.quarantine.version)
    assert second.landing.written.rows == 1


def test_a_full_refresh_reads_all_files_again(shore: Shore) -> None:
    shore.put("a.json", reading_record(1) + b"\n")
    shore.land()
    landed = shore.land(full_refresh=True)
    assert landed.files_read == ["a.json"]
    assert shore.landed().total() == 1


def test_a_table_that_another_program_wrote_last_is_read_again(shore: Shore) -> None:
    shore.put("a.json", reading_record(1) + b"\n" + reading_record(2) + b"\n")
    shore.land()
    table = delta.open_table(shore.place.location("lakehouse/accelerometer/landing"))
    assert table is not None
    table.delete("timestamp = 1")
    assert shore.land().files_read == ["a.json"]
    assert shore.landed().total() == 2


def test_where_the_quarantine_is_gone_all_files_are_read_again(shore: Shore) -> None:
    shore.put("a.json", reading_record(1) + b"garbage\n")
    shore.land()
    quarantined = shore.quarantined()
    folder = shore.place.location(f"lakehouse/{TABLES[shore.source.quarantine].path}")
    folder.files.delete(f"{folder}/_delta_log", "")
    assert shore.land().files_read == ["a.json"]
    assert shore.quarantined() == quarantined
    assert (shore.landed().total(), quarantined.total()) == (1, 1)


def test_vacuum_and_optimize_leave_the_ledger_valid(shore: Shore) -> None:
    shore.put("a.json", reading_record(1) + b"\n")
    shore.land()
    table = delta.open_table(shore.place.location("lakehouse/accelerometer/landing"))
    assert table is not None
    table.optimize.compact()
    table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    assert not shore.land().is_changed


@pytest.mark.parametrize("moment", ["before the quarantine", "between quarantine and landing", "before the landing"])
def test_after_a_crash_at_any_moment_the_next_run_completes(
    shore: Shore, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    shore.put("a.json", reading_record(1) + b"garbage\n")
    shore.land()
    shore.put("a.json", reading_record(2) + b"other garbage\n")
    shore.put("b.json", b"more garbage" + reading_record(3))
    crashes = {
        "before the quarantine": "commit",
        "between quarantine and landing": "amend",
        "before the landing": "data_files",
    }

    def crash(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(delta, crashes[moment], crash)
        shore.land()
    shore.land()
    rows = expected_rows([row_of(reading_record(2))], "a.json") + expected_rows([row_of(reading_record(3))], "b.json")
    assert shore.landed() == rows
    quarantined = shore.quarantined()
    shore.land(full_refresh=True)
    assert shore.quarantined() == quarantined
    assert quarantined.total() == 2


def test_of_two_runs_that_land_a_file_at_once_one_wins_and_no_row_is_there_twice(
    shore: Shore, monkeypatch: pytest.MonkeyPatch
) -> None:
    shore.put("a.json", reading_record(1) + b"\n")
    shore.land()
    shore.put("b.json", reading_record(2) + b"\n")
    amend = delta.amend

    def amend_after_another_run(*arguments: Any) -> int:
        monkeypatch.setattr(delta, "amend", amend)
        shore.land()
        return amend(*arguments)

    monkeypatch.setattr(delta, "amend", amend_after_another_run)
    with pytest.raises(StediError, match="Another run changed the table at"):
        shore.land()
    assert shore.landed().total() == 2
    assert not shore.land().is_changed


@pytest.mark.parametrize("seed", range(3))
def test_after_any_sequence_of_runs_the_table_equals_one_full_read(place: Place, computing: Engine, seed: int) -> None:
    chance = random.Random(seed)
    shore = Shore(place / "step by step", computing)
    contents: dict[str, bytes] = {}
    shapes: list[Callable[[Sequence[bytes]], bytes]] = [
        b"\n".join,
        b"".join,
        lambda records: b"garbage".join(records),
        lambda _: b"",
    ]
    shore.put("always.json", b"")
    for _ in range(5):
        for name in chance.sample(["a.json", "b.json", "c.json.gz", "d.json"], 2):
            if name in contents and chance.random() < 0.4:
                del contents[name]
                (shore.folder / name).unlink()
                continue
            records = [reading_record(chance.randrange(100)) for _ in range(chance.randrange(1, 20))]
            contents[name] = chance.choice(shapes)(records)
            shore.put(name, contents[name])
        shore.land()
    whole = Shore(place / "at once", computing)
    whole.put("always.json", b"")
    for name, content in contents.items():
        whole.put(name, content)
    whole.land()
    assert shore.landed() == whole.landed()
    assert shore.quarantined() == whole.quarantined()


# In a run of Dagster.


def test_the_metadata_says_what_was_read_and_that_nothing_changed(project: Project) -> None:
    project.land("accelerometer", "accelerometer-3.json", [{**phone_reading("ada", 1), "model": "x"}])
    first, second = (project.materialize("accelerometer_landing") for _ in range(2))
    metadata = [
        {
            name: value.value
            for name, value in result.get_asset_materialization_events()[0].materialization.metadata.items()
        }
        for result in (first, second)
    ]
    assert (metadata[0]["changed"], metadata[0]["files_read"], metadata[0]["unknown_keys"]) == (True, 3, {"model": 1})
    assert (metadata[1]["changed"], metadata[1]["files_read"], metadata[1]["files_unchanged"]) == (False, 0, 3)
    assert metadata[0]["delta_version"] == metadata[1]["delta_version"] == 0
    assert metadata[1]["dagster/row_count"] == 7


def test_a_full_refresh_can_be_asked_for_by_a_setting_and_in_a_runs_configuration(project: Project) -> None:
    project.materialize("customer_landing")
    project.materialize("customer_landing", full_refresh=True)
    assert project.delta("customer_landing").version() == 1
    job = project.definitions().resolve_job_def("lakehouse")
    configuration = {"ops": {"customer_landing": {"config": {"full_refresh": True}}}}
    with dagster.DagsterInstance.ephemeral() as instance:
        keys = [dagster.AssetKey("customer_landing")]
        assert job.execute_in_process(configuration, instance=instance, asset_selection=keys).success
    assert project.delta("customer_landing").version() == 2


@pytest.mark.parametrize("selected", ["customer_landing", "customer_quarantine"])
def test_either_table_of_a_source_can_be_selected_and_both_are_brought_up_to_date(
    project: Project, selected: str
) -> None:
    project.land_text("customer", "customer-2.json", "garbage")
    result = project.materialize(selected, max_quarantined=1.0)
    assert result.success
    assert [event.asset_key for event in result.get_asset_materialization_events()] == [dagster.AssetKey(selected)]
    assert project.rows("customer_landing").total() == 5
    assert project.rows("customer_quarantine").total() == 1


def test_a_salvageable_file_does_not_fail_the_run_and_is_warned_of_without_its_text(project: Project) -> None:
    project.land("customer", "many.json", [customer(f"c{number}") for number in range(200)])
    project.land_text("customer", "bad.json", '{"email": "secret@example.com"}')
    result = project.materialize("customer_landing", "customer_quarantine", "customer_trusted")
    assert result.success
    found = evaluations(result)["customer_quarantine", "has_nothing_in_quarantine"]
    assert (found.passed, found.severity) == (False, dagster.AssetCheckSeverity.WARN)
    assert {name: value.value for name, value in found.metadata.items()} == {
        "reason: missing_required": 1,
        "file: bad.json": 1,
        "what_to_do": "Have the files corrected, with the offsets and reasons of this table.",
    }


def test_too_much_in_quarantine_fails_the_run(project: Project) -> None:
    project.land_text("step_trainer", "step_trainer-2.json", "garbage")
    selected = ("customer_landing", "accelerometer_landing", "step_trainer_landing", "customer_trusted")
    result = project.materialize(*selected, "accelerometer_trusted", "customer_curated", "step_trainer_trusted")
    assert not result.success
    assert ("step_trainer_landing", "has_few_records_in_quarantine") in failed_checks(result)
    assert not (project.lakehouse / "step_trainer/trusted").exists()
    assert project.materialize("step_trainer_landing", max_quarantined=0.2).success


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("not-json.json", "ada@example.com;secret\n"),
        ("another-type.json", '{"email": "zoe@example.com", "serialNumber": {"secret": 1}}\n'),
        ("truncated.json", '{"email": "zoe@example.com", "serialNu'),
        ("not-gzip.json.gz", "{}"),
    ],
)
def test_a_garbled_file_fails_the_run_without_its_text_and_nothing_downstream_changes(
    built_project: Project, name: str, text: str
) -> None:
    (built_project.landing / "customer/landing" / name).write_bytes(text.encode())
    result = built_project.materialize("customer_landing", "customer_quarantine", "customer_trusted")
    assert not result.success
    assert ("customer_landing", "has_few_records_in_quarantine") in failed_checks(result)
    assert built_project.delta("customer_trusted").version() == 0
    shown = json.dumps([str(evaluation) for evaluation in evaluations(result).values()])
    assert "secret" not in shown and "example.com" not in shown


def test_a_folder_without_a_file_fails_the_run_and_says_so(built_project: Project) -> None:
    (built_project.landing / "customer/landing/customer-1.json").unlink()
    result = built_project.materialize("customer_landing")
    assert "holds no .json or .json.gz file" in failure(result, "customer_landing")
    assert built_project.delta("customer_landing").version() == 0


def test_files_of_equal_content_are_both_kept_and_named_in_a_warning(project: Project) -> None:
    for name in ("accelerometer-3.json", "accelerometer-4.json"):
        project.land("accelerometer", name, PHONE_READINGS[:1])
    result = project.materialize("accelerometer_landing")
    assert result.success
    found = evaluations(result)["accelerometer_landing", "has_no_files_of_equal_content"]
    assert not found.passed
    assert found.metadata["files_with_equal_contents"].value == "accelerometer-3.json, accelerometer-4.json"
    assert project.rows("accelerometer_landing").total() == EXPECTED_COUNTS["accelerometer_landing"] + 2


@pytest.mark.parametrize(
    ("table", "finding"),
    [("accelerometer_landing", "files_with_other_rows"), ("accelerometer_quarantine", "files_with_other_quarantine")],
)
def test_a_row_that_is_lost_is_found_by_the_conservation_check(project: Project, table: str, finding: str) -> None:
    project.land_text("accelerometer", "bad.json", "garbage")
    project.materialize("accelerometer_landing", max_quarantined=1.0)
    ledger = delta.newest_metadata(project.delta("accelerometer_landing"), "stedi.ledger")
    nothing = project.delta(table).to_pyarrow_table().slice(0, 0)
    from deltalake import CommitProperties, write_deltalake

    write_deltalake(
        project.location(TABLES[table].path).path,
        nothing,
        storage_options=project.location().delta_options,
        mode="overwrite",
        commit_properties=CommitProperties(custom_metadata={"stedi.ledger": ledger}),
    )
    result = project.materialize("accelerometer_landing", max_quarantined=1.0)
    found = evaluations(result)["accelerometer_landing", "accounts_for_every_byte_of_every_file"]
    assert not found.passed
    assert found.metadata[finding].value


def test_the_quarantine_lies_in_a_folder_of_its_own_and_its_text_is_personal(project: Project) -> None:
    project.materialize("customer_landing")
    assert (project.lakehouse / "customer/quarantine/_delta_log").is_dir()
    assert TABLES["customer_quarantine"].personal_columns == ("text",)


# What is looked for where a number is 0 or 1.


@pytest.mark.parametrize(
    "text",
    [b"", b'{"a":1,"b":"x"}', b'{"a": -1, "b": "x"}', b'{"a":null,"b": null,"c":1}', b'{"a":"12:30"}'],
)
@pytest.mark.parametrize("padding", [0, SMALL_BYTES])
def test_texts_numbers_and_nulls_are_no_booleans(text: bytes, padding: int) -> None:
    assert not may_hold_booleans(io.BytesIO(b" " * padding + text))


@pytest.mark.parametrize("value", [b"true", b" false"])
@pytest.mark.parametrize("padding", [0, SMALL_BYTES])
def test_a_boolean_is_seen_in_a_small_and_in_a_large_file(value: bytes, padding: int) -> None:
    assert may_hold_booleans(io.BytesIO(b" " * padding + b'{"a":' + value + b"}"))


@pytest.mark.parametrize("text", [b'{"a":"true"}', b'{"false":1}', b'{"a":"it is: false"}'])
def test_a_word_in_a_text_is_no_boolean_unless_it_follows_a_colon(text: bytes) -> None:
    assert may_hold_booleans(io.BytesIO(text)) == (b": false" in text)


@pytest.mark.parametrize("value", [b"[1]", b'{"b":1}', b"NaN", b"\n1", b""])
def test_anything_else_after_a_colon_of_a_large_file_may_be_a_boolean(value: bytes) -> None:
    assert may_hold_booleans(io.BytesIO(b" " * SMALL_BYTES + b'{"a":' + value))


@pytest.mark.parametrize("padding", range(SMALL_BYTES + BLOCK_BYTES - 8, SMALL_BYTES + BLOCK_BYTES))
def test_a_value_at_the_edge_of_a_block_is_seen_whole(padding: int) -> None:
    assert not may_hold_booleans(io.BytesIO(b" " * padding + b'{"a": null}'))
    assert may_hold_booleans(io.BytesIO(b" " * padding + b'{"a": false}'))


# The course's data, in every shape that its published history has.


def changed(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Sequence[bytes]], bytes]:
    return lambda records: b"".join(json.dumps(change(json.loads(record))).encode() + b"\n" for record in records)


def with_nulls(record: dict[str, Any]) -> dict[str, Any]:
    return {f"shareWith{who}AsOfDate": None for who in ("Research", "Public", "Friends")} | record


def as_other_types(record: dict[str, Any]) -> dict[str, Any]:
    return {
        key: int(value) if key == "phone" else float(value) if isinstance(value, int) else value
        for key, value in record.items()
    }


REWRITTEN: Mapping[str, Callable[[Sequence[bytes]], bytes]] = {
    "concatenated": b"".join,
    "lines that end in a comma": b",\n".join,
    "an array on one line": lambda records: b"[" + b", ".join(records) + b"]",
    "an array over several lines": lambda records: json.dumps(
        [json.loads(record) for record in records], indent=2
    ).encode(),
    "objects over several lines": lambda records: b"\n".join(
        json.dumps(json.loads(record), indent=2).encode() for record in records
    ),
    "after a byte order mark, with CRLF": lambda records: b"\xef\xbb\xbf" + b"\r\n".join(records),
    "keys in capitals": changed(lambda record: {key.upper(): value for key, value in record.items()}),
    "nulls written out": changed(with_nulls),
    "dates as floats and phones as integers": changed(as_other_types),
}


COURSE_SOURCES = ("customer", "accelerometer", "step_trainer")

SMALL_FILES = 100
"""How many a source's files become."""


def course_files(source: str) -> list[Path]:
    if not COURSE_DATA.is_dir():
        pytest.skip("the course's data, whose licence keeps it out of this project, is not beside the checkout")
    return sorted((COURSE_DATA / source / "landing").glob("*.json"))


def course_lines(source: str) -> list[bytes]:
    return [line for file in course_files(source) for line in file.read_bytes().splitlines()]


@pytest.mark.parametrize("rewrite", REWRITTEN.values(), ids=REWRITTEN.keys())
@of_duckdb
def test_the_course_data_gives_its_counts_in_every_shape(
    empty_local_project: Project, rewrite: Callable[[Sequence[bytes]], bytes]
) -> None:
    for source in COURSE_SOURCES:
        for file in course_files(source):
            content = rewrite(file.read_bytes().splitlines())
            empty_local_project.land_text(source, file.name, content.decode())
    assert empty_local_project.materialize().success
    assert empty_local_project.counts() == COURSE_COUNTS


def test_the_course_data_gives_its_counts_in_all_shapes_at_once(empty_project: Project) -> None:
    for source in COURSE_SOURCES:
        lines = course_lines(source)
        for number, rewrite in enumerate(REWRITTEN.values()):
            content = rewrite(lines[number :: len(REWRITTEN)])
            empty_project.land_text(source, f"{number}.json", content.decode())
    assert empty_project.materialize().success
    assert empty_project.counts() == COURSE_COUNTS


def test_the_course_data_gives_its_counts_as_hundreds_of_small_files(empty_project: Project) -> None:
    for source in COURSE_SOURCES:
        lines = course_lines(source)
        for number in range(SMALL_FILES):
            content = b"\n".join(lines[number::SMALL_FILES])
            empty_project.land_text(source, f"{number}{SUFFIXES[number % 2]}", content.decode())
    assert empty_project.materialize().success
    assert empty_project.counts() == COURSE_COUNTS
