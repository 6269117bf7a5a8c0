"""Quoted names, values and file lists for DuckDB's SQL."""

import re
from collections.abc import Iterable

NO_HIVE_PARTITIONS = "hive_partitioning = false"
"""Without this option, a folder `key=value` in a path makes a column that hides the file's own column of that name."""

WILDCARD = re.compile(r"[*?\[]")


def duckdb_type(sql_type: str) -> str:
    """Returns DuckDB's name of a type of the contract."""
    return "TIMESTAMP WITH TIME ZONE" if sql_type == "TIMESTAMP" else sql_type


def identifier(name: str) -> str:
    """Quotes the name of a table or column."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Returns a text as a string literal."""
    return "'" + text.replace("'", "''") + "'"


def literals(texts: Iterable[str]) -> str:
    """Returns texts as a list literal."""
    return f"[{', '.join(map(literal, texts))}]"


def paths(files: Iterable[str]) -> str:
    """Returns the paths of files as a list literal, with the wildcards *, ? and [ escaped.

    Paths in buckets stay as they are: `s3_url_compatibility_mode` switches wildcards off there.
    """
    return literals(file if file.startswith("s3://") else WILDCARD.sub(r"[\g<0>]", file) for file in files)


def read_parquet(files: Iterable[str], *options: str) -> str:
    """Returns a call of DuckDB's `read_parquet`.

    Args:
        files: The paths of the Parquet files.
        options: More options, such as `filename = true`.
    """
    return f"read_parquet({', '.join([paths(files), NO_HIVE_PARTITIONS, *options])})"


def unquoted(name: str) -> str:
    """Returns a name without its quotes, if it has any."""
    return name[1:-1].replace('""', '"') if name.startswith('"') else name
