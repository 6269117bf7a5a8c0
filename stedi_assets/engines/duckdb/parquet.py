"""Writing a query's rows as the Parquet files of a Delta table."""

from collections.abc import Callable, Mapping
from pathlib import PurePath

import arro3.core
import duckdb
from deltalake import Schema

from stedi_assets.engines.duckdb.text import identifier, literal, unquoted
from stedi_assets.engines.engine import Written
from stedi_assets.errors import StediError
from stedi_assets.storage.delta import DataFile
from stedi_assets.storage.location import Location

DELTA_CASTS = {
    "HUGEINT": "DECIMAL(38, 0)",
    "UHUGEINT": "DECIMAL(38, 0)",
    "UBIGINT": "DECIMAL(20, 0)",
    "UINTEGER": "BIGINT",
    "USMALLINT": "INTEGER",
    "UTINYINT": "SMALLINT",
    "TIMESTAMP": "TIMESTAMP WITH TIME ZONE",
    "TIMESTAMP_S": "TIMESTAMP WITH TIME ZONE",
    "TIMESTAMP_MS": "TIMESTAMP WITH TIME ZONE",
    "TIMESTAMP_NS": "TIMESTAMP WITH TIME ZONE",
    "UUID": "VARCHAR",
    "JSON": "VARCHAR",
}
"""From a DuckDB type that Delta's reader version 1 lacks to a type that holds all its values. A timestamp without a
time zone counts as UTC."""

STATISTICS_TYPES: Mapping[str, Callable[[str], int | float]] = {
    "TINYINT": int,
    "SMALLINT": int,
    "INTEGER": int,
    "BIGINT": int,
    "FLOAT": float,
    "DOUBLE": float,
}
"""The types whose minimum and maximum go into the Delta log. Those of text do not: text may name a person, and the log
outlives the rows."""


def write_parquet(
    cursor: duckdb.DuckDBPyConnection, select: str, folder: Location, prefix: str, *, in_one_file: bool = False
) -> Written:
    """Writes the rows of a query as Parquet files, in types that every Delta reader supports.

    Args:
        cursor: The cursor that runs the query.
        select: The query.
        folder: The table's folder.
        prefix: The prefix of the files' names.
        in_one_file: Whether to write one file, rather than one for each thread.

    Returns:
        The files, with the statistics that DuckDB's COPY returns.

    Raises:
        StediError: A column's type cannot be stored in a Delta table.
        duckdb.Error: DuckDB cannot compute or write the rows.
    """
    relation = cursor.sql(select)
    types = {name: str(kind) for name, kind in zip(relation.columns, relation.types, strict=True)}
    storable = f"SELECT {_delta_columns(types)} FROM ({relation.sql_query()})"
    schema = _delta_schema(cursor.sql(storable))
    target = f"{folder.path}/{prefix}.parquet" if in_one_file else folder.path
    files = "" if in_one_file else f", PER_THREAD_OUTPUT, FILENAME_PATTERN '{prefix}-{{i}}', OVERWRITE_OR_IGNORE"
    copied = cursor.execute(f"COPY ({storable}) TO {literal(target)} (FORMAT parquet, RETURN_STATS{files})").fetchall()
    return Written(schema, [_data_file(types, schema, *row[:5]) for row in copied])


def _delta_columns(types: Mapping[str, str]) -> str:
    return ", ".join(
        f"CAST({identifier(name)} AS {DELTA_CASTS[kind]}) AS {identifier(name)}"
        if kind in DELTA_CASTS
        else identifier(name)
        for name, kind in types.items()
    )


def _delta_schema(relation: duckdb.DuckDBPyRelation) -> Schema:
    try:
        # Through arro3, because importing pyarrow is slow.
        return Schema.from_arrow(arro3.core.RecordBatchReader.from_arrow(relation.limit(0)).schema)
    except Exception:  # noqa: BLE001 (deltalake raises no narrower type here)
        types = ", ".join(f"{name} {kind}" for name, kind in zip(relation.columns, relation.types, strict=True))
        raise StediError(
            f"A column's type cannot be stored in a Delta table; the columns are {types}.",
            "Cast the column to another type, such as VARCHAR.",
        ) from None


def _data_file(
    types: Mapping[str, str],
    schema: Schema,
    path: str,
    rows: int,
    size: int,
    _footer_size: int,
    statistics: Mapping[str, Mapping[str, str]],
) -> DataFile:
    by_column = {unquoted(column): values for column, values in statistics.items()}
    return DataFile(
        path=PurePath(path).name,
        size=size,
        rows=rows,
        schema=schema,
        statistics={
            "minValues": _bounds(types, by_column, "min"),
            "maxValues": _bounds(types, by_column, "max"),
            "nullCount": {
                column: int(values["null_count"])
                for column, values in by_column.items()
                if column in types and "null_count" in values
            },
        },
    )


def _bounds(types: Mapping[str, str], by_column: Mapping[str, Mapping[str, str]], bound: str) -> dict[str, int | float]:
    return {
        column: STATISTICS_TYPES[types[column]](values[bound])
        for column, values in by_column.items()
        if types.get(column) in STATISTICS_TYPES and bound in values and values.get("has_nan") != "true"
    }
