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

from stedi_assets.console.catalogue import find
from stedi_assets.console.connection import errors_shown, open_connection, refuse_missing_files
from stedi_assets.console.masking import masked_columns
from stedi_assets.console.moments import load
from stedi_assets.console.screen import shown
from stedi_assets.engines.duckdb.text import identifier
from stedi_assets.settings import Settings
from stedi_assets.storage.columns import column_types
from stedi_assets.storage.delta import data_files


@dataclass(frozen=True)
class Rows:
    """Rows that only one of the versions has, as a multiset.

    Attributes:
        count: How many.
        sample: A few of them, from column to value, personal values masked.
    """

    count: int
    sample: Sequence[dict[str, Any]]


@dataclass(frozen=True)
class Difference:
    """How a later version of a table differs from an earlier one.

    Attributes:
        table: The table's name.
        versions: The two versions.
        columns: The columns that both have, by which rows are compared.
        columns_added: Those that only the second has.
        columns_removed: Those that only the first has.
        columns_retyped: The columns that both have with another type, from the name to both types.
        added: The rows that only the second has.
        removed: The rows that only the first has.
    """

    table: str
    versions: tuple[int, int]
    columns: Sequence[str]
    columns_added: Sequence[str]
    columns_removed: Sequence[str]
    columns_retyped: Mapping[str, tuple[str, str]]
    added: Rows
    removed: Rows


def compare(settings: Settings, name: str, versions: tuple[int, int], sample: int) -> Difference:
    """Compares two versions of a table.

    Args:
        settings: Say where the lakehouse is.
        name: The table's name.
        versions: What to compare, in this order.
        sample: The most rows to show of each side.

    Returns:
        What differs.

    Raises:
        StediError: The table or a version does not exist, or can no longer be read.
    """
    first, second = (_at(settings, name, version) for version in versions)
    # Rows of a file that both have are in neither difference.
    files_first, files_second = _without_common(data_files(first), data_files(second))
    columns_first, columns_second = (column_types(table.schema()) for table in (first, second))
    columns = [column for column in columns_second if column in columns_first]
    with open_connection(settings) as (connection, engine), errors_shown():
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


def _at(settings: Settings, name: str, version: int) -> DeltaTable:
    _, table = find(settings.lakehouse, name)
    load(table, name, version)
    return table


def _without_common(files: Sequence[str], others: Sequence[str]) -> tuple[list[str], list[str]]:
    common = set(files) & set(others)
    return [file for file in files if file not in common], [file for file in others if file not in common]


def _only_in(connection: duckdb.DuckDBPyConnection, side: str, other: str, columns: Sequence[str], sample: int) -> Rows:
    if not columns:
        # By nothing, no row equals another.
        (count,) = connection.sql(f"SELECT count(*) FROM {side}").fetchall()[0]
        return Rows(count, [])
    selected = ", ".join(map(identifier, columns))
    rows_of_one = f"SELECT {selected} FROM {side} EXCEPT ALL SELECT {selected} FROM {other}"
    connection.execute(f"CREATE OR REPLACE TEMP TABLE difference AS {rows_of_one}")
    (count,) = connection.sql("SELECT count(*) FROM difference").fetchall()[0]
    few = f"SELECT {masked_columns(columns)} FROM difference LIMIT {sample}"
    rows = connection.sql(f"SELECT to_json(few) FROM ({few}) AS few").fetchall()
    return Rows(count, [json.loads(text) for (text,) in rows])


def difference_lines(difference: Difference) -> Iterator[RenderableType]:
    """Writes a difference for people.

    Args:
        difference: What differs.

    Yields:
        What to print.
    """
    first, second = difference.versions
    yield shown(f"{difference.table}, version {second} against version {first}")
    for side, names in (("added", difference.columns_added), ("removed", difference.columns_removed)):
        if names:
            yield shown(f"columns {side}: {', '.join(names)}")
    if difference.columns_retyped:
        retyped = (f"{name} ({before}, now {now})" for name, (before, now) in difference.columns_retyped.items())
        yield shown(f"columns of another type: {', '.join(retyped)}")
    for side, rows in (("added", difference.added), ("removed", difference.removed)):
        few = f", of which {len(rows.sample):,} shown" if len(rows.sample) < rows.count else ""
        yield Text(f"rows {side}: {rows.count:,}{few}")
        if rows.sample:
            yield _sample_table(difference.columns, rows)


def _sample_table(columns: Sequence[str], rows: Rows) -> Table:
    table = Table()
    for column in columns:
        table.add_column(shown(column), overflow="fold")
    for row in rows.sample:
        table.add_row(*(Text("NULL", style="dim") if value is None else shown(value) for value in row.values()))
    return table


def difference_json(difference: Difference) -> dict[str, Any]:
    """Writes a difference for programs.

    Args:
        difference: What differs.
    """
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
