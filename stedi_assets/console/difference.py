"""The rows in which two versions of a table differ."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
from deltalake import DeltaTable
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from stedi_assets.console.connection import duckdb_errors_explained, open_connection, refuse_missing_files
from stedi_assets.console.screen import printable_text
from stedi_assets.console.tables import open_by_name
from stedi_assets.console.time_travel import load_version
from stedi_assets.engines.duckdb.text import identifier, literal
from stedi_assets.privacy.masking import MASK, masked_columns
from stedi_assets.settings import Settings
from stedi_assets.storage.columns import column_types
from stedi_assets.storage.delta import data_files


@dataclass(frozen=True)
class UnmatchedRows:
    """The rows that only one of the versions has. Duplicates count: the versions are compared as multisets.

    Attributes:
        count: The number of rows.
        sample: Some of the rows, from column to value, with personal values masked.
    """

    count: int
    sample: Sequence[dict[str, Any]]


@dataclass(frozen=True)
class Difference:
    """How a later version of a table differs from an earlier one.

    Attributes:
        table: The table's name.
        versions: The earlier version and the later one.
        columns: The columns of both versions, by which rows are compared.
        columns_added: The columns of the later version only.
        columns_removed: The columns of the earlier version only.
        columns_retyped: The columns whose type changed, from the name to both types.
        added: The rows of the later version only.
        removed: The rows of the earlier version only.
    """

    table: str
    versions: tuple[int, int]
    columns: Sequence[str]
    columns_added: Sequence[str]
    columns_removed: Sequence[str]
    columns_retyped: Mapping[str, tuple[str, str]]
    added: UnmatchedRows
    removed: UnmatchedRows


def compare(settings: Settings, name: str, versions: tuple[int, int], sample: int) -> Difference:
    """Compares two versions of a table.

    Args:
        settings: The location of the lakehouse, and DuckDB's limits.
        name: The table's name.
        versions: The two versions, the earlier one first.
        sample: The most rows in each sample.

    Raises:
        StediError: The table or a version does not exist, or can no longer be read.
    """
    first, second = (_open_version(settings, name, version) for version in versions)
    # A file of both versions has no row that differs: it need not be read.
    files_first, files_second = _without_common(data_files(first), data_files(second))
    columns_first, columns_second = (column_types(table.schema()) for table in (first, second))
    columns = [column for column in columns_second if column in columns_first]
    with open_connection(settings) as (connection, engine), duckdb_errors_explained():
        sides = (("first_version", first, files_first), ("second_version", second, files_second))
        for side, table, files in sides:
            refuse_missing_files(connection, name, table.version(), files)
            engine.define_table(side, files, table.schema())
        return Difference(
            table=name,
            versions=versions,
            columns=columns,
            columns_added=[column for column in columns_second if column not in columns_first],
            columns_removed=[column for column in columns_first if column not in columns_second],
            columns_retyped={
                column: (columns_first[column], columns_second[column])
                for column in columns
                if columns_first[column] != columns_second[column]
            },
            added=_only_in(connection, "second_version", "first_version", columns, sample),
            removed=_only_in(connection, "first_version", "second_version", columns, sample),
        )


def _open_version(settings: Settings, name: str, version: int) -> DeltaTable:
    _, table = open_by_name(settings.lakehouse, name)
    load_version(table, name, version)
    return table


def _without_common(files: Sequence[str], others: Sequence[str]) -> tuple[list[str], list[str]]:
    common = set(files) & set(others)
    return [file for file in files if file not in common], [file for file in others if file not in common]


def _only_in(
    connection: duckdb.DuckDBPyConnection, side: str, other: str, columns: Sequence[str], sample: int
) -> UnmatchedRows:
    if not columns:
        # Without a common column, no row of one version matches a row of the other.
        (count,) = connection.sql(f"SELECT count(*) FROM {side}").fetchall()[0]
        return UnmatchedRows(count, [])
    selected = ", ".join(map(identifier, columns))
    rows_of_one = f"SELECT {selected} FROM {side} EXCEPT ALL SELECT {selected} FROM {other}"
    connection.execute(f"CREATE OR REPLACE TEMP TABLE difference AS {rows_of_one}")
    (count,) = connection.sql("SELECT count(*) FROM difference").fetchall()[0]
    few = f"SELECT {_masked_selection(columns)} FROM difference LIMIT {sample}"
    rows = connection.sql(f"SELECT to_json(few) FROM ({few}) AS few").fetchall()
    return UnmatchedRows(count, [json.loads(text) for (text,) in rows])


def _masked_selection(columns: Sequence[str]) -> str:
    # In SQL, so that no personal value leaves DuckDB.
    masked = masked_columns(columns)
    return ", ".join(
        f"CASE WHEN {identifier(column)} IS NOT NULL THEN {literal(MASK)} END AS {identifier(column)}"
        if column in masked
        else identifier(column)
        for column in columns
    )


def difference_lines(difference: Difference) -> Iterator[RenderableType]:
    """Yields the lines and tables that show a difference in a terminal."""
    first, second = difference.versions
    yield printable_text(f"{difference.table}, version {second} against version {first}")
    for side, names in (("added", difference.columns_added), ("removed", difference.columns_removed)):
        if names:
            yield printable_text(f"columns {side}: {', '.join(names)}")
    if difference.columns_retyped:
        retyped = (f"{name} ({before}, now {now})" for name, (before, now) in difference.columns_retyped.items())
        yield printable_text(f"columns of another type: {', '.join(retyped)}")
    for side, rows in (("added", difference.added), ("removed", difference.removed)):
        few = f", of which {len(rows.sample):,} shown" if len(rows.sample) < rows.count else ""
        yield Text(f"rows {side}: {rows.count:,}{few}")
        if rows.sample:
            yield _sample_table(difference.columns, rows)


def _sample_table(columns: Sequence[str], rows: UnmatchedRows) -> Table:
    table = Table()
    for column in columns:
        table.add_column(printable_text(column), overflow="fold")
    for row in rows.sample:
        table.add_row(
            *(Text("NULL", style="dim") if value is None else printable_text(value) for value in row.values())
        )
    return table


def difference_json(difference: Difference) -> dict[str, Any]:
    """Returns a difference as the object that `stedi diff --json` prints."""
    first, second = difference.versions
    return {
        "table": difference.table,
        "from_version": first,
        "to_version": second,
        "columns_added": difference.columns_added,
        "columns_removed": difference.columns_removed,
        "columns_retyped": difference.columns_retyped,
        "rows_added": difference.added.count,
        "rows_removed": difference.removed.count,
        "added_sample": difference.added.sample,
        "removed_sample": difference.removed.sample,
    }
