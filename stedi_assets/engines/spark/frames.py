"""Files as Spark data frames."""

import functools
import json
from collections.abc import Sequence

from deltalake import Schema
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql.types import StructType

PATTERN_CHARACTERS = frozenset("{}[]*?\\")
"""What makes Spark take a path for a pattern."""


FILE_NAME = "_metadata.file_name"
"""The column of a file's name, encoded as in a URI."""

FILE_URI = "_metadata.file_path"
"""The column of a file's whole path, encoded as in a URI."""


def path_in_spark(path: str) -> str:
    """Spells a path as Spark's file systems do.

    Args:
        path: Of a local file or folder, or `s3://…`.
    """
    return f"s3a://{path.removeprefix('s3://')}" if path.startswith("s3://") else f"file://{path}"


def files_read(
    spark: SparkSession,
    kind: str,
    paths: Sequence[str],
    *columns: Column | str,
    schema: StructType | str | None = None,
    **options: str,
) -> DataFrame:
    """Returns what files hold.

    Args:
        spark: The session.
        kind: Their format.
        paths: Their paths; none gives no rows, and needs a schema.
        columns: Which of their columns, and of what Spark tells of a file; none are all of theirs.
        schema: Their columns, where they do not say so themselves.
        options: The format's options.
    """
    reader = spark.read.format(kind).options(__globPaths__="false", **options)
    reader = reader.schema(schema) if schema else reader
    ordinary = [path for path in paths if not PATTERN_CHARACTERS & set(path)]
    # Of several paths with such a one among them, Spark reads each more than once.
    groups = [[path] for path in paths if PATTERN_CHARACTERS & set(path)]
    groups += [ordinary] if ordinary or not groups else []
    frames = (reader.load([path_in_spark(path) for path in group]) for group in groups)
    # Each call is a round trip to Spark, and so is forgetting its result.
    selected = (frame.select(*columns) for frame in frames) if columns else frames
    return functools.reduce(DataFrame.unionAll, selected)


def spark_schema(schema: Schema) -> StructType:
    """Returns a Delta schema as Spark's: Delta took over its JSON.

    Args:
        schema: Of a table.
    """
    return StructType.fromJson(json.loads(schema.to_json()))
