"""One SELECT that a user wrote, computed with nothing in reach but the tables it names."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import duckdb

from stedi_assets.console.catalogue import existing_tables, find
from stedi_assets.console.connection import (
    SHUT,
    allow_only,
    errors_shown,
    open_connection,
    refuse_credentials,
    refuse_missing_files,
)
from stedi_assets.console.moments import Moment, load
from stedi_assets.errors import StediError
from stedi_assets.settings import Settings
from stedi_assets.storage.delta import data_files


@contextmanager
def computable(
    settings: Settings, sql: str, as_of: Moment | None, writable: Sequence[str] = ()
) -> Iterator[tuple[duckdb.DuckDBPyConnection, str]]:
    """Opens the tables that a statement names, and no others.

    Args:
        settings: Say where the lakehouse is.
        sql: What the user wrote.
        as_of: The version, or the instant, of the tables to read; the current one where there is none.
        writable: The paths that the result may be written to.

    Yields:
        A connection that can compute the statement, and the statement as what may follow FROM.

    Raises:
        StediError: The text is not one SELECT, a table or its version does not exist, the statement may show
            credentials, or DuckDB raised an error.
    """
    with open_connection(settings) as (connection, engine), errors_shown():
        allowed = list(writable)
        for name in _names(settings, sql):
            entry, table = find(settings.lakehouse, name)
            if as_of is not None:
                load(table, entry.name, as_of)
            files = data_files(table)
            if as_of is not None:
                refuse_missing_files(connection, entry.name, table.version(), files)
            engine.define_table(entry.name, files, table.schema())
            allowed += files
        allow_only(connection, allowed)
        # On lines of its own, because it may end in a comment.
        result = f"(\n{without_semicolon(sql)}\n)"
        refuse_credentials(connection, result)
        yield connection, result


def _names(settings: Settings, sql: str) -> list[str]:
    # Looking for the names already calls functions such as read_csv: nothing may be in reach by then.
    with duckdb.connect(config=SHUT) as connection:
        statements = connection.extract_statements(sql)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise StediError("That is not one SELECT statement.", "A query only reads: give exactly one SELECT.")
        named = connection.get_table_names(sql)
    if not named and sql.lstrip().casefold().startswith("show"):
        # SHOW TABLES is about all tables without naming one.
        return [entry.name for entry, _ in existing_tables(settings.lakehouse)]
    return sorted(named)


def is_ended(sql: str) -> bool:
    """Whether a text's last word is a semicolon, and not one in a string or a comment.

    Args:
        sql: A statement, or the beginning of one.
    """
    return without_semicolon(sql) != sql


def without_semicolon(sql: str) -> str:
    """Takes the semicolons away that end a statement, with the comments after them.

    Args:
        sql: One statement.
    """
    text = sql.encode()
    end = len(text)
    # DuckDB counts bytes, and leaves comments out.
    for offset, _ in reversed(duckdb.tokenize(sql)):
        if text[offset : offset + 1] != b";":
            break
        end = offset
    return text[:end].decode()
