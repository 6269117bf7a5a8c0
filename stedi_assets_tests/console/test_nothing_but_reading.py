"""`stedi query` reads the tables that a SELECT names, and does nothing else."""

import re
import socket
from pathlib import Path

import duckdb
import pytest

from stedi_assets.console.connection import CREDENTIALS
from stedi_assets.contract import TABLES
from stedi_assets_tests.support.projects import Project
from stedi_assets_tests.support.shell import BuiltTwice, refused, rows_of_csv, stedi, succeeded


@pytest.mark.parametrize("place_kind", ["versitygw"], indirect=True)
def test_no_setting_and_no_secret_that_can_be_read_has_the_keys_of_a_bucket(project: Project) -> None:
    assert project.materialize("customer_landing").success
    keys = {project.place.variables[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    for source in (
        "FROM which_secret('s3://bucket/key', 's3')",
        "FROM duckdb_variables()",
    ):
        statement = f"SELECT * FROM ({source}) WHERE (SELECT count(*) FROM customer_landing) > 0"
        printed = succeeded(stedi(project, "query", statement, "--format", "csv"))
        assert not keys & {part for row in rows_of_csv(printed) for cell in row for part in re.split("[;=]", cell)}
    for setting in CREDENTIALS:
        statement = f"SELECT coalesce(current_setting('{setting}'), '') AS key, 1 AS rows FROM customer_landing LIMIT 1"
        assert rows_of_csv(succeeded(stedi(project, "query", statement, "--format", "csv"))) == {("", "1"): 1}


def serialized(statement: str) -> str:
    """The statement as DuckDB writes it as JSON."""
    ((text,),) = duckdb.execute("SELECT json_serialize_sql($1)", [statement]).fetchall()
    return str(text)


@pytest.mark.parametrize(
    "statement",
    [
        "FROM duckdb_secrets()",
        "SELECT name, value FROM duckdb_settings()",
        "FROM DuckDB_Secrets()",
        'FROM system.main."duckdb_secrets"()',
        "SELECT secret_string FROM duckdb_secrets() AS mine, customer_trusted",
        "SELECT (SELECT max(substr(secret_string, 3)) FROM duckdb_secrets())",
        "SELECT count(*) FROM customer_trusted WHERE EXISTS (FROM duckdb_secrets())",
        "WITH secrets AS MATERIALIZED (FROM duckdb_secrets()) FROM secrets",
        "SUMMARIZE FROM duckdb_secrets()",
        "FROM query('FROM duckdb_secrets()')",
        f"FROM json_execute_serialized_sql('{serialized('FROM duckdb_secrets()')}')",
        "FROM enable_logging('HTTP')",
        "FROM enable_profiling()",
        "FROM duckdb_logs()",
        "FROM duckdb_logs_parsed('HTTP')",
    ],
)
def test_a_statement_that_may_show_the_keys_of_a_bucket_is_refused(built: BuiltTwice, statement: str) -> None:
    for format_ in ("table", "csv"):
        line = refused(built.stedi("query", statement, "--format", format_))
        assert re.match("A query may not call (duckdb_|enable_|json_execute_serialized_sql)", line)


@pytest.mark.parametrize(
    "statement",
    [
        "FROM duckdb_secrets(redact = false)",
        "FROM query('FROM duckdb_' || 'secrets()')",
        "FROM json_execute_serialized_sql(json_serialize_sql('FROM duckdb_secrets()'))",
    ],
)
def test_what_duckdb_itself_refuses_is_no_way_to_the_keys_of_a_bucket(built: BuiltTwice, statement: str) -> None:
    refused(built.stedi("query", statement, "--format", "csv"))


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
def test_what_is_not_one_select_is_refused(built: BuiltTwice, tmp_path: Path, statement: str) -> None:
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
def test_a_query_reads_no_file_but_those_of_the_tables_it_names(built: BuiltTwice, tmp_path: Path, source: str) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("the,secret\n1,2\n")
    file = built.project.files("customer_landing")[0]
    statement = f"SELECT * FROM {source.format(secret=secret, folder=tmp_path, file=file)}"
    for format_ in ("table", "csv"):
        assert "the,secret" not in refused(built.stedi("query", statement, "--format", format_))


def test_a_query_asks_nothing_of_the_network(built: BuiltTwice) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        port = listener.getsockname()[1]
        line = refused(built.stedi("query", f"FROM read_csv('http://127.0.0.1:{port}/x.csv')"))
        assert "disabled by configuration" in line
        with pytest.raises(TimeoutError):
            listener.accept()


def test_only_the_tables_that_are_named_are_opened(own_built: BuiltTwice) -> None:
    log = own_built.lakehouse / TABLES["customer_landing"].path / "_delta_log/00000000000000000000.json"
    log.write_text("this is no log")
    line = refused(own_built.stedi("query", "FROM customer_landing"))
    assert line.startswith(f"The table customer_landing at {log.parent.parent} cannot be opened")
    assert succeeded(own_built.stedi("query", "SELECT count(*) AS n FROM customer_trusted", "--format", "csv")) == (
        "n\n3\n"
    )
