"""The rows of this project's tables, counted and compared outside of it."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import duckdb
from deltalake import DeltaTable

from benchmarks.measure import CommandError
from stedi_assets.contract import TABLES
from stedi_assets.lakehouse.part import unequally_often


class Difference(NamedTuple):
    """How the rows of a table differ from the right ones.

    Attributes:
        surplus: The number of rows that it has and should not have.
        missing: The number of rows that it lacks.
    """

    surplus: int
    missing: int


def stored_rows(lakehouse: Path, table: str) -> str:
    """Returns what a FROM clause of DuckDB calls the rows of one of this project's tables.

    Args:
        lakehouse: The folder that holds the tables.
        table: The table's name.
    """
    stored = DeltaTable(lakehouse / TABLES[table].path)
    files = ", ".join(f"'{file}'" for file in stored.file_uris())
    return f"read_parquet([{files}])"


def columns_of(table: str, without: Iterable[str] = ()) -> list[str]:
    """Returns the names of a table's columns, without some."""
    return [column.name for column in TABLES[table].columns if column.name not in without]


def difference(connection: duckdb.DuckDBPyConnection, found: str, right: str, columns: Sequence[str]) -> Difference:
    """Compares two tables as multisets of rows.

    Args:
        connection: Where both can be read.
        found: What a FROM clause calls the table in question.
        right: What it calls the table with the right rows.
        columns: The columns that are compared.
    """
    listed = ", ".join(f'"{column}"' for column in columns)
    surplus, missing = connection.execute(
        "SELECT coalesce(sum(times) FILTER (times > 0), 0), coalesce(-sum(times) FILTER (times < 0), 0) "
        f"FROM ({unequally_often(listed, found, right)})"
    ).fetchall()[0]
    return Difference(int(surplus), int(missing))


def require_same_rows(lakehouse: Path, right: Path) -> None:
    """Compares all tables of two lakehouses.

    Raises:
        CommandError: A table has other rows than it should.
    """
    with duckdb.connect() as connection:
        for table in TABLES:
            found, wanted = stored_rows(lakehouse, table), stored_rows(right, table)
            differs = difference(connection, found, wanted, columns_of(table))
            if any(differs):
                raise CommandError(
                    f"{table} has {differs.surplus:,} rows too many and lacks {differs.missing:,}: it is not what a "
                    "full build makes of the same files."
                )


def versions(lakehouse: Path) -> dict[str, int]:
    """Returns the current version of each table."""
    return {table: DeltaTable(lakehouse / declared.path).version() for table, declared in TABLES.items()}
