"""SQL text: names and values, quoted."""

import re
from collections.abc import Iterable

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
        files: Their paths. DuckDB looks for a local file of the very name first, but takes the characters *, ? and [ in
            the name of an object for wildcards.
    """
    return literals(WILDCARD.sub(r"[\g<0>]", file) if file.startswith("s3://") else file for file in files)


def unquoted(name: str) -> str:
    """Takes a name's quotes away.

    Args:
        name: Quoted or not.
    """
    return name[1:-1].replace('""', '"') if name.startswith('"') else name
