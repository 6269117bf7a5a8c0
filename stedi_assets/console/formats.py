"""The formats of a result: a table to look at, or CSV, JSON and Parquet as DuckDB writes them."""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

import duckdb
from rich.table import Table
from rich.text import Text

from stedi_assets.console.moments import Moment
from stedi_assets.console.output import replaced_when_complete
from stedi_assets.console.screen import console, shown, working
from stedi_assets.console.statement import computable
from stedi_assets.engines.duckdb.text import literal
from stedi_assets.settings import Settings

COPY_OPTIONS = {
    "csv": "FORMAT csv, HEADER",
    "json": "FORMAT json, ARRAY true",
    "parquet": "FORMAT parquet",
}
"""From a format to how DuckDB's COPY is told."""

NUMERIC = ("INT", "DOUBLE", "FLOAT", "DECIMAL")
"""What begins or ends the names of the types that are set flush right."""


def show_table(settings: Settings, sql: str, as_of: Moment | None, limit: int) -> None:
    """Prints the first rows of a result as a table, and how many more there are.

    Args:
        settings: Say where the lakehouse is.
        sql: One SELECT.
        as_of: The version, or the instant, of the tables to read.
        limit: The most rows to print.

    Raises:
        StediError: The statement is refused or fails.
    """
    with computable(settings, sql, as_of) as (connection, result), working():
        types = connection.sql(f"FROM {result}").types
        texts = connection.sql(f"SELECT CAST(COLUMNS(*) AS VARCHAR) FROM {result}")
        rows = texts.fetchmany(limit + 1)
        count = len(rows) if len(rows) <= limit else _count(connection, result)
    table = Table()
    for name, kind in zip(texts.columns, types, strict=True):
        is_number = str(kind).startswith(NUMERIC) or str(kind).endswith(NUMERIC)
        table.add_column(shown(name), justify="right" if is_number else "left", overflow="fold")
    for row in rows[:limit]:
        table.add_row(*(Text("NULL", style="dim") if value is None else shown(value) for value in row))
    screen = console()
    screen.print(table)
    screen.print(_summary(count, limit), highlight=False, soft_wrap=True)


def _count(connection: duckdb.DuckDBPyConnection, result: str) -> int:
    (count,) = connection.sql(f"SELECT count(*) FROM {result}").fetchall()[0]
    return int(count)


def _summary(count: int, limit: int) -> str:
    rows = "1 row" if count == 1 else f"{count:,} rows"
    return (
        rows if count <= limit else f"{rows}, {count - limit:,} more than shown: --limit shows more, --format csv all"
    )


def print_result(settings: Settings, sql: str, as_of: Moment | None, format_: str, stream: BinaryIO) -> None:
    """Writes a whole result to a stream, while it is computed.

    Args:
        settings: Say where the lakehouse is.
        sql: One SELECT.
        as_of: The version, or the instant, of the tables to read.
        format_: csv or json, which are written from beginning to end.
        stream: Where to.

    Raises:
        StediError: The statement is refused or fails.
    """
    reading, writing = os.pipe()
    path = f"/dev/fd/{writing}"
    with (
        os.fdopen(writing, "wb") as writer,
        os.fdopen(reading, "rb") as reader,
        computable(settings, sql, as_of, writable=[path]) as (connection, result),
        # Whoever reads the stream may go away: then the reader is closed first, or DuckDB would write for ever.
        ThreadPoolExecutor(max_workers=1) as beside,
        reader,
    ):
        copying = beside.submit(_copy, connection, result, path, format_)
        copying.add_done_callback(lambda _: writer.close())
        try:
            shutil.copyfileobj(reader, stream)
            stream.flush()
        except BaseException:
            connection.interrupt()
            raise
        copying.result()


def write_result(settings: Settings, sql: str, as_of: Moment | None, format_: str, output: Path) -> int:
    """Writes a whole result to a file, which is there when it is complete.

    Args:
        settings: Say where the lakehouse is.
        sql: One SELECT.
        as_of: The version, or the instant, of the tables to read.
        format_: A key of `COPY_OPTIONS`.
        output: The file, replaced where it exists.

    Returns:
        The number of rows.

    Raises:
        StediError: The statement is refused or fails, or the file cannot be written. The file is as it was.
    """
    with replaced_when_complete(settings.lakehouse, output) as incomplete:
        path = str(incomplete)
        with computable(settings, sql, as_of, writable=[path]) as (connection, result), working():
            return _copy(connection, result, path, format_)


def _copy(connection: duckdb.DuckDBPyConnection, result: str, path: str, format_: str) -> int:
    # No temporary file of DuckDB's own: the path is one already, and no other may be written.
    options = f"{COPY_OPTIONS[format_]}, USE_TMP_FILE false"
    ((rows,),) = connection.execute(f"COPY (FROM {result}) TO {literal(path)} ({options})").fetchall()
    return int(rows)
