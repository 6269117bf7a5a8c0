"""`stedi duckdb`, the help of the commands that look, and completion."""

import subprocess
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

from stedi_assets.cli import main
from stedi_assets.contract import TABLES
from stedi_assets_tests.support.commands import run
from stedi_assets_tests.support.projects import Project
from stedi_assets_tests.support.shell import BuiltTwice, refused, stedi, succeeded

COMMANDS = ("query", "tables", "history", "diff", "duckdb", "completion")


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


def test_duckdb_reads_every_table_through_the_file_of_views(built: BuiltTwice, tmp_path: Path) -> None:
    file = tmp_path / "lakehouse 'x'.duckdb"
    printed = succeeded(built.stedi("duckdb", str(file)))
    assert "customer_trusted" in printed and "httpfs" not in printed
    with duckdb.connect(file, read_only=True) as connection:
        views = [
            name for (name,) in connection.sql("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
        ]
        assert sorted(views) == sorted([*TABLES, "mine"])
        counts = {name: connection.table(name).count("*").fetchall()[0][0] for name in TABLES}
        comments = connection.sql("SELECT table_name, column_name, comment FROM duckdb_columns()").fetchall()
    assert {(name, column.name, column.description) for name, table in TABLES.items() for column in table.columns} <= {
        *comments
    }
    assert counts == {name: built.project.delta(name).count() for name in TABLES}
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_that_exists_is_replaced_only_when_forced(built: BuiltTwice, tmp_path: Path) -> None:
    file = tmp_path / "mine.duckdb"
    file.write_text("mine")
    assert "Give --force" in refused(built.stedi("duckdb", str(file)))
    assert file.read_text() == "mine"
    succeeded(built.stedi("duckdb", str(file), "--force"))
    with duckdb.connect(file) as connection:
        assert connection.sql("SELECT count(*) FROM customer_trusted").fetchall() == [(3,)]


def test_a_file_that_cannot_be_written_is_one_line(built: BuiltTwice, tmp_path: Path) -> None:
    line = refused(built.stedi("duckdb", str(tmp_path / "nowhere/views.duckdb")))
    assert line == f"The folder {tmp_path / 'nowhere'} does not exist. Create it."


def test_no_file_is_written_where_no_table_exists(empty_project: Project, tmp_path: Path) -> None:
    assert "stedi run" in refused(stedi(empty_project, "duckdb", str(tmp_path / "views.duckdb")))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_an_example(command: str) -> None:
    printed = succeeded(CliRunner().invoke(main, [command, "--help"]))
    assert f"Example: stedi {command}" in printed


def test_the_help_of_query_says_that_personal_columns_are_shown() -> None:
    assert "Personal columns are shown" in " ".join(succeeded(CliRunner().invoke(main, ["query", "--help"])).split())


def completions(built: BuiltTwice, *words: str) -> list[str]:
    variables = {"_STEDI_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)}
    finished = run("stedi", folder=built.lakehouse, **built.project.variables, **variables)
    return [line.partition(",")[2] for line in finished.output.splitlines()]


@pytest.mark.parametrize("command", ["history", "diff"])
def test_a_shell_completes_the_names_of_tables(built: BuiltTwice, command: str) -> None:
    assert completions(built, "stedi", command, "customer_") == [
        name for name in TABLES if name.startswith("customer_")
    ]
    assert completions(built, "stedi", command, "mi") == ["mine"]


def test_a_shell_completes_commands_and_options(built: BuiltTwice) -> None:
    assert set(COMMANDS) <= set(completions(built, "stedi", ""))
    assert "--as-of" in completions(built, "stedi", "query", "--a")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_for_the_shell(built: BuiltTwice, shell: str) -> None:
    printed = succeeded(built.stedi("completion", shell))
    assert f"_STEDI_COMPLETE={shell}_complete" in printed


def test_bash_takes_the_script(built: BuiltTwice) -> None:
    script = succeeded(built.stedi("completion", "bash"))
    finished = subprocess.run(
        ["bash", "-c", f"{script}\ncomplete -p stedi"], capture_output=True, text=True, check=True
    )
    assert finished.stdout.strip().endswith(" stedi")
