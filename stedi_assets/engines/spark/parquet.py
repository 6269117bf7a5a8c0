"""Writing a data frame's rows as the Parquet files of a Delta table."""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import PurePath

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import Schema
from deltalake.fs import DeltaStorageHandler
from pyarrow.fs import PyFileSystem
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import (
    ArrayType,
    BinaryType,
    BooleanType,
    DataType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegralType,
    MapType,
    StringType,
    StructType,
    TimestampType,
)

from stedi_assets.engines.engine import Written
from stedi_assets.engines.spark.frames import path_in_spark
from stedi_assets.errors import StediError
from stedi_assets.storage.delta import DataFile
from stedi_assets.storage.listing import StoredFile
from stedi_assets.storage.location import Location

DELTA_TYPES = (
    BinaryType,
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegralType,
    StringType,
    TimestampType,
)
"""The types that Delta supports, besides structures, lists and maps of these types."""

DELTA_CASTS = {"timestamp_ntz": "timestamp", "void": "int"}
"""From a Spark type that Delta's reader version 1 lacks to a type that holds all its values. A timestamp without a time
zone counts as UTC."""

STATISTICS_TYPES = frozenset({"byte", "short", "integer", "long", "float", "double"})
"""The Delta types whose minimum and maximum go into the Delta log. Those of text do not: text may name a person, and
the log outlives the rows."""

WRITE_OPTIONS = {
    # Files are invisible until the Delta commit. So Spark need not rename them twice, nor write a _SUCCESS file.
    "mapreduce.fileoutputcommitter.algorithm.version": "2",
    "mapreduce.fileoutputcommitter.marksuccessfuljobs": "false",
}

FOOTER_THREADS = 8


def write_parquet(frame: DataFrame, folder: Location, name: str) -> Written:
    """Writes the rows of a data frame as Parquet files, in types that every Delta reader supports.

    Args:
        frame: The rows.
        folder: The table's folder.
        name: The name of a new folder in the table's folder, which gets the files.

    Returns:
        The files, with the statistics of their Parquet footers.

    Raises:
        StediError: A column's type cannot be stored in a Delta table.
    """
    casts = {
        column: F.col(_quoted(column)).cast(DELTA_CASTS[kind]) for column, kind in frame.dtypes if kind in DELTA_CASTS
    }
    storable = frame.withColumns(casts) if casts else frame
    _refuse_unknown_types(storable)
    part = folder / name
    storable.write.options(**WRITE_OPTIONS).parquet(path_in_spark(part.path))
    stored = parquet_files(part)
    footers = _footers(part, stored)
    # Spark marks columns as non-nullable that happen to hold no null in this frame. The next build may store a null.
    schema = Schema.from_arrow(
        pa.schema([column.with_nullable(True) for column in footers[0].schema.to_arrow_schema()])
    )
    files = [
        DataFile(f"{name}/{file.name}", file.size, footer.num_rows, schema, _statistics(footer, schema))
        for file, footer in zip(stored, footers, strict=True)
    ]
    # A table without a row has one file too, as its readers need one for the columns.
    kept = [file for file in files if file.rows] or files[:1]
    for file in files:
        if file not in kept:
            folder.files.delete(part.path, PurePath(file.path).name)
    return Written(schema, kept)


def _refuse_unknown_types(frame: DataFrame) -> None:
    if not _is_known(frame.schema):
        types = ", ".join(f"{column} {kind}" for column, kind in frame.dtypes)
        raise StediError(
            f"A column's type cannot be stored in a Delta table; the columns are {types}.",
            "Cast the column to another type, such as STRING.",
        )


def _is_known(kind: DataType) -> bool:
    if isinstance(kind, StructType):
        return all(_is_known(field.dataType) for field in kind.fields)
    if isinstance(kind, MapType):
        return _is_known(kind.keyType) and _is_known(kind.valueType)
    return _is_known(kind.elementType) if isinstance(kind, ArrayType) else isinstance(kind, DELTA_TYPES)


def parquet_files(folder: Location) -> Sequence[StoredFile]:
    """Returns the Parquet files that Spark wrote into a folder or its subfolders."""
    return [file for file in folder.files.walk(folder.path) if file.name.endswith(".parquet")]


def _footers(part: Location, files: Sequence[StoredFile]) -> list[pq.FileMetaData]:
    with ThreadPoolExecutor(FOOTER_THREADS) as pool:
        if part.is_local:
            return list(pool.map(pq.read_metadata, (file.path for file in files)))
        store = PyFileSystem(DeltaStorageHandler(part.path, part.delta_options))
        return list(pool.map(partial(pq.read_metadata, filesystem=store), (file.name for file in files)))


def _statistics(footer: pq.FileMetaData, schema: Schema) -> dict[str, dict[str, int | float]]:
    numbers = {field.name for field in schema.fields if field.type.type in STATISTICS_TYPES}
    found: dict[str, dict[str, int | float]] = {"minValues": {}, "maxValues": {}, "nullCount": {}}
    for index in range(footer.num_columns):
        column = footer.schema.column(index)
        groups = [footer.row_group(group).column(index).statistics for group in range(footer.num_row_groups)]
        # The Delta log has no statistics of columns within lists and structures.
        is_flat = column.path == column.name and column.max_repetition_level == 0
        if not is_flat or not all(group and group.has_null_count for group in groups):
            continue
        found["nullCount"][column.name] = sum(group.null_count for group in groups)
        bounded = [group for group in groups if group.num_values]
        if column.name in numbers and bounded and all(group.has_min_max for group in bounded):
            bounds = min(group.min for group in bounded), max(group.max for group in bounded)
            if all(map(math.isfinite, bounds)):
                found["minValues"][column.name], found["maxValues"][column.name] = bounds
    return found


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
