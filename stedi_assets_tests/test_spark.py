"""The Spark engine: the same tables and the same ledger as DuckDB's, wherever it computes."""

import gzip
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster
import duckdb
import pandas as pd
import pyarrow as pa
import pyspark.sql
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stedi_assets.engines import Engine
from stedi_assets.engines.duckdb.engine import DuckDBEngine
from stedi_assets.engines.spark import jars, landing
from stedi_assets.engines.spark.engine import SparkEngine
from stedi_assets.engines.spark.java import required_java
from stedi_assets.engines.spark.session import Session
from stedi_assets.errors import StediError
from stedi_assets.lakehouse import Lakehouse, Landed
from stedi_assets.landing.arrow import line_reader
from stedi_assets.landing.ledger import LedgerEntry
from stedi_assets.pseudonyms import Pseudonyms
from stedi_assets.query import Query
from stedi_assets.settings import read_settings
from stedi_assets.storage.location import Location
from stedi_assets.tables import SOURCES, Source
from stedi_assets_tests.commands import run
from stedi_assets_tests.conftest import EXPECTED_COUNTS, Project, failure, phone_reading
from stedi_assets_tests.test_landing_records import (
    CASES,
    CORPUS,
    MANY_RECORDS,
    READINGS,
    SHAPES,
    read,
    reading_record,
)

pytestmark = [
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning"),
    # One session for all of them.
    pytest.mark.xdist_group("spark-local"),
]

PHONES = SOURCES["accelerometer_files"]

SHORT_PARTS = {
    "spark.sql.files.maxPartitionBytes": "2000",
    "spark.sql.files.openCostInBytes": "1",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "7",
}
"""What makes Spark split small files between tasks, and what a task reads into several batches."""


@pytest.fixture(autouse=True)
def every_file_of_lines_is_split(monkeypatch: pytest.MonkeyPatch) -> None:
    """However small."""
    monkeypatch.setattr(landing, "SMALL_BYTES", 0)


@pytest.fixture
def engine(spark: Session) -> str:
    """Every project of these tests is built on Spark."""
    return "spark"


@pytest.fixture
def place_kind() -> str:
    return "local"


@pytest.fixture
def spark_engine(spark: Session) -> Iterator[Engine]:
    with Session() as own:
        yield SparkEngine(own, Pseudonyms(b"k" * 32))


@pytest.fixture
def duckdb_engine() -> Iterator[Engine]:
    with duckdb.connect() as connection:
        yield DuckDBEngine(connection)


class Shore:
    """A landing folder with its tables on one engine, without Dagster."""

    def __init__(self, tables: Path, raw: Path, engine: Engine, source: Source = PHONES) -> None:
        self.source = source
        self.raw = raw / source.path
        self.raw.mkdir(parents=True, exist_ok=True)
        self.lakehouse = Lakehouse(Location.parse(str(tables)), Location.parse(str(raw)), engine)

    def put(self, name: str, content: bytes) -> None:
        (self.raw / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)

    def land(self) -> Landed:
        query = Query(f"SELECT * FROM {self.source.name}")
        return self.lakehouse.land(self.source, query, "a run", full_refresh=False)

    def rows(self, name: str) -> Counter[tuple[Any, ...]]:
        """A table's rows as a multiset."""
        return Counter(tuple(row.values()) for row in self.lakehouse.rows(f"SELECT * FROM {name}"))

    def quarantined(self) -> Counter[tuple[Any, ...]]:
        """What is in the quarantine, without the run and the time."""
        return Counter(row[:-2] for row in self.rows(self.source.quarantine).elements())

    def ledger(self) -> Mapping[str, LedgerEntry]:
        return self.lakehouse.ledger(self.source.landing)

    def told(self) -> dict[str, tuple[int, int, Mapping[str, int]]]:
        """What the ledger says of each file on every engine."""
        return {name: (entry.rows, entry.quarantined, entry.unknown_keys) for name, entry in self.ledger().items()}


@pytest.fixture
def shore(tmp_path: Path, spark_engine: Engine) -> Shore:
    return Shore(tmp_path / "tables", tmp_path / "raw", spark_engine)


@pytest.fixture
def twin(tmp_path: Path, duckdb_engine: Engine) -> Shore:
    """The same landing folder, with tables of its own, on DuckDB."""
    return Shore(tmp_path / "tables of the twin", tmp_path / "raw", duckdb_engine)


def assert_equal(shore: Shore, twin: Shore) -> None:
    assert shore.rows(shore.source.landing) == twin.rows(twin.source.landing)
    assert shore.quarantined() == twin.quarantined()
    assert shore.told() == twin.told()


def assert_every_byte_is_counted(shore: Shore) -> None:
    for entry in shore.ledger().values():
        parts = (entry.bytes_in_rows, entry.bytes_quarantined, entry.bytes_between)
        is_plain = not entry.name.endswith(".gz")
        assert sum(parts) == entry.bytes_total == (entry.size if entry.reader == "exact" and is_plain else sum(parts))


# The same tables.


def test_the_tables_have_the_rows_that_duckdb_gives(project: Project) -> None:
    twin = replace(project, lakehouse=project.lakehouse.parent / "twin", engine="duckdb")
    for built in (project, twin):
        assert built.materialize(pseudonym_key="00" * 32).success
    counts = project.counts()
    assert {table: counts[table] for table in EXPECTED_COUNTS} == EXPECTED_COUNTS
    for table in EXPECTED_COUNTS:
        assert project.rows(table) == twin.rows(table)


def test_tables_need_the_oldest_protocol_and_their_log_tells_no_text(project: Project) -> None:
    assert project.materialize("accelerometer_landing").success
    table = project.delta("accelerometer_landing")
    assert (table.protocol().min_reader_version, table.protocol().min_writer_version) == (1, 2)
    assert all(field.nullable for field in table.schema().fields)
    actions = pa.table(table.get_add_actions(flatten=True)).to_pylist()
    assert max(action["max.timestamp"] for action in actions) == 300
    assert {action["null_count.user"] for action in actions} == {0}
    assert not any(action.get(f"{bound}.user") for action in actions for bound in ("min", "max"))


@pytest.mark.parametrize(("first", "second"), [("spark", "duckdb"), ("duckdb", "spark")])
def test_one_engine_reads_and_replaces_what_the_other_wrote(project: Project, first: str, second: str) -> None:
    one, other = replace(project, engine=first), replace(project, engine=second)
    assert one.materialize().success
    one.land("accelerometer", "accelerometer-3.json", [phone_reading("eve", 300)])
    (one.landing / "accelerometer/landing/accelerometer-1.json").unlink()
    assert other.materialize("accelerometer_landing", "accelerometer_trusted", "customer_curated").success
    assert one.materialize("step_trainer_trusted", "machine_learning_curated").success
    assert one.rows("accelerometer_trusted") == {("eve@example.com", 300, 0.0, -1.0, 0.5): 1}
    assert [row[1] for row in one.rows("customer_curated")] == ["eve@example.com"]
    assert other.materialize("machine_learning_curated").success


def test_a_spark_asset_and_a_duckdb_asset_stand_in_one_graph(project: Project) -> None:
    @dagster.asset(io_manager_key="duckdb_io_manager")
    def on_duckdb() -> Query:
        return Query("SELECT email, serialNumber FROM customer_landing")

    loaded = dagster.AssetIn(input_manager_key="spark_io_manager")

    @dagster.asset(io_manager_key="spark_io_manager", ins={"on_duckdb": loaded})
    def on_spark(on_duckdb: pyspark.sql.DataFrame) -> pyspark.sql.DataFrame:
        return on_duckdb.where("email LIKE 'a%'")

    assert project.materialize("customer_landing").success
    assert dagster.materialize([on_duckdb, on_spark], resources=project.definitions().resources).success
    assert project.rows("on_spark") == {("ada@example.com", "serial-ada"): 1}


# Landing files.


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES.keys())
def test_the_corpus_becomes_the_rows_and_the_quarantine_that_duckdb_gives(
    tmp_path: Path, spark_engine: Engine, duckdb_engine: Engine, source: Source
) -> None:
    shores = [
        Shore(tmp_path / name, tmp_path / "raw", engine, source)
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
    assert shore.rows("accelerometer_landing") == {
        ("a", 1, None, None, None, "a.json"): 1,
        ("7", 2, None, None, None, "a.json"): 1,
    }
    assert (shore.ledger()["a.json"].reader, landed.unknown_keys) == ("strict", {"model": 1})


@pytest.mark.parametrize("shape", SHAPES)
def test_files_that_tasks_share_give_the_rows_that_duckdb_gives(
    tmp_path: Path, spark: Session, twin: Shore, shape: Callable[[Sequence[bytes]], bytes]
) -> None:
    with Session(conf=SHORT_PARTS) as short_parts:
        shore = Shore(tmp_path / "tables", tmp_path / "raw", SparkEngine(short_parts))
        records = [reading_record(number) for number in range(200)]
        shore.put("lines.json", b"\n".join(records))
        shore.put("shaped.json", shape(records))
        shore.put("damaged.json", shape(records[:100])[:-30] + b"\n" + b"\n".join(records[100:]))
        shore.land()
        twin.land()
        assert_equal(shore, twin)
        assert shore.ledger()["lines.json"].reader == "strict"


def part_of_a_file(lines: Sequence[bytes]) -> pa.RecordBatch:
    names = pa.array(["a"] * len(lines), pa.string())
    return pa.record_batch({"file": names, "content": pa.array(lines, pa.binary())})


@settings(max_examples=300, deadline=None)
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
        for batch in line_reader(READINGS)(iter([part]))
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
    (shore.raw / "cut.json.gz").write_bytes(whole[: len(whole) // 2])
    (shore.raw / "not.json.gz").write_bytes(b"{}")
    shore.put("empty.json.gz", b"")
    shore.land()
    twin.land()
    assert_equal(shore, twin)
    assert 1_000 < shore.ledger()["cut.json.gz"].rows < 20_000


def test_files_of_any_name_are_read_once(tmp_path: Path, spark_engine: Engine) -> None:
    shore = Shore(tmp_path / "tables [1] ü", tmp_path / "raw {a} *", spark_engine)
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
    assert {row["sourceFile"]: row["n"] for row in counted} == {file.name: 1 for file in shore.raw.iterdir()}


def test_a_file_that_spark_would_pass_over_is_refused_by_name(shore: Shore) -> None:
    shore.put("_a.json", reading_record(1))
    with pytest.raises(StediError, match=r"does not read a file whose name begins with _.*_a\.json.*another name"):
        shore.land()


def test_after_any_sequence_of_runs_the_tables_equal_one_full_read_on_duckdb(shore: Shore, twin: Shore) -> None:
    chance = random.Random(7)
    shapes: list[Callable[[Sequence[bytes]], bytes]] = [b"\n".join, b"".join, b"garbage".join, lambda _: b""]
    shore.put("always.json", b"")
    for _ in range(6):
        for name in chance.sample(["a.json", "b.json", "c.json.gz", "d.json"], 2):
            (shore.raw / name).unlink(missing_ok=True)
            if chance.random() < 0.7:
                records = [reading_record(chance.randrange(100)) for _ in range(chance.randrange(1, 20))]
                shore.put(name, chance.choice(shapes)(records))
        shore.land()
    twin.land()
    assert_equal(shore, twin)
    assert not shore.land().is_changed


def test_nothing_but_the_tables_files_stays_in_their_folders(shore: Shore, tmp_path: Path) -> None:
    for name, content in {"a.json": b"garbage", "b.json": reading_record(1), "c.json.gz": reading_record(2)}.items():
        shore.put(name, content)
    landed = shore.land()
    for stored in (landed.landing, landed.quarantine):
        folder = stored.folder.local_path
        files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
        assert {name for name in files if "_delta_log" not in name} == {file.path for file in stored.written.files}


# The package travels by itself.


@pytest.fixture
def bare_python(tmp_path: Path) -> Path:
    """A Python that has pyarrow and pandas, which Spark asks for, but neither this package nor what else it needs."""
    libraries = tmp_path / "libraries"
    libraries.mkdir()
    for module in ("pyarrow", "pandas", "numpy", "dateutil", "six"):
        file = Path(str(__import__(module).__file__))
        for path in (
            file if file.parent.name == "site-packages" else file.parent,
            file.parent.parent / f"{module}.libs",
        ):
            if path.exists():
                (libraries / path.name).symlink_to(path)
    program = tmp_path / "python"
    base = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"
    program.write_text(f'#!/bin/sh\ncd /\nPYTHONPATH="$PYTHONPATH:{libraries}" exec {base} -S "$@"\n')
    program.chmod(0o755)
    return program


def test_workers_without_this_package_read_landing_files_and_make_pseudonyms(
    tmp_path: Path, spark: Session, bare_python: Path
) -> None:
    for module in ("stedi_assets", "deltalake", "click", "dagster"):
        assert subprocess.run([bare_python, "-c", f"import {module}"], check=False, capture_output=True).returncode == 1
    with Session(conf={"spark.sql.execution.pyspark.python": str(bare_python)}) as bare:
        shore = Shore(tmp_path / "tables", tmp_path / "raw", SparkEngine(bare, Pseudonyms(b"k" * 32)))
        shore.put("a.json", reading_record(1) + b"\n")
        shore.put("b.json", reading_record(2) + reading_record(3) + b"garbage")
        shore.put("c.json.gz", reading_record(4))
        shore.land()
        assert shore.rows("accelerometer_landing").total() == 4
        assert shore.quarantined().total() == 1
        (row,) = shore.lakehouse.rows(
            "SELECT pseudonym('ada') AS known, pseudonym(NULL) AS unknown FROM accelerometer_quarantine"
        )
    assert row == {"known": Pseudonyms(b"k" * 32)("ada"), "unknown": None}


def test_what_is_not_sql_runs_in_the_python_of_this_process_too(spark: Session) -> None:
    assert spark.spark.sparkContext.parallelize([0]).map(lambda _: sys.executable).collect() == [sys.executable]


# Assets of other people's making.

RETURNED: Mapping[str, Callable[[pyspark.sql.SparkSession], Any]] = {
    "pyspark.sql.DataFrame": lambda spark: spark.createDataFrame([(1, "x"), (2, None)], "a INT, b STRING"),
    "pandas.DataFrame": lambda _: pd.DataFrame({"a": [1, 2], "b": ["x", None]}),
    "pyarrow.Table": lambda _: pa.table({"a": [1, 2], "b": ["x", None]}),
    "pyarrow.Table of types that Spark lacks": lambda _: pa.table(
        {"a": pa.array([1, 2], pa.uint64()), "b": pa.array(["x", None], pa.large_string())}
    ),
    "Query": lambda _: Query("SELECT * FROM (VALUES (1, 'x'), (2, NULL)) AS t(a, b)"),
}


def materialize(project: Project, *assets: dagster.AssetsDefinition) -> dagster.ExecuteInProcessResult:
    return dagster.materialize([*assets], resources=project.definitions().resources, raise_on_error=False)


@pytest.mark.parametrize("returned", RETURNED.values(), ids=RETURNED.keys())
def test_what_an_asset_returns_is_stored_as_a_delta_table(
    project: Project, spark: Session, returned: Callable[[pyspark.sql.SparkSession], Any]
) -> None:
    @dagster.asset
    def mine() -> Any:
        return returned(spark.spark)

    assert materialize(project, mine).success
    assert project.rows("mine") == {(1, "x"): 1, (2, None): 1}


LOADED: Mapping[str, tuple[Any, Callable[[Any], list[int]]]] = {
    "pyspark.sql.DataFrame": (
        pyspark.sql.DataFrame,
        lambda frame: [row.timestamp for row in frame.select("timestamp").collect()],
    ),
    "pandas.DataFrame": (pd.DataFrame, lambda frame: frame["timestamp"].tolist()),
    "pyarrow.Table": (pa.Table, lambda table: table["timestamp"].to_pylist()),
}


@pytest.mark.parametrize(("kind", "instants"), LOADED.values(), ids=LOADED.keys())
def test_an_asset_gets_a_table_as_the_type_it_annotates_its_input_with(
    spark: Session, shore: Shore, kind: Any, instants: Callable[[Any], list[int]]
) -> None:
    shore.put("a.json", b"\n".join(map(reading_record, range(3))))
    shore.land()
    loaded = shore.lakehouse.load("accelerometer_landing", kind)
    assert isinstance(loaded, kind)
    assert sorted(instants(loaded)) == [0, 1, 2]


def test_types_that_are_not_known_are_errors_that_list_those_that_are(shore: Shore, tmp_path: Path) -> None:
    shore.put("a.json", reading_record(1))
    shore.land()
    known = "pyspark.sql.DataFrame, pandas.DataFrame, pyarrow.Table"
    with pytest.raises(
        StediError, match=f"cannot be loaded as builtins.list. Annotate the asset's input with one of {known}."
    ):
        shore.lakehouse.load("accelerometer_landing", list)
    with pytest.raises(
        StediError, match=f"type builtins.list cannot be stored. .*stedi_assets.query.Query or one of {known}"
    ):
        shore.lakehouse.store("mine", [1], "a run")


@pytest.mark.parametrize(
    ("expression", "delta_type"),
    [
        ("CAST(1 AS TINYINT)", "byte"),
        ("sum(1)", "long"),
        ("CAST(1.5 AS DECIMAL(9, 2))", "decimal(9,2)"),
        ("DATE '2024-02-29'", "date"),
        ("TIMESTAMP '2024-02-29 12:00:00'", "timestamp"),
        ("CAST('2024-02-29 12:00:00' AS TIMESTAMP_NTZ)", "timestamp"),
        ("true", "boolean"),
        ("NULL", "integer"),
        ("CAST('NaN' AS DOUBLE)", "double"),
    ],
)
def test_a_column_is_stored_as_a_type_that_every_delta_reader_knows(
    shore: Shore, expression: str, delta_type: str
) -> None:
    stored = shore.lakehouse.store("mine", Query(f"SELECT {expression} AS a"), "a run")
    assert str(stored.written.schema.fields[0].type) == f'PrimitiveType("{delta_type}")'
    assert stored.written.rows == 1


@pytest.mark.parametrize(("expression", "kind"), [("INTERVAL '1' DAY", "interval day"), ("parse_json('1')", "variant")])
def test_a_type_that_delta_does_not_have_is_an_error_that_names_the_column(
    shore: Shore, expression: str, kind: str
) -> None:
    with pytest.raises(StediError) as raised:
        shore.lakehouse.store("mine", Query(f"SELECT 1 AS a, {expression} AS b"), "a run")
    assert str(raised.value) == (
        f"A column's type cannot be stored in a Delta table; the columns are a int, b {kind}. "
        "Cast the column to another type, such as STRING."
    )


# Errors.


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT nothing FROM accelerometer_landing", "The query cannot be computed: .*`nothing` cannot be resolved"),
        ("SELECT CAST(user AS BIGINT) AS a FROM accelerometer_landing", "failed with Spark's CAST_INVALID_INPUT. Its"),
    ],
)
def test_an_error_quotes_no_value_and_leaves_no_file(
    shore: Shore, tmp_path: Path, capfd: pytest.CaptureFixture[str], sql: str, message: str
) -> None:
    shore.put("a.json", reading_record(1))
    shore.land()
    with pytest.raises(StediError, match=message) as raised:
        shore.lakehouse.store("mine", Query(sql), "a run")
    assert "example.com" not in str(raised.value) + "".join(capfd.readouterr())
    assert not list((tmp_path / "tables/assets/mine").iterdir())


def test_a_dagster_run_that_fails_on_spark_shows_one_line(project: Project) -> None:
    @dagster.asset
    def mine() -> Query:
        return Query("SELECT CAST('secret' AS DATE) AS a")

    message = failure(materialize(project, mine), "mine")
    assert message.startswith("The query failed with Spark's CAST_INVALID_INPUT.")
    assert "secret" not in message


def java(folder: Path, told: str) -> Path:
    program = folder / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho '{told}' >&2\n")
    program.chmod(0o755)
    return program


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ('java version "1.8.0_392"', "is version 8"),
        ('openjdk version "11.0.2" 2019-01-15', "is version 11"),
        ("nothing", "does not tell its version"),
    ],
)
def test_a_java_that_is_too_old_is_named_with_the_version_that_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str, found: str
) -> None:
    program = java(tmp_path, told)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(StediError) as raised:
        required_java()
    remedy = "Install Java 17 or newer, and set JAVA_HOME to its folder."
    assert str(raised.value) == f"Spark needs Java 17 or newer, and {program} {found}. {remedy}"


@pytest.mark.parametrize("version", ["17.0.15", "21", "25.0.1"])
def test_a_java_that_is_new_enough_is_fine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    java(tmp_path, f'openjdk version "{version}" 2025-04-15')
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    required_java()


def test_a_missing_java_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StediError, match="Spark needs Java 17 or newer, and none is on the PATH"):
        required_java()
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "nowhere"))
    with pytest.raises(StediError, match=r"and .*/nowhere/bin/java cannot be run"):
        required_java()


# The session.


def test_a_session_starts_when_it_is_asked_for_and_stops_at_the_end_also_after_a_failure() -> None:
    program = """
from pyspark import SparkContext
from stedi_assets.engines.spark.session import Session
try:
    with Session(conf={"spark.sql.shuffle.partitions": "3"}) as session:
        print(SparkContext._gateway)
        print(session.spark.conf.get("spark.sql.shuffle.partitions"), session.spark.range(5).count())
        raise RuntimeError
except RuntimeError:
    print(SparkContext._active_spark_context)
"""
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert finished.stdout.split() == ["None", "3", "5", "None"]
    assert not finished.stderr.replace("\n", "").strip() or "Stage" in finished.stderr


def test_a_session_that_is_there_is_used_and_left_running(spark: Session) -> None:
    with Session() as other:
        other.spark.range(1).createOrReplaceTempView("seen_by_one")
        assert other.spark.sparkContext is spark.spark.sparkContext
    assert spark.spark.range(2).count() == 2
    assert not spark.spark.catalog.tableExists("seen_by_one")


def test_a_run_on_spark_says_nothing_but_its_table(project: Project, tmp_path: Path) -> None:
    finished = run("stedi", "run", "--select", "customer_landing", folder=tmp_path, **project.variables)
    assert finished.exit_code == 0
    assert "customer_landing" in finished.output
    for noise in ("WARN", "Warning", "log level", "incubator", "pandas", "log4j"):
        assert noise not in finished.output


def test_spark_that_cannot_start_is_one_clear_line(project: Project, tmp_path: Path) -> None:
    variables = {**project.variables, "STEDI_SPARK_MASTER": "nowhere"}
    finished = run("stedi", "run", "--select", "customer_landing", folder=tmp_path, **variables)
    assert finished.exit_code == 1
    assert "customer_landing: Spark could not be started at nowhere: " in finished.output
    assert "Correct STEDI_SPARK_MASTER, STEDI_SPARK_JARS or STEDI_SPARK_CONF." in finished.output
    assert "Traceback" not in finished.output


def test_jars_that_do_not_come_in_time_are_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jars, "FETCHING_SECONDS", 0.01)
    with pytest.raises(StediError, match=r"could not be fetched\. Fetch them with make spark-jars"):
        jars.fetch(tmp_path / "jars")


@pytest.mark.parametrize("text", ["8g", "[]", '{"a": {}}', "{"])
def test_options_of_spark_that_are_not_a_json_object_are_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("STEDI_SPARK_CONF", text)
    with pytest.raises(StediError, match=r"STEDI_SPARK_CONF=.* is not legal: it is not a JSON object"):
        read_settings()


def test_options_of_spark_are_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEDI_SPARK_CONF", '{"a": true, "b": 2, "c": "d"}')
    assert read_settings().spark_conf == {"a": "true", "b": "2", "c": "d"}
