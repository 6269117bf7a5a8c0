"""The commands that look at the lakehouse: query, its prompt, tables, history, diff, duckdb, and completion."""

import csv
import fcntl
import io
import json
import os
import pty
import re
import select
import shlex
import socket
import stat
import struct
import subprocess
import termios
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from click.testing import CliRunner, Result
from deltalake import DeltaTable, write_deltalake

from stedi_assets.cli import main
from stedi_assets.storage.aws import Aws
from stedi_assets.tables import TABLES
from stedi_assets_tests.commands import PROGRAMS, environment, run
from stedi_assets_tests.conftest import CUSTOMERS, Place, Project, phone_reading, with_landing_files

COMMANDS = ("query", "tables", "history", "diff", "duckdb", "completion")

LATER_READINGS = [phone_reading("ada", 500), phone_reading("ada", 500), phone_reading("eve", 600)]

ESCAPE_SEQUENCE = "\x1b[2J"
"""Clears the screen of a terminal that is given it."""


@pytest.fixture
def engine() -> str:
    """The shell computes with DuckDB, whichever engine wrote the tables."""
    return "duckdb"


@dataclass(frozen=True)
class Built:
    """A project that two runs have built: accelerometer_landing and what comes of it gained rows in the second.

    Attributes:
        project: The project, with a table of another's asset beside those of the contract.
        runs: The ids of the runs.
    """

    project: Project
    runs: tuple[str, str]

    @property
    def lakehouse(self) -> Path:
        return self.project.lakehouse

    def stedi(self, *arguments: str, **options: Any) -> Result:
        return stedi(self.project, *arguments, **options)


def built_twice(project: Project) -> Built:
    first = project.materialize()
    project.land("accelerometer", "accelerometer-3.json", LATER_READINGS)
    second = project.materialize()
    assert first.success and second.success
    return Built(project, (first.run_id, second.run_id))


def stedi(project: Project, *arguments: str, **options: Any) -> Result:
    return CliRunner(env=project.variables).invoke(main, arguments, **options)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """A project on local disk, that the tests of this file only look at."""
    folder = tmp_path_factory.mktemp("built")
    place = Place(folder, Aws(), {})
    project = with_landing_files(Project.at(place, "duckdb"))
    write_deltalake(
        folder / "lakehouse/assets/mine",
        pa.table({"email": ["ada@example.com", None], "note": [f"{ESCAPE_SEQUENCE}gone", "ü, 'x'"]}),
    )
    return built_twice(project)


@pytest.fixture
def local_built(local_project: Project) -> Built:
    """The same, for a test that changes it."""
    return built_twice(local_project)


def succeeded(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(result: Result, exit_code: int = 1) -> str:
    """The one line that a failure prints."""
    assert result.exit_code == exit_code, result.output
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: ")
    return line.removeprefix("Error: ")


def rows_of_csv(text: str) -> Counter[tuple[str, ...]]:
    return Counter(tuple(row) for row in list(csv.reader(io.StringIO(text)))[1:])


# Every location


def test_a_query_reads_tables_as_they_are_and_as_they_were(project: Project) -> None:
    built = built_twice(project)
    count = "SELECT count(*) AS rows FROM accelerometer_trusted"
    assert json.loads(succeeded(built.stedi("query", count, "--format", "json"))) == [{"rows": 7}]
    assert json.loads(succeeded(built.stedi("query", count, "--format", "json", "--as-of", "0"))) == [{"rows": 4}]


@pytest.mark.parametrize("place_kind", ["versitygw"], indirect=True)
def test_two_versions_in_a_bucket_are_compared(project: Project) -> None:
    built = built_twice(project)
    difference = json.loads(succeeded(built.stedi("diff", "accelerometer_trusted", "0", "1", "--json")))
    assert (difference["rows_added"], difference["rows_removed"]) == (3, 0)


def test_the_tables_of_other_assets_are_found_by_name(project: Project) -> None:
    folder = project.location("assets/mine")
    write_deltalake(folder.path, pa.table({"a": [1, 2]}), storage_options=folder.delta_options)
    assert succeeded(stedi(project, "query", "FROM mine", "--format", "csv")) == "a\n1\n2\n"
    inventory = json.loads(succeeded(stedi(project, "tables", "--json")))
    assert inventory[-1].items() >= {"name": "mine", "zone": "other", "built": True, "rows": 2}.items()
    assert "The tables that exist are mine." in refused(stedi(project, "query", "FROM yours"))


@pytest.mark.parametrize("place_kind", ["versitygw"], indirect=True)
def test_no_statement_can_read_the_keys_of_a_bucket(project: Project) -> None:
    assert project.materialize("customer_landing").success
    secret = project.place.variables["AWS_SECRET_ACCESS_KEY"]
    for source in ("SELECT name, value FROM duckdb_settings()", "FROM duckdb_secrets()"):
        statement = f"SELECT * FROM ({source}) WHERE (SELECT count(*) FROM customer_landing) > 0"
        printed = succeeded(stedi(project, "query", statement, "--format", "csv"))
        assert secret not in {part for row in rows_of_csv(printed) for cell in row for part in re.split("[;=]", cell)}
    unredacted = stedi(project, "query", "FROM duckdb_secrets(redact = false), customer_landing")
    assert unredacted.exit_code == 1


@pytest.mark.parametrize("place_kind", ["moto", "versitygw"], indirect=True)
def test_a_file_of_views_over_a_bucket_holds_no_secret_and_says_what_it_needs(project: Project, tmp_path: Path) -> None:
    assert project.materialize("customer_landing").success
    file = tmp_path / "views.duckdb"
    printed = succeeded(stedi(project, "duckdb", str(file)))
    assert "httpfs" in printed and "CREATE SECRET" in printed
    assert project.files("customer_landing")[0].encode() in file.read_bytes()
    assert b"SECRET" not in file.read_bytes().upper()
    with duckdb.connect(file) as connection:
        assert connection.sql("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall() == [
            ("customer_landing",),
            ("customer_quarantine",),
        ]


# Queries


def test_a_result_is_a_table_to_look_at(built: Built) -> None:
    printed = succeeded(
        built.stedi("query", "SELECT email, serialNumber, 7 AS seven, NULL AS nothing FROM customer_curated ORDER BY 1")
    )
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in printed.splitlines() if "│" in line]
    assert rows == [
        ["ada@example.com", "serial-ada", "7", "NULL"],
        ["eve@example.com", "serial-eve", "7", "NULL"],
    ]
    assert printed.splitlines()[-1] == "2 rows"


def test_a_table_shows_no_more_rows_than_its_limit_and_says_how_many_there_are(built: Built) -> None:
    printed = succeeded(built.stedi("query", "FROM range(1_000_000)", "--limit", "3"))
    assert len([line for line in printed.splitlines() if "│" in line]) == 3
    assert printed.splitlines()[-1].startswith("1,000,000 rows, 999,997 more than shown")


def test_a_value_cannot_steer_the_terminal(built: Built) -> None:
    printed = succeeded(built.stedi("query", "FROM mine"))
    assert "\x1b" not in printed
    assert r"\x1b[2Jgone" in printed


def test_csv_is_what_a_reader_of_csv_reads_back(built: Built) -> None:
    printed = succeeded(built.stedi("query", "FROM mine", "--format", "csv"))
    assert rows_of_csv(printed) == {("ada@example.com", f"{ESCAPE_SEQUENCE}gone"): 1, ("", "ü, 'x'"): 1}


def test_json_is_an_array_of_objects(built: Built) -> None:
    statement = "SELECT customerName, lastUpdateDate, shareWithResearchAsOfDate FROM customer_landing ORDER BY 1"
    assert json.loads(succeeded(built.stedi("query", statement, "--format", "json"))) == [
        {key: customer.get(key) for key in ("customerName", "lastUpdateDate", "shareWithResearchAsOfDate")}
        for customer in sorted(CUSTOMERS, key=lambda customer: str(customer["customerName"]))
    ]


def test_json_of_no_rows_is_an_empty_array(built: Built) -> None:
    assert json.loads(succeeded(built.stedi("query", "FROM mine WHERE false", "--format", "json"))) == []


@pytest.mark.parametrize("name", ["result.parquet", "result.csv", "result.csv.gz", "result.json", "a 'b'.csv"])
def test_a_file_gets_the_format_that_its_name_says(built: Built, tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    result = built.stedi("query", "SELECT x, y FROM accelerometer_landing", "--output", str(file))
    assert succeeded(result) == ""
    assert result.stderr == f"{file}: 9 rows\n"
    assert duckdb.sql(f"SELECT count(*), min(y) FROM '{str(file).replace(chr(39), chr(39) * 2)}'").fetchall() == [
        (9, -1.0)
    ]


def test_a_file_is_replaced_only_by_a_whole_result(built: Built, tmp_path: Path) -> None:
    file = tmp_path / "result.csv"
    file.write_text("as it was")
    failing = "SELECT CASE WHEN range = 3000000 THEN error('no') END FROM range(4000000)"
    assert refused(built.stedi("query", failing, "--output", str(file))).startswith("Invalid Input Error: no.")
    assert file.read_text() == "as it was"
    succeeded(built.stedi("query", "SELECT 1 AS a", "--output", str(file)))
    assert file.read_text() == "a\n1\n"
    assert list(tmp_path.iterdir()) == [file]


def test_a_result_is_not_written_into_the_lakehouse(built: Built) -> None:
    file = Path(built.project.files("customer_trusted")[0])
    content = file.read_bytes()
    line = refused(built.stedi("query", "SELECT 1", "--output", str(file)))
    assert line.startswith(f"The file {file} would lie in the lakehouse")
    assert file.read_bytes() == content


def test_a_reader_that_goes_away_ends_a_long_result(built: Built) -> None:
    command = [str(PROGRAMS / "stedi"), "query", "SELECT range AS a FROM range(200_000_000_000)", "--format", "csv"]
    finished = subprocess.run(
        ["bash", "-c", f"{shlex.join(command)} | head -n 2"],
        env=environment(built.project.variables),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert finished.stdout == "a\n0\n"
    assert finished.stderr == ""


def test_a_statement_is_read_from_standard_input(built: Built) -> None:
    result = built.stedi("query", "--format", "csv", input="SELECT 1 AS a -- ;\n; -- that is all;\n")
    assert succeeded(result) == "a\n1\n"


@pytest.mark.parametrize(
    ("statement", "rows"),
    [
        ("FROM accelerometer_trusted WHERE timestamp > 400", 3),
        ("SELECT * FROM ACCELEROMETER_TRUSTED WHERE x > 0.5", 1),
        ("WITH customer_trusted AS (FROM customer_landing) FROM customer_trusted", 5),
        ("SELECT email FROM customer_trusted WHERE email IN (SELECT user FROM accelerometer_trusted)", 2),
        ("DESCRIBE step_trainer_trusted", 3),
        ("SHOW TABLES", len(TABLES) + 1),
        ("PIVOT step_trainer_trusted ON serialNumber IN ('serial-ada', 'serial-eve') USING count(*)", 3),
        ("SELECT 1 AS a, 2 AS a;", 1),
    ],
)
def test_whatever_selects_is_computed(built: Built, statement: str, rows: int) -> None:
    assert rows_of_csv(succeeded(built.stedi("query", statement, "--format", "csv"))).total() == rows
    assert succeeded(built.stedi("query", statement)).splitlines()[-1] == ("1 row" if rows == 1 else f"{rows} rows")


def test_a_mistake_in_a_statement_is_one_line_in_the_words_of_duckdb(built: Built) -> None:
    line = refused(built.stedi("query", "SELECT emial FROM customer_trusted"))
    assert line.startswith(
        'Binder Error: Referenced column "emial" not found in FROM clause! Candidate bindings: "email"'
    )


def test_a_mistake_whose_quotation_ends_within_a_letter_is_one_line_too(built: Built) -> None:
    line = refused(built.stedi("query", "SELECT ('[' || repeat('\u65e5', 50))::JSON"))
    assert line.startswith("Conversion Error: Malformed JSON at byte 1 of input: unexpected character.")
    assert line.endswith('\ufffd...". Correct the SELECT.')


def test_an_unknown_table_is_one_line_that_names_those_that_exist(built: Built) -> None:
    line = refused(built.stedi("query", "FROM customers"))
    assert line.startswith(f"The table customers does not exist at {built.lakehouse}. The tables that exist are ")
    assert line.endswith("mine.")
    assert all(name in line for name in TABLES)


def test_a_table_that_has_not_been_built_is_one_line_that_says_how(empty_local_project: Project) -> None:
    line = refused(stedi(empty_local_project, "query", "FROM customer_trusted"))
    assert line == (
        f"The table customer_trusted has not been built at {empty_local_project.lakehouse}. "
        "No table exists yet: stedi run builds them."
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("query", "SELECT 1", "--format", "parquet"),
        ("query", "SELECT 1", "--output", "result.txt"),
        ("query", "SELECT 1", "--format", "table", "--output", "result.txt"),
        ("query", "SELECT 1", "--as-of", "yesterday"),
        ("query", "SELECT 1", "--limit", "0"),
        ("query", "SELECT 1", "--format", "xml"),
        ("history",),
        ("history", "customer_trusted", "--limit", "none"),
        ("diff", "customer_trusted", "0"),
        ("diff", "customer_trusted", "0", "x"),
        ("duckdb",),
        ("completion", "tcsh"),
    ],
    ids=" ".join,
)
def test_a_command_that_cannot_be_understood_exits_with_2(
    built: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    result = built.stedi(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert re.fullmatch("Error: .+", result.stderr.splitlines()[-1])
    assert list(tmp_path.iterdir()) == []


# Reading, and nothing else


def content_of(folder: Path) -> dict[Path, tuple[int, int]]:
    return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in sorted(folder.rglob("*"))}


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO customer_trusted SELECT * FROM customer_trusted",
        "UPDATE customer_trusted SET email = 'x'",
        "DELETE FROM customer_trusted",
        "DROP VIEW customer_trusted",
        "CREATE TABLE t AS FROM customer_trusted",
        "COPY customer_trusted TO '{folder}/stolen.csv'",
        "COPY (FROM customer_trusted) TO '{file}'",
        "EXPORT DATABASE '{folder}/exported'",
        "ATTACH '{folder}/attached.duckdb'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "CALL enable_logging(storage = 'file', storage_path = '{folder}/log')",
        "EXPLAIN ANALYZE FROM customer_trusted",
        "SELECT 1; SELECT 2",
        "SELECT 1) FROM (SELECT 2",
        "",
        ";",
        "/* nothing */",
    ],
)
def test_what_is_not_one_select_is_refused(built: Built, tmp_path: Path, statement: str) -> None:
    before = content_of(built.lakehouse)
    file = built.project.files("customer_trusted")[0]
    for format_ in ("table", "csv"):
        result = built.stedi("query", statement.format(folder=tmp_path, file=file), "--format", format_)
        assert re.search("not one SELECT|Parser Error", refused(result))
    assert content_of(built.lakehouse) == before
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "source",
    [
        "read_csv('{secret}')",
        "read_text('{secret}')",
        "read_blob('{secret}')",
        "read_json('{secret}')",
        "sniff_csv('{secret}')",
        "glob('{folder}/*')",
        "query('FROM read_text(''{secret}'')')",
        "read_parquet('{file}')",
        "parquet_metadata('{file}')",
        "(SELECT * FROM customer_trusted, read_text('{secret}'))",
        "'{secret}'",
        '"{secret}"',
        "'{file}'",
        "query('FROM built')",
    ],
)
def test_a_query_reads_no_file_but_those_of_the_tables_it_names(built: Built, tmp_path: Path, source: str) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("the,secret\n1,2\n")
    file = built.project.files("customer_landing")[0]
    statement = f"SELECT * FROM {source.format(secret=secret, folder=tmp_path, file=file)}"
    for format_ in ("table", "csv"):
        assert "the,secret" not in refused(built.stedi("query", statement, "--format", format_))


def test_a_query_asks_nothing_of_the_network(built: Built) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        port = listener.getsockname()[1]
        line = refused(built.stedi("query", f"FROM read_csv('http://127.0.0.1:{port}/x.csv')"))
        assert "disabled by configuration" in line
        with pytest.raises(TimeoutError):
            listener.accept()


def test_only_the_tables_that_are_named_are_opened(local_built: Built) -> None:
    log = local_built.lakehouse / TABLES["customer_landing"].path / "_delta_log/00000000000000000000.json"
    log.write_text("this is no log")
    line = refused(local_built.stedi("query", "FROM customer_landing"))
    assert line.startswith(f"The table customer_landing at {log.parent.parent} cannot be opened")
    assert succeeded(local_built.stedi("query", "SELECT count(*) AS n FROM customer_trusted", "--format", "csv")) == (
        "n\n3\n"
    )


# Time travel


def history(built: Built, table: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(succeeded(built.stedi("history", table, "--json")))
    return found


def count_as_of(built: Built, moment: str) -> str:
    statement = "SELECT count(*) AS n FROM accelerometer_trusted"
    return succeeded(built.stedi("query", statement, "--format", "csv", "--as-of", moment)).splitlines()[1]


def test_a_query_reads_a_version_by_its_number(built: Built) -> None:
    assert [count_as_of(built, version) for version in ("0", "1")] == ["4", "7"]


def test_a_query_reads_what_was_current_at_an_instant(built: Built) -> None:
    second, first = (version["time"] for version in history(built, "accelerometer_trusted"))
    assert [count_as_of(built, instant) for instant in (first, second, "2999-01-01")] == ["4", "7", "7"]
    assert count_as_of(built, second.replace("Z", "+00:00")) == "7"


def test_an_instant_before_the_first_commit_is_an_error(built: Built) -> None:
    line = refused(built.stedi("query", "FROM accelerometer_trusted", "--as-of", "2001-02-03T04:05"))
    assert line.startswith(
        "The table accelerometer_trusted did not exist at 2001-02-03T04:05:00.000Z: its first commit"
    )


def test_a_version_that_does_not_exist_is_an_error_that_names_the_last(built: Built) -> None:
    line = refused(built.stedi("query", "FROM accelerometer_trusted", "--as-of", "7"))
    assert line == (
        "The table accelerometer_trusted has no version 7; its current one is 1. "
        "stedi history accelerometer_trusted lists its versions."
    )


def test_a_version_whose_files_a_vacuum_removed_is_an_error_that_says_so(local_built: Built) -> None:
    table = DeltaTable(local_built.lakehouse / TABLES["customer_trusted"].path)
    assert table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    expected = (
        "Version 0 of customer_trusted can no longer be read: a vacuum has removed files of it. "
        "Choose a later one: stedi history customer_trusted lists the versions."
    )
    assert refused(local_built.stedi("query", "FROM customer_trusted", "--as-of", "0")) == expected
    assert refused(local_built.stedi("diff", "customer_trusted", "0", "1")) == expected
    assert [version["version"] for version in history(local_built, "customer_trusted")][-2:] == [1, 0]


# Tables


def test_tables_tells_what_each_table_holds(built: Built) -> None:
    inventory = {entry["name"]: entry for entry in json.loads(succeeded(built.stedi("tables", "--json")))}
    assert list(inventory) == [*TABLES, "mine"]
    for name in TABLES:
        files = [Path(file) for file in built.project.files(name)]
        assert inventory[name] == {
            "name": name,
            "zone": TABLES[name].zone,
            "built": True,
            "rows": built.project.delta(name).count(),
            "bytes": sum(file.stat().st_size for file in files),
            "files": len(files),
            "version": built.project.delta(name).version(),
            "committed": history(built, name)[0]["time"],
            "path": str(built.lakehouse / TABLES[name].path),
        }


def test_tables_are_a_table_to_look_at(built: Built) -> None:
    printed = succeeded(built.stedi("tables"))
    (line,) = (line for line in printed.splitlines() if "accelerometer_landing" in line)
    assert re.search(
        r"│ accelerometer_landing +│ landing +│ +9 │ +[\d.]+ kB │ +\d │ +1 │ +\d+ (second|minute)s? │", line
    )
    assert "\x1b" not in printed


def test_tables_that_do_not_exist_yet_are_listed_as_not_built(local_project: Project) -> None:
    assert local_project.materialize("customer_landing").success
    inventory = {
        entry["name"]: entry["built"] for entry in json.loads(succeeded(stedi(local_project, "tables", "--json")))
    }
    assert {name for name, is_built in inventory.items() if is_built} == {"customer_landing", "customer_quarantine"}
    assert inventory.keys() == TABLES.keys()
    assert succeeded(stedi(local_project, "tables")).count("not built") == len(TABLES) - 2


# History


def test_history_lists_the_newest_version_first_with_its_run_and_rows(built: Built) -> None:
    newest, oldest = history(built, "accelerometer_landing")
    assert (
        newest.items()
        >= {
            "version": 1,
            "operation": "WRITE",
            "rows": 9,
            "rows_added": 3,
            "rows_removed": 0,
            "run_id": built.runs[1],
        }.items()
    )
    assert (
        oldest.items()
        >= {
            "version": 0,
            "operation": "CREATE TABLE",
            "rows": 6,
            "rows_added": 6,
            "rows_removed": 0,
            "run_id": built.runs[0],
        }.items()
    )
    assert newest["time"] > oldest["time"]
    assert newest["engine"].startswith("delta-rs")


def test_history_counts_a_replaced_table_as_removed_and_added(built: Built) -> None:
    newest = history(built, "customer_trusted")[0]
    assert (newest["rows"], newest["rows_added"], newest["rows_removed"]) == (3, 3, 3)


def test_history_lists_no_more_versions_than_its_limit(built: Built) -> None:
    printed = succeeded(built.stedi("history", "accelerometer_landing", "--limit", "1"))
    assert built.runs[1] in printed
    assert built.runs[0] not in printed


def test_the_history_of_an_unknown_table_is_an_error_that_names_those_that_exist(built: Built) -> None:
    assert "The tables that exist are customer_landing" in refused(built.stedi("history", "../customer/landing"))


# Differences


def test_rows_that_were_added_are_counted_as_often_as_they_are_there(built: Built) -> None:
    difference = json.loads(succeeded(built.stedi("diff", "accelerometer_trusted", "0", "1", "--json")))
    assert Counter(row["timestamp"] for row in difference.pop("added_sample")) == {500: 2, 600: 1}
    assert difference == {
        "table": "accelerometer_trusted",
        "from_version": 0,
        "to_version": 1,
        "columns_added": [],
        "columns_removed": [],
        "rows_added": 3,
        "rows_removed": 0,
        "removed_sample": [],
    }


def test_rows_that_were_removed_are_those_that_only_the_first_version_has(built: Built) -> None:
    difference = json.loads(succeeded(built.stedi("diff", "accelerometer_trusted", "1", "0", "--json")))
    assert (difference["rows_added"], difference["rows_removed"]) == (0, 3)


def test_a_table_that_was_replaced_by_the_same_rows_does_not_differ(built: Built) -> None:
    printed = succeeded(built.stedi("diff", "customer_trusted", "0", "1"))
    assert printed.splitlines()[1:] == ["rows added: 0", "rows removed: 0"]


def test_the_sample_of_a_difference_masks_what_is_personal(built: Built) -> None:
    for arguments in ((), ("--json",)):
        printed = succeeded(built.stedi("diff", "accelerometer_landing", "0", "1", *arguments))
        assert "***" in printed
        assert "example.com" not in printed


def test_a_personal_column_is_masked_in_the_tables_of_others_too(local_project: Project) -> None:
    folder = local_project.lakehouse / "assets/mine"
    write_deltalake(folder, pa.table({"EMAIL": ["ada@example.com"], "n": [1]}))
    write_deltalake(folder, pa.table({"EMAIL": [None, "eve@example.com"], "n": [2, 3]}), mode="overwrite")
    difference = json.loads(succeeded(stedi(local_project, "diff", "mine", "0", "1", "--json")))
    assert difference["removed_sample"] == [{"EMAIL": "***", "n": 1}]
    assert sorted(difference["added_sample"], key=lambda row: row["n"]) == [
        {"EMAIL": None, "n": 2},
        {"EMAIL": "***", "n": 3},
    ]


def test_a_sample_has_no_more_rows_than_asked_for(built: Built) -> None:
    printed = succeeded(built.stedi("diff", "accelerometer_trusted", "0", "1", "--sample", "1"))
    assert "rows added: 3, of which 1 shown" in printed.splitlines()
    assert printed.count("***") == 1


def test_versions_with_other_columns_are_compared_by_those_that_both_have(local_project: Project) -> None:
    folder = local_project.lakehouse / "assets/mine"
    write_deltalake(folder, pa.table({"a": [1, 2], "gone": [1, 1]}))
    write_deltalake(folder, pa.table({"new": ["x", "x"], "a": [2, 3]}), mode="overwrite", schema_mode="overwrite")
    difference = json.loads(succeeded(stedi(local_project, "diff", "mine", "0", "1", "--json")))
    assert (difference["columns_added"], difference["columns_removed"]) == (["new"], ["gone"])
    assert (difference["added_sample"], difference["removed_sample"]) == ([{"a": 3}], [{"a": 1}])


# A file of views


def test_duckdb_reads_every_table_through_the_file_of_views(built: Built, tmp_path: Path) -> None:
    file = tmp_path / "lakehouse 'x'.duckdb"
    printed = succeeded(built.stedi("duckdb", str(file)))
    assert "customer_trusted" in printed and "httpfs" not in printed
    with duckdb.connect(file, read_only=True) as connection:
        views = [
            name for (name,) in connection.sql("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
        ]
        assert sorted(views) == sorted([*TABLES, "mine"])
        counts = {name: connection.table(name).count("*").fetchall()[0][0] for name in TABLES}
    assert counts == {name: built.project.delta(name).count() for name in TABLES}
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_that_exists_is_replaced_only_when_forced(built: Built, tmp_path: Path) -> None:
    file = tmp_path / "mine.duckdb"
    file.write_text("mine")
    assert "Give --force" in refused(built.stedi("duckdb", str(file)))
    assert file.read_text() == "mine"
    succeeded(built.stedi("duckdb", str(file), "--force"))
    with duckdb.connect(file) as connection:
        assert connection.sql("SELECT count(*) FROM customer_trusted").fetchall() == [(3,)]


def test_a_file_that_cannot_be_written_is_one_line(built: Built, tmp_path: Path) -> None:
    line = refused(built.stedi("duckdb", str(tmp_path / "nowhere/views.duckdb")))
    assert line == f"The folder {tmp_path / 'nowhere'} does not exist. Create it."


def test_no_file_is_written_where_no_table_exists(empty_local_project: Project, tmp_path: Path) -> None:
    assert "stedi run" in refused(stedi(empty_local_project, "duckdb", str(tmp_path / "views.duckdb")))
    assert list(tmp_path.iterdir()) == []


# Help and completion


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_an_example(command: str) -> None:
    printed = succeeded(CliRunner().invoke(main, [command, "--help"]))
    assert f"Example: stedi {command}" in printed


def test_the_help_of_query_says_that_personal_columns_are_shown() -> None:
    assert "Personal columns are shown" in " ".join(succeeded(CliRunner().invoke(main, ["query", "--help"])).split())


def completions(built: Built, *words: str) -> list[str]:
    variables = {"_STEDI_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)}
    finished = run("stedi", folder=built.lakehouse, **built.project.variables, **variables)
    return [line.partition(",")[2] for line in finished.output.splitlines()]


@pytest.mark.parametrize("command", ["history", "diff"])
def test_a_shell_completes_the_names_of_tables(built: Built, command: str) -> None:
    assert completions(built, "stedi", command, "customer_") == [
        name for name in TABLES if name.startswith("customer_")
    ]
    assert completions(built, "stedi", command, "mi") == ["mine"]


def test_a_shell_completes_commands_and_options(built: Built) -> None:
    assert set(COMMANDS) <= set(completions(built, "stedi", ""))
    assert "--as-of" in completions(built, "stedi", "query", "--a")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_for_the_shell(built: Built, shell: str) -> None:
    printed = succeeded(built.stedi("completion", shell))
    assert f"_STEDI_COMPLETE={shell}_complete" in printed


def test_bash_takes_the_script(built: Built) -> None:
    script = succeeded(built.stedi("completion", "bash"))
    finished = subprocess.run(
        ["bash", "-c", f"{script}\ncomplete -p stedi"], capture_output=True, text=True, check=True
    )
    assert finished.stdout.strip().endswith(" stedi")


# The prompt


class Terminal:
    """A command at a terminal.

    Attributes:
        printed: All that it has printed, with what steers the terminal.
    """

    def __init__(self, process: subprocess.Popen[bytes], screen: int) -> None:
        self._process = process
        self._screen = screen
        self.printed = ""
        self._waited_for = 0

    def type(self, keys: str) -> None:
        os.write(self._screen, keys.encode())

    def wait_for(self, text: str, seconds: float = 30) -> str:
        """Waits until a text has been printed, and returns all that was since what the last wait was for."""
        last_moment = time.monotonic() + seconds
        while text not in plain(self.printed)[self._waited_for :]:
            ready, _, _ = select.select([self._screen], [], [], max(last_moment - time.monotonic(), 0))
            assert ready, f"{text!r} was not printed, but {plain(self.printed)[self._waited_for :]!r}"
            self.printed += os.read(self._screen, 65_536).decode(errors="replace")
        before, _, _ = plain(self.printed)[self._waited_for :].partition(text)
        self._waited_for += len(before + text)
        return before + text

    def exit_code(self) -> int:
        return self._process.wait(timeout=30)


def plain(printed: str) -> str:
    """What was printed, without what steers the terminal."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\r", "", printed)


PROMPT = "stedi>"

CTRL_C, CTRL_D, ENTER, TAB, UP = "\x03", "\x04", "\r", "\t", "\x1b[A"


@contextmanager
def terminal(project: Project, state: Path, *arguments: str, **variables: str) -> Iterator[Terminal]:
    """Opens a terminal in which the command runs.

    Args:
        project: What it looks at.
        state: The folder for what programs keep.
        arguments: Of the command.
        variables: The environment variables that the user set.
    """
    screen, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 160, 0, 0))
    # This terminal answers no question about the cursor.
    own: Mapping[str, str] = {"TERM": "xterm-256color", "PROMPT_TOOLKIT_NO_CPR": "1", "XDG_STATE_HOME": str(state)}
    process = subprocess.Popen(
        [str(PROGRAMS / "stedi"), *arguments],
        env=environment({**project.variables, **own, **variables}),
        stdin=side,
        stdout=side,
        stderr=side,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(side)
    try:
        yield Terminal(process, screen)
    finally:
        process.kill()
        process.wait()
        os.close(screen)


def test_the_prompt_answers_statements_until_ctrl_d(built: Built, tmp_path: Path) -> None:
    with terminal(built.project, tmp_path, "query") as prompt:
        prompt.wait_for(PROMPT)
        prompt.type(f"SELECT count(*) AS readings{ENTER}")
        prompt.wait_for("->")
        prompt.type(f"FROM accelerometer_trusted;{ENTER}")
        assert "│        7 │" in prompt.wait_for("1 row")
        prompt.wait_for(PROMPT)
        prompt.type(f"SELECT 'a;b' AS text;{ENTER}")
        assert "a;b" in prompt.wait_for("1 row")
        prompt.wait_for(PROMPT)
        prompt.type(CTRL_D)
        assert prompt.exit_code() == 0


def test_tab_completes_the_names_of_tables_and_columns(built: Built, tmp_path: Path) -> None:
    with terminal(built.project, tmp_path, "query") as prompt:
        prompt.wait_for(PROMPT)
        prompt.type(f"FROM machine_learning_c{TAB}")
        prompt.wait_for("machine_learning_curated")
        prompt.type(f" WHERE distanceF{TAB}")
        prompt.wait_for("romObject")
        prompt.type(f" < 250;{ENTER}")
        prompt.wait_for("3 rows")
        prompt.wait_for(PROMPT)
        prompt.type(f"FROM customer_{TAB}")
        for name in ("customer_landing", "customer_quarantine", "customer_trusted", "customer_curated"):
            prompt.wait_for(name)


def test_an_error_does_not_end_the_prompt(built: Built, tmp_path: Path) -> None:
    with terminal(built.project, tmp_path, "query") as prompt:
        prompt.wait_for(PROMPT)
        for statement, message in (
            ("FROM nowhere;", "The table nowhere does not exist"),
            ("SELECT;", "Parser Error"),
            ("SELECT CAST('x' AS INTEGER);", "Conversion Error"),
            ("COPY customer_trusted TO 'x';", "not one SELECT"),
        ):
            prompt.type(f"{statement}{ENTER}")
            prompt.wait_for(message)
            prompt.wait_for(PROMPT)
        prompt.type(CTRL_D)
        assert prompt.exit_code() == 0


def test_ctrl_c_drops_what_was_typed(built: Built, tmp_path: Path) -> None:
    with terminal(built.project, tmp_path, "query") as prompt:
        prompt.wait_for(PROMPT)
        prompt.type("SELECT nonsense")
        prompt.wait_for("nonsense")
        prompt.type(CTRL_C)
        prompt.wait_for(PROMPT)
        prompt.type(f"SELECT 6 * 7 AS answer;{ENTER}")
        assert "42" in prompt.wait_for("1 row")


@pytest.mark.parametrize("format_", ["table", "csv"])
def test_ctrl_c_stops_a_long_statement_and_not_the_prompt(built: Built, tmp_path: Path, format_: str) -> None:
    with terminal(built.project, tmp_path, "query", "--format", format_) as prompt:
        prompt.wait_for(PROMPT)
        prompt.type(f"SELECT sum(a.range * b.range) FROM range(10_000_000) AS a, range(10_000_000) AS b;{ENTER}")
        prompt.wait_for("AS b;")
        time.sleep(1)  # nothing tells that DuckDB has begun
        prompt.type(CTRL_C)
        prompt.wait_for("Interrupted.")
        prompt.wait_for(PROMPT)
        prompt.type(f"SELECT 6 * 7 AS answer;{ENTER}")
        prompt.wait_for("42")


def test_the_prompt_remembers_what_was_typed_and_lets_nobody_else_read_it(built: Built, tmp_path: Path) -> None:
    with terminal(built.project, tmp_path, "query") as prompt:
        prompt.wait_for(PROMPT)
        prompt.type(f"SELECT 'remembered' AS it;{ENTER}")
        prompt.wait_for("1 row")
        prompt.wait_for(PROMPT)
        prompt.type(CTRL_D)
        assert prompt.exit_code() == 0
    history_file = tmp_path / "stedi/query_history"
    assert stat.S_IMODE(history_file.stat().st_mode) == 0o600
    with terminal(built.project, tmp_path, "query") as prompt:
        prompt.wait_for(PROMPT)
        prompt.type(UP)
        prompt.wait_for("SELECT 'remembered' AS it;")


def test_the_prompt_travels_in_time_too(built: Built, tmp_path: Path) -> None:
    with terminal(built.project, tmp_path, "query", "--as-of", "0", "--format", "csv") as prompt:
        prompt.wait_for(PROMPT)
        prompt.type(f"SELECT count(*) AS n FROM accelerometer_trusted;{ENTER}")
        prompt.wait_for("n\n4\n")


def test_a_terminal_gets_colours_unless_the_user_refuses_them(built: Built, tmp_path: Path) -> None:
    colour = re.compile(r"\x1b\[[0-9;]*3[0-7]m")
    for variables, is_coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
        with terminal(built.project, tmp_path, "query", "SELECT 1 AS a", **variables) as screen:
            screen.wait_for("1 row")
            assert bool(colour.search(screen.printed)) == is_coloured
            assert screen.exit_code() == 0
