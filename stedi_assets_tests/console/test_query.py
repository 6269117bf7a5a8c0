"""`stedi query`: what is computed, how a result is shown, what a mistake says."""

import json
import re
import shlex
import subprocess
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from deltalake import write_deltalake

from stedi_assets.console.tables import open_by_name
from stedi_assets.contract import TABLES
from stedi_assets.errors import MissingTableError
from stedi_assets_tests.support.commands import PROGRAMS, environment
from stedi_assets_tests.support.projects import Project
from stedi_assets_tests.support.records import CUSTOMERS
from stedi_assets_tests.support.shell import (
    ESCAPE_SEQUENCE,
    BuiltTwice,
    built_twice,
    refused,
    rows_of_csv,
    stedi,
    succeeded,
)


def test_a_query_reads_tables_as_they_are_and_as_they_were(project: Project) -> None:
    built = built_twice(project)
    count = "SELECT count(*) AS rows FROM accelerometer_trusted"
    assert json.loads(succeeded(built.stedi("query", count, "--format", "json"))) == [{"rows": 7}]
    assert json.loads(succeeded(built.stedi("query", count, "--format", "json", "--as-of", "0"))) == [{"rows": 4}]


def test_the_tables_of_other_assets_are_found_by_name(project: Project) -> None:
    folder = project.location("assets/mine")
    write_deltalake(folder.path, pa.table({"a": [1, 2]}), storage_options=folder.delta_options)
    assert succeeded(stedi(project, "query", "FROM mine", "--format", "csv")) == "a\n1\n2\n"
    inventory = json.loads(succeeded(stedi(project, "tables", "--json")))
    assert inventory[-1].items() >= {"name": "mine", "zone": "other", "built": True, "rows": 2}.items()
    assert "The tables that exist are mine." in refused(stedi(project, "query", "FROM yours"))


def test_a_result_is_a_table_to_look_at(built: BuiltTwice) -> None:
    printed = succeeded(
        built.stedi("query", "SELECT email, serialNumber, 7 AS seven, NULL AS nothing FROM customer_curated ORDER BY 1")
    )
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in printed.splitlines() if "│" in line]
    assert rows == [
        ["ada@example.com", "serial-ada", "7", "NULL"],
        ["eve@example.com", "serial-eve", "7", "NULL"],
    ]
    assert printed.splitlines()[-1] == "2 rows"


def test_a_table_shows_no_more_rows_than_its_limit_and_says_how_many_there_are(built: BuiltTwice) -> None:
    printed = succeeded(built.stedi("query", "FROM range(1_000_000)", "--limit", "3"))
    assert len([line for line in printed.splitlines() if "│" in line]) == 3
    assert printed.splitlines()[-1].startswith("1,000,000 rows, 999,997 more than shown")


def test_a_value_cannot_steer_the_terminal(built: BuiltTwice) -> None:
    printed = succeeded(built.stedi("query", "FROM mine"))
    assert "\x1b" not in printed
    assert r"\x1b[2Jgone" in printed


def test_csv_is_what_a_reader_of_csv_reads_back(built: BuiltTwice) -> None:
    printed = succeeded(built.stedi("query", "FROM mine", "--format", "csv"))
    assert rows_of_csv(printed) == {("ada@example.com", f"{ESCAPE_SEQUENCE}gone"): 1, ("", "ü, 'x'"): 1}


def test_json_is_an_array_of_objects(built: BuiltTwice) -> None:
    statement = "SELECT customerName, lastUpdateDate, shareWithResearchAsOfDate FROM customer_landing ORDER BY 1"
    assert json.loads(succeeded(built.stedi("query", statement, "--format", "json"))) == [
        {key: customer.get(key) for key in ("customerName", "lastUpdateDate", "shareWithResearchAsOfDate")}
        for customer in sorted(CUSTOMERS, key=lambda customer: str(customer["customerName"]))
    ]


def test_json_of_no_rows_is_an_empty_array(built: BuiltTwice) -> None:
    assert json.loads(succeeded(built.stedi("query", "FROM mine WHERE false", "--format", "json"))) == []


@pytest.mark.parametrize("name", ["result.parquet", "result.csv", "result.csv.gz", "result.json", "a 'b'.csv"])
def test_a_file_gets_the_format_that_its_name_says(built: BuiltTwice, tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    result = built.stedi("query", "SELECT x, y FROM accelerometer_landing", "--output", str(file))
    assert succeeded(result) == ""
    assert result.stderr == f"{file}: 9 rows\n"
    assert duckdb.sql(f"SELECT count(*), min(y) FROM '{str(file).replace(chr(39), chr(39) * 2)}'").fetchall() == [
        (9, -1.0)
    ]


def test_a_file_is_replaced_only_by_a_whole_result(built: BuiltTwice, tmp_path: Path) -> None:
    file = tmp_path / "result.csv"
    file.write_text("as it was")
    failing = "SELECT CASE WHEN range = 3000000 THEN error('no') END FROM range(4000000)"
    assert refused(built.stedi("query", failing, "--output", str(file), "--force")).startswith(
        "Invalid Input Error: no."
    )
    assert file.read_text() == "as it was"
    succeeded(built.stedi("query", "SELECT 1 AS a", "--output", str(file), "--force"))
    assert file.read_text() == "a\n1\n"
    assert list(tmp_path.iterdir()) == [file]


def test_a_result_is_not_written_into_the_lakehouse(built: BuiltTwice) -> None:
    file = Path(built.project.files("customer_trusted")[0])
    content = file.read_bytes()
    line = refused(built.stedi("query", "SELECT 1", "--output", str(file), "--force"))
    assert line.startswith(f"The file {file} would lie in the lakehouse")
    assert file.read_bytes() == content


def test_a_reader_that_goes_away_ends_a_long_result(built: BuiltTwice) -> None:
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


def test_a_statement_is_read_from_standard_input(built: BuiltTwice) -> None:
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
def test_whatever_selects_is_computed(built: BuiltTwice, statement: str, rows: int) -> None:
    assert rows_of_csv(succeeded(built.stedi("query", statement, "--format", "csv"))).total() == rows
    assert succeeded(built.stedi("query", statement)).splitlines()[-1] == ("1 row" if rows == 1 else f"{rows} rows")


def test_a_mistake_in_a_statement_is_one_line_in_the_words_of_duckdb(built: BuiltTwice) -> None:
    line = refused(built.stedi("query", "SELECT emial FROM customer_trusted"))
    assert line.startswith(
        'Binder Error: Referenced column "emial" not found in FROM clause! Candidate bindings: "email"'
    )


def test_a_mistake_whose_quotation_ends_within_a_letter_is_one_line_too(built: BuiltTwice) -> None:
    line = refused(built.stedi("query", "SELECT ('[' || repeat('\u65e5', 50))::JSON"))
    assert line.startswith("Conversion Error: Malformed JSON at byte 1 of input: unexpected character.")
    assert line.endswith('\ufffd...". Correct the SELECT.')


def test_an_unknown_table_is_one_line_that_names_those_that_exist(built: BuiltTwice) -> None:
    line = refused(built.stedi("query", "FROM customers"))
    assert line.startswith(f"The table customers does not exist at {built.lakehouse}. The tables that exist are ")
    assert line.endswith("mine.")
    assert all(name in line for name in TABLES)


@pytest.mark.parametrize(
    ("name", "path"), [("CUSTOMER_TRUSTED", "customer/trusted"), ("mine", "assets/mine")], ids=["ours", "others"]
)
def test_a_table_that_does_not_exist_is_an_error_of_its_own(empty_project: Project, name: str, path: str) -> None:
    with pytest.raises(MissingTableError) as missing:
        open_by_name(empty_project.location(), name)
    assert missing.value.name == name
    assert missing.value.folder == str(empty_project.location(path))
    assert missing.value.remedy == "No table exists yet: stedi run builds them."


def test_a_table_that_has_not_been_built_is_one_line_that_says_how(empty_project: Project) -> None:
    line = refused(stedi(empty_project, "query", "FROM customer_trusted"))
    assert line == (
        f"The table customer_trusted has not been built at {empty_project.lakehouse}. "
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
    built: BuiltTwice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    result = built.stedi(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert re.fullmatch("Error: .+", result.stderr.splitlines()[-1])
    assert list(tmp_path.iterdir()) == []
