"""The DuckDB engine: queries in an in-memory database over Parquet and JSON files."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import PurePath
from typing import Any

import arro3.core
import duckdb
from deltalake import Schema

from stedi_assets.engines import Written
from stedi_assets.errors import StediError
from stedi_assets.landing.files import LandingFile
from stedi_assets.query import Query
from stedi_assets.storage.attempt import attempt
from stedi_assets.storage.delta import DataFile
from stedi_assets.storage.location import Location
from stedi_assets.tables import Source

Relation = duckdb.DuckDBPyRelation

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
"""From a DuckDB type that Delta's reader version 1 lacks to the one that holds its values; a timestamp without a time
zone counts as UTC."""

STATISTICS_TYPES: Mapping[str, Callable[[str], int | float]] = {
    "TINYINT": int,
    "SMALLINT": int,
    "INTEGER": int,
    "BIGINT": int,
    "FLOAT": float,
    "DOUBLE": float,
}
"""The types whose least and greatest value go into the transaction log. Text does not: the log outlives the rows, and
text may name a person."""

FRAME_LOADERS: Mapping[str, Callable[[Relation], Any]] = {
    "pandas.DataFrame": Relation.df,
    "polars.DataFrame": Relation.pl,
    "polars.LazyFrame": lambda relation: relation.pl(lazy=True),
    "pyarrow.Table": Relation.to_arrow_table,
    "duckdb.DuckDBPyRelation": lambda relation: relation,
}
"""From a type, named without importing its package, to how a relation becomes one."""

JSON_ERROR = re.compile(r'in file "(?P<file>[^"]+)".* in line (?P<line>\d+)')

STORED_FRAME = "stored_frame"


class DuckDBEngine:
    """Computes in a DuckDB connection; see `Engine`.

    Args:
        connection: An open in-memory connection, closed by whoever opened it.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        # Delta's timestamps are UTC. The order of a table's rows has no meaning, and keeping it costs memory.
        connection.execute("SET GLOBAL TimeZone = 'UTC'; SET GLOBAL preserve_insertion_order = false")

    def define_table(self, name: str, files: Sequence[str]) -> None:
        """See `Engine`."""
        self._define(name, f"read_parquet({_literals(files)})")

    def define_source(self, source: Source, files: Sequence[LandingFile]) -> None:
        """See `Engine`."""
        columns = ", ".join(f"{_literal(column.name)}: {_literal(column.type)}" for column in source.columns)
        paths = _literals([file.path for file in files])
        self._define(source.name, f"read_json({paths}, format = 'newline_delimited', columns = {{{columns}}})")

    def _define(self, name: str, table_function: str) -> None:
        with _errors_explained():
            self._connection.execute(f"CREATE OR REPLACE VIEW {_identifier(name)} AS SELECT * FROM {table_function}")

    def write(self, value: Any, folder: Location) -> Written:
        """See `Engine`."""
        # A cursor of its own, because a relation that is stored may still be reading from the connection.
        with self._connection.cursor() as cursor, _errors_explained():
            relation = cursor.sql(_register(cursor, value))
            types = {name: str(kind) for name, kind in zip(relation.columns, relation.types, strict=True)}
            select = f"SELECT {_delta_columns(types)} FROM ({relation.sql_query()})"
            schema = _delta_schema(cursor.sql(select))
            with attempt(folder) as prefix:
                copied = cursor.execute(
                    f"COPY ({select}) TO {_literal(folder.path)} (FORMAT parquet, PER_THREAD_OUTPUT, RETURN_STATS, "
                    f"FILENAME_PATTERN '{prefix}-{{i}}', OVERWRITE_OR_IGNORE)"
                ).fetchall()
        return Written(schema, [_data_file(types, *row[:5]) for row in copied])

    def rows(self, query: Query) -> list[dict[str, Any]]:
        """See `Engine`."""
        with _errors_explained():
            relation = self._connection.sql(query.sql)
            return [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]

    def load(self, name: str, kind: Any) -> Any:
        """See `Engine`."""
        loader = FRAME_LOADERS.get(_type_name(kind))
        if loader is None:
            raise StediError(
                f"The table {name} cannot be loaded as {_type_name(kind)}.",
                f"Annotate the asset's input with one of {', '.join(FRAME_LOADERS)}.",
            )
        return loader(self._connection.table(name))


def _register(cursor: duckdb.DuckDBPyConnection, value: Any) -> str:
    if isinstance(value, Query):
        return value.sql
    name = _type_name(type(value))
    if name not in FRAME_LOADERS:
        raise StediError(
            f"A value of type {name} cannot be stored.",
            f"Return a stedi_assets.query.Query or one of {', '.join(FRAME_LOADERS)} from the asset.",
        )
    cursor.register(STORED_FRAME, value.to_arrow_reader() if isinstance(value, Relation) else value)
    return f"SELECT * FROM {STORED_FRAME}"


def _type_name(kind: Any) -> str:
    package = getattr(kind, "__module__", "").partition(".")[0].removeprefix("_")
    return f"{package}.{getattr(kind, '__qualname__', kind)}"


def _delta_columns(types: Mapping[str, str]) -> str:
    return ", ".join(
        f"CAST({_identifier(name)} AS {DELTA_CASTS[kind]}) AS {_identifier(name)}"
        if kind in DELTA_CASTS
        else _identifier(name)
        for name, kind in types.items()
    )


def _delta_schema(relation: Relation) -> Schema:
    try:
        # The schema alone is asked for, through arro3: it needs no import of pyarrow, which is slow.
        return Schema.from_arrow(arro3.core.RecordBatchReader.from_arrow(relation.limit(0)).schema)
    except Exception:  # noqa: BLE001 (deltalake raises no narrower type here)
        types = ", ".join(f"{name} {kind}" for name, kind in zip(relation.columns, relation.types, strict=True))
        raise StediError(
            f"A column's type cannot be stored in a Delta table; the columns are {types}.",
            "Cast the column to another type, such as VARCHAR.",
        ) from None


def _data_file(
    types: Mapping[str, str],
    path: str,
    rows: int,
    size: int,
    _footer_size: int,
    statistics: Mapping[str, Mapping[str, str]],
) -> DataFile:
    by_column = {_unquoted(column): values for column, values in statistics.items()}
    return DataFile(
        path=PurePath(path).name,
        size=size,
        rows=rows,
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


def _unquoted(identifier: str) -> str:
    return identifier[1:-1].replace('""', '"') if identifier.startswith('"') else identifier


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _literals(texts: Sequence[str]) -> str:
    return f"[{', '.join(map(_literal, texts))}]"


@contextmanager
def _errors_explained() -> Iterator[None]:
    """Turns DuckDB's errors into ours, without the parts of a message that may quote a value."""
    try:
        yield
    except (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException) as error:
        raise StediError(
            f"The query cannot be computed: {str(error).partition(chr(10))[0]}.", "Correct the asset's SELECT."
        ) from None
    except duckdb.OutOfMemoryException:
        raise StediError(
            "DuckDB ran out of memory.",
            "Raise STEDI_DUCKDB_MEMORY_LIMIT, or give STEDI_DUCKDB_SPILL_FOLDER a disk with more room.",
        ) from None
    except (duckdb.IOException, duckdb.PermissionException) as error:
        raise StediError(
            f"DuckDB could not read or write: {str(error).partition(chr(10))[0]}.",
            "Check the folder's permissions and its free space; the table is as it was.",
        ) from None
    except duckdb.Error as error:
        raise _explained(error) from None


def _explained(error: duckdb.Error) -> StediError:
    json_error = JSON_ERROR.search(str(error))
    if json_error:
        return StediError(
            f"{json_error['file']} is not newline-delimited JSON of the contract's types, near line "
            f"{json_error['line']}.",
            "Correct the file or move it out of the landing folder; the table is as it was.",
        )
    return StediError(
        f"The query failed with DuckDB's {type(error).__name__}.",
        "Its message is withheld because it may quote personal data: run the SELECT in DuckDB to see it.",
    )
