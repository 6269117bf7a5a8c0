"""Writes the result of a query: as a table for people, or as CSV, JSON or Parquet by DuckDB's COPY."""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

import duckdb
from rich.table import Table
from rich.text import Text

from stedi_assets.console.output import atomic_output
from stedi_assets.console.screen import print_or_page, printable_text, spinner
from stedi_assets.console.statement import prepared_statement
from stedi_assets.console.time_travel import AsOf, Rejected
from stedi_assets.engines.duckdb.text import literal
from stedi_assets.settings import Settings

COPY_OPTIONS = {
    "csv": "FORMAT csv, HEADER",
    "json": "FORMAT json, ARRAY true",
    "parquet": "FORMAT parquet",
}
"""From a format to the options of DuckDB's COPY."""

NUMERIC = ("INT", "DOUBLE", "FLOAT", "DECIMAL")
"""A type is numeric, and right-aligned, if its name begins or ends with one of these."""


def show_table(settings: Settings, sql: str, as_of: AsOf | Rejected | None, limit: int) -> None:
    """Prints the first rows of a result as a table, and the number of all rows.

    Args:
        settings: The location of the lakehouse, and DuckDB's limits.
        sql: One SELECT.
        as_of: The versions of the tables to read; None for the current ones.
        limit: The most rows to print.

    Raises:
        StediError: The statement is refused or fails.
    """
    with prepared_statement(settings, sql, as_of) as (connection, result), spinner():
        types = connection.sql(f"FROM {result}").types
        texts = connection.sql(f"SELECT CAST(COLUMNS(*) AS VARCHAR) FROM {result}")
        rows = texts.fetchmany(limit + 1)
        count = len(rows) if len(rows) <= limit else _count(connection, result)
    table = Table()
    for name, kind in zip(texts.columns, types, strict=True):
        is_number = str(kind).startswith(NUMERIC) or str(kind).endswith(NUMERIC)
        table.add_column(printable_text(name), justify="right" if is_number else "left", overflow="fold")
    for row in rows[:limit]:
        table.add_row(*(Text("NULL", style="dim") if value is None else printable_text(value) for value in row))
    print_or_page(table, _summary(count, limit))


def _count(connection: duckdb.DuckDBPyConnection, result: str) -> int:
    (count,) = connection.sql(f"SELECT count(*) FROM {result}").fetchall()[0]
    return int(count)


def _summary(count: int, limit: int) -> str:
    rows = "1 row" if count == 1 else f"{count:,} rows"
    return (
        rows if count <= limit else f"{rows}, {count - limit:,} more than shown: --limit shows more, --format csv all"
    )


def print_result(settings: Settings, sql: str, as_of: AsOf | Rejected | None, format_: str, stream: BinaryIO) -> None:
    """Writes a whole result to a stream while DuckDB computes it.

    Args:
        settings: The location of the lakehouse, and DuckDB's limits.
        sql: One SELECT.
        as_of: The versions of the tables to read; None for the current ones.
        format_: "csv" or "json", which DuckDB writes sequentially.
        stream: The stream to write to.

    Raises:
        StediError: The statement is refused or fails.
    """
    reading, writing = os.pipe()
    path = f"/dev/fd/{writing}"
    with (
        os.fdopen(writing, "wb") as writer,
        os.fdopen(reading, "rb") as reader,
        prepared_statement(settings, sql, as_of, writable=[path]) as (connection, result),
        # If the program that reads the stream ends early, `reader` must be closed before the thread pool: otherwise
        # DuckDB would wait for ever to write to the pipe.
        ThreadPoolExecutor(max_workers=1) as pool,
        reader,
    ):
        copying = pool.submit(_copy, connection, result, path, format_)
        copying.add_done_callback(lambda _: writer.close())
        try:
            shutil.copyfileobj(reader, stream)
            stream.flush()
        except BaseException:
            connection.interrupt()
            raise
        copying.result()


def write_result(settings: Settings, sql: str, as_of: AsOf | Rejected | None, format_: str, output: Path) -> int:
    """Writes a whole result to a file, which appears only when it is complete.

    Args:
        settings: The location of the lakehouse, and DuckDB's limits.
        sql: One SELECT.
        as_of: The versions of the tables to read; None for the current ones.
        format_: A key of `COPY_OPTIONS`.
        output: The file. An existing file is replaced.

    Returns:
        The number of rows.

    Raises:
        StediError: The statement is refused or fails, or the file cannot be written. An existing file is unchanged.
    """
    with atomic_output(settings.lakehouse, output) as incomplete:
        path = str(incomplete)
        with prepared_statement(settings, sql, as_of, writable=[path]) as (connection, result), spinner():
            return _copy(connection, result, path, format_)


def _copy(connection: duckdb.DuckDBPyConnection, result: str, path: str, format_: str) -> int:
    # Without DuckDB's own temporary file: the path is a temporary file already, and the only one it may write.
    options = f"{COPY_OPTIONS[format_]}, USE_TMP_FILE false"
    ((rows,),) = connection.execute(f"COPY (FROM {result}) TO {literal(path)} ({options})").fetchall()
    return int(rows)
