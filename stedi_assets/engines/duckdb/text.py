"""SQL text: names and values, quoted."""

from collections.abc import Iterable


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


def unquoted(name: str) -> str:
    """Takes a name's quotes away.

    Args:
        name: Quoted or not.
    """
    return name[1:-1].replace('""', '"') if name.startswith('"') else name
