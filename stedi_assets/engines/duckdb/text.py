"""SQL text: names and values, quoted."""

import re
from collections.abc import Iterable

NO_HIVE_PARTITIONS = "hive_partitioning = false"
"""Without it, DuckDB's readers make a column of each folder `key=value` of a path, in place of the file's own."""

WILDCARD = re.compile(r"[*?\[]")


def identifier(name: str) -> str:
    """Quotes a name.

    Args:
        name: Of a table or column.
    """
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Quotes a text.

    Args:
        text: Any.
    """
    return "'" + text.replace("'", "''") + "'"


def literals(texts: Iterable[str]) -> str:
    """Writes texts as a list.

    Args:
        texts: Any.
    """
    return f"[{', '.join(map(literal, texts))}]"


def paths(files: Iterable[str]) -> str:
    """Writes the paths of files as a list.

    Args:
        files: Their paths. On disk DuckDB would take the characters *, ? and [ for wildcards; for buckets, that is
            switched off.
    """
    return literals(file if file.startswith("s3://") else WILDCARD.sub(r"[\g<0>]", file) for file in files)


def read_parquet(files: Iterable[str], *options: str) -> str:
    """Writes a call of DuckDB's reader, which takes no column from a folder called `key=value`.

    Args:
        files: The paths of the Parquet files.
        options: More options, such as `filename = true`.
    """
    return f"read_parquet({', '.join([paths(files), NO_HIVE_PARTITIONS, *options])})"


def unquoted(name: str) -> str:
    """Takes a name's quotes away.

    Args:
        name: Quoted or not.
    """
    return name[1:-1].replace('""', '"') if name.startswith('"') else name
