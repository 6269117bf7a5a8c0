"""Prepares one SELECT of a user on a connection that can read only the tables that the SELECT names."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import duckdb

from stedi_assets.console.connection import (
    NO_FILES,
    allow_only_files,
    duckdb_errors_explained,
    open_connection,
    refuse_credentials,
    refuse_missing_files,
)
from stedi_assets.console.tables import existing_tables, open_by_name
from stedi_assets.console.time_travel import AsOf, Rejected, load_version
from stedi_assets.contract import table_path
from stedi_assets.engines.duckdb.engine import DuckDBEngine
from stedi_assets.errors import StediError
from stedi_assets.settings import Settings
from stedi_assets.storage.delta import data_files
from stedi_assets.storage.rejection import read_rejection


@contextmanager
def prepared_statement(
    settings: Settings, sql: str, as_of: AsOf | Rejected | None, writable: Sequence[str] = ()
) -> Iterator[tuple[duckdb.DuckDBPyConnection, str]]:
    """Opens the tables that a statement names, and no others.

    Args:
        settings: The location of the lakehouse, and DuckDB's limits.
        sql: The user's statement.
        as_of: The versions of the tables to read; None for the current ones.
        writable: The paths of files that the connection may write.

    Yields:
        A connection that can compute the statement, and the statement as a subquery in parentheses.

    Raises:
        StediError: The text is not one SELECT, a table or its version does not exist, the statement may show
            credentials, or DuckDB raised an error.
    """
    with open_connection(settings) as (connection, engine), duckdb_errors_explained():
        allowed = list(writable)
        for name in _table_names(settings, sql):
            allowed += (
                _define_rejected(engine, settings, as_of)
                if isinstance(as_of, Rejected) and as_of.names(name)
                else _define(connection, engine, settings, name, None if isinstance(as_of, Rejected) else as_of)
            )
        allow_only_files(connection, allowed)
        # On lines of its own, because the statement may end with a comment.
        result = f"(\n{without_semicolon(sql)}\n)"
        refuse_credentials(connection, result)
        yield connection, result


def _define(
    connection: duckdb.DuckDBPyConnection, engine: DuckDBEngine, settings: Settings, name: str, as_of: AsOf | None
) -> Sequence[str]:
    entry, table = open_by_name(settings.lakehouse, name)
    if as_of is not None:
        load_version(table, entry.name, as_of)
    files = data_files(table)
    if as_of is not None:
        refuse_missing_files(connection, entry.name, table.version(), files)
    engine.define_table(entry.name, files, table.schema())
    return files


def _define_rejected(engine: DuckDBEngine, settings: Settings, rejected: Rejected) -> Sequence[str]:
    folder = settings.lakehouse / table_path(rejected.table)
    rejection = read_rejection(folder)
    if rejection is None:
        raise StediError(
            f"The table {rejected.table} has no rejected version.",
            "A run keeps one where a blocking check fails, until a run of the table succeeds.",
        )
    files = [f"{folder}/{name}" for name in (*rejection.kept, *rejection.staged)]
    engine.define_table(rejected.table, files, rejection.schema)
    return files


def _table_names(settings: Settings, sql: str) -> list[str]:
    # get_table_names binds the statement, which calls functions such as read_csv: this connection reaches no file.
    with duckdb.connect(config=NO_FILES) as connection:
        statements = connection.extract_statements(sql)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise StediError("This is not one SELECT statement.", "A query only reads: give exactly one SELECT.")
        names = connection.get_table_names(sql)
    if not names and sql.lstrip().casefold().startswith("show"):
        # SHOW TABLES lists all tables and names none.
        return [entry.name for entry, _ in existing_tables(settings.lakehouse)]
    return sorted(names)


def is_ended(sql: str) -> bool:
    """Whether a text ends with a semicolon that is not part of a string or a comment.

    Args:
        sql: A statement, or the beginning of one.
    """
    return without_semicolon(sql) != sql


def without_semicolon(sql: str) -> str:
    """Returns a statement without the semicolons at its end and the comments after them."""
    text = sql.encode()
    end = len(text)
    # DuckDB's tokenizer counts in bytes and skips comments.
    for offset, _ in reversed(duckdb.tokenize(sql)):
        if text[offset : offset + 1] != b";":
            break
        end = offset
    return text[:end].decode()
