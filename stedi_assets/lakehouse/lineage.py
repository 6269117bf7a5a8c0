"""Column-level lineage: which columns of which tables each column of a query is computed from."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from stedi_assets.query import Query


@dataclass(frozen=True, order=True)
class ColumnSource:
    """A column that another one is computed from.

    Attributes:
        table: The name of its table, or of the source of raw files.
        column: Its name.
    """

    table: str
    column: str


Lineage = Mapping[str, Sequence[ColumnSource]]
"""From a column's name to what it is computed from."""


def column_lineage(query: Query, inputs: Mapping[str, Iterable[str]], outputs: Iterable[str]) -> Lineage:
    """Works out what each column of a query is computed from.

    A column that a query only filters, joins or groups by is not part of what another one is computed from.

    Args:
        query: The query.
        inputs: From each table that the query reads to the names of its columns.
        outputs: The names of the columns that the query gives.

    Returns:
        For each of the outputs that has a name in the query, in their order, the columns at the far end; none for a
        constant. Empty where sqlglot cannot follow the query.
    """
    # Imported here: a process that only loads the definitions does not need it.
    from sqlglot import exp  # noqa: PLC0415
    from sqlglot.lineage import lineage  # noqa: PLC0415
    from sqlglot.schema import MappingSchema  # noqa: PLC0415

    # SQL's names have no case: sqlglot takes them in lower case. The types do not matter here.
    schema: dict[str, object] = {
        table.lower(): {column.lower(): "VARCHAR" for column in columns} for table, columns in inputs.items()
    }
    try:
        nodes = lineage(None, query.sql, MappingSchema(schema, normalize=False), trim_selects=False)
    except Exception:  # noqa: BLE001 (whatever sqlglot stumbles over, the query itself has run and its table is stored)
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
