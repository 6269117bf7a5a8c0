"""SQL: the query that an asset returns, the tables it reads, and a text quoted for every engine."""

import textwrap
from dataclasses import dataclass
from functools import cached_property

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError

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
        try:
            statements = sqlglot.parse(self.sql)
        except ParseError as error:
            problem = error.errors[0]
            raise StediError(
                f"A query cannot be parsed: {problem['description']} at line {problem['line']}, column "
                f"{problem['col']}.",
                "Correct the SELECT in the asset's body.",
            ) from None
        if len(statements) != 1 or not isinstance(statements[0], exp.Query):
            raise StediError("A query is not one SELECT statement.", "Return exactly one SELECT from the asset's body.")
        statement = statements[0]
        defined_inside = {expression.alias for expression in statement.find_all(exp.CTE)}
        return frozenset({table.name for table in statement.find_all(exp.Table)} - defined_inside)


def portable_literal(text: str) -> str:
    """Quotes a text for DuckDB, Spark and Athena alike.

    Spark reads a backslash in a literal as an escape, and DuckDB does not: a backslash becomes a call of `chr`.
    """
    return "(" + " || chr(92) || ".join("'" + part.replace("'", "''") + "'" for part in text.split("\\")) + ")"
