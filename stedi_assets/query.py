"""The query that an asset returns, the tables that it reads, and string literals that every engine can read."""

import functools
import json
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import duckdb

from stedi_assets.errors import StediError


@dataclass(frozen=True)
class Query:
    """One SELECT that DuckDB, Spark and Athena all run unchanged.

    Attributes:
        sql: The statement. Tables are named by asset name.
    """

    sql: str

    @property
    def markdown(self) -> str:
        """The statement as a block of Markdown."""
        return f"```sql\n{textwrap.dedent(self.sql).strip()}\n```"

    @cached_property
    def tables(self) -> frozenset[str]:
        """The names of the tables that the statement reads.

        Raises:
            StediError: The text is not one SELECT statement.
        """
        # The text is no parameter of the statement, because DuckDB imports pandas to convert parameters.
        (text,) = _parser().execute(f"SELECT json_serialize_sql({portable_literal(self.sql)})").fetchall()[0]
        parsed = json.loads(text)
        if parsed["error"] and "position" in parsed:
            position = int(parsed["position"])
            line, column = self.sql.count("\n", 0, position) + 1, position - self.sql.rfind("\n", 0, position)
            raise StediError(
                f"A query cannot be parsed: {parsed['error_message']}, at line {line}, column {column}.",
                "Correct the SELECT in the asset's body.",
            )
        if parsed["error"] or len(parsed["statements"]) != 1:
            raise StediError("A query is not one SELECT statement.", "Return exactly one SELECT from the asset's body.")
        nodes = list(_nodes(parsed))
        defined_inside = {each["key"] for node in nodes for each in node.get("cte_map", {}).get("map", ())}
        read = {node["table_name"] for node in nodes if node.get("type") == "BASE_TABLE"}
        return frozenset(read - defined_inside)


@functools.cache
def _parser() -> duckdb.DuckDBPyConnection:
    # DuckDB's parser rather than sqlglot, whose import would add a fifth to the start of every command. With more than
    # one thread, DuckDB's thread pool would stay for the rest of the process.
    return duckdb.connect(config={"threads": 1})


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Yields every object of a syntax tree in JSON."""
    if isinstance(tree, dict):
        yield tree
    children = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    for child in children:
        yield from _nodes(child)


def portable_literal(text: str) -> str:
    """Returns a text as a SQL expression that DuckDB, Spark and Athena all read as that text.

    A backslash becomes a call of `chr`: in a literal, Spark takes it for an escape and DuckDB does not.
    """
    return "(" + " || chr(92) || ".join("'" + part.replace("'", "''") + "'" for part in text.split("\\")) + ")"
