"""Data frames of files."""

import functools
import json
from collections.abc import Sequence

from deltalake import Schema
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql.types import StructType

PATTERN_CHARACTERS = frozenset("{}[]*?\\")
"""The characters that make Spark read a path as a glob pattern."""

FILE_NAME = "_metadata.file_name"
"""Spark's metadata column with the name of a row's file, percent-encoded."""

FILE_URI = "_metadata.file_path"
"""Spark's metadata column with the URI of a row's file, percent-encoded."""


def path_in_spark(path: str) -> str:
    """Returns the URI, file:// or s3a://, of an absolute local path or an s3:// URL."""
    return f"s3a://{path.removeprefix('s3://')}" if path.startswith("s3://") else f"file://{path}"


def files_read(
    spark: SparkSession,
    kind: str,
    paths: Sequence[str],
    *columns: Column | str,
    schema: StructType | str | None = None,
    **options: str,
) -> DataFrame:
    """Returns a data frame of the rows of files.

    Args:
        spark: The session.
        kind: The format: `parquet`, `text` or `binaryFile`.
        paths: The files. No path gives an empty data frame, which needs a schema.
        columns: The columns to select, which may be metadata columns. By default all columns of the files.
        schema: The columns of the files. By default Spark infers them.
        options: Options of the format.
    """
    reader = spark.read.format(kind).options(__globPaths__="false", **options)
    reader = reader.schema(schema) if schema else reader
    ordinary = [path for path in paths if not PATTERN_CHARACTERS & set(path)]
    # Given several paths of which one holds a pattern character, Spark reads each file more than once.
    groups = [[path] for path in paths if PATTERN_CHARACTERS & set(path)]
    groups += [ordinary] if ordinary or not groups else []
    frames = (reader.load([path_in_spark(path) for path in group]) for group in groups)
    # `select` only if necessary: each call is a round trip to Java, and so is releasing its result.
    selected = (frame.select(*columns) for frame in frames) if columns else frames
    return functools.reduce(DataFrame.unionAll, selected)


def spark_schema(schema: Schema) -> StructType:
    """Returns a Delta schema as Spark's. Delta stores schemas in the JSON format of Spark."""
    return StructType.fromJson(json.loads(schema.to_json()))
