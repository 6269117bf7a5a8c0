"""Column-level lineage: which columns of which tables each column of a query is computed from."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from stedi_assets.query import Query


@dataclass(frozen=True, order=True)
class ColumnSource:
    """A column of an input from which another column is computed.

    Attributes:
        table: The name of the input table, or of the source of raw files.
        column: The column's name.
    """

    table: str
    column: str


Lineage = Mapping[str, Sequence[ColumnSource]]
"""From a column's name to the columns that it is computed from."""


def column_lineage(query: Query, inputs: Mapping[str, Iterable[str]], outputs: Iterable[str]) -> Lineage:
    """Returns the input columns from which each column of a query is computed, through all of its subqueries.

    Columns that the query only filters, joins or groups by do not count.

    Args:
        query: The query.
        inputs: From each table that the query reads to the names of its columns.
        outputs: The names of the query's columns, in the order of the result.

    Returns:
        An entry for each output column that sqlglot finds in the query; a constant has no input columns. Empty if
        sqlglot cannot analyze the query.
    """
    # Imported here: a process that only loads the definitions does not need sqlglot.
    from sqlglot import exp  # noqa: PLC0415
    from sqlglot.lineage import lineage  # noqa: PLC0415
    from sqlglot.schema import MappingSchema  # noqa: PLC0415

    # SQL's names are case-insensitive: sqlglot compares them in lower case. Lineage does not depend on the types.
    schema: dict[str, object] = {
        table.lower(): {column.lower(): "VARCHAR" for column in columns} for table, columns in inputs.items()
    }
    try:
        nodes = lineage(None, query.sql, MappingSchema(schema, normalize=False), trim_selects=False)
    except Exception:  # noqa: BLE001 (sqlglot may fail in many ways; the query has run and its table is stored)
        return {}
    known = {
        (table.lower(), column.lower()): ColumnSource(table, column)
        for table, columns in inputs.items()
        for column in columns
    }
    found = {
        output.lower(): {
            known[origin]
            for leaf in node.walk()
            if isinstance(leaf.source, exp.Table)
            and (origin := (leaf.source.name.lower(), exp.to_column(leaf.name).name.lower())) in known
        }
        for output, node in nodes.items()
    }
    return {output: sorted(found[output.lower()]) for output in outputs if output.lower() in found}
