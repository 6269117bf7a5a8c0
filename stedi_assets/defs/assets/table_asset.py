"""The decorator by which a function that returns a SELECT declares the asset of a table."""

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stedi_assets.contract import SOURCES, TABLES, Table, tables_of
from stedi_assets.errors import StediError
from stedi_assets.query import Query

OF_SOURCES = frozenset(table.name for table in tables_of(SOURCES.values()))


@dataclass(frozen=True)
class TableAsset:
    """A table of the contract, and the query that fills it.

    Attributes:
        table: The table.
        query: Its SELECT.
        deps: The names of the sources and tables that the query reads.
        function: The function that declares it.
        figures: A SELECT of one row of numbers about the table. Each build records them in the asset's metadata.
    """

    table: Table
    query: Query
    deps: Sequence[str]
    function: Callable[..., object]
    figures: Query | None = None

    @property
    def name(self) -> str:
        """The table's name, which is the asset's key."""
        return self.table.name


def table_asset(deps: Sequence[str], figures: Query | None = None) -> Callable[[Callable[[], Query]], TableAsset]:
    """Returns a decorator that makes a `TableAsset` of a function.

    The function has the name of a table of the contract, takes no arguments, and returns the table's `Query`.

    Args:
        deps: The names of the tables and sources that the SELECT reads.
        figures: A SELECT of one row of numbers about the table. Each build records them in the asset's metadata.

    Raises:
        StediError: The contract has no table of that name, the table is of a source, or the query reads other tables
            than the declared ones.
    """

    def declare(function: Callable[[], Query]) -> TableAsset:
        name = function.__name__
        if name not in TABLES:
            raise StediError(
                f"The asset {name} has no table in the contract.", "Add it to TABLES in stedi_assets/contract.py."
            )
        if name in OF_SOURCES:
            raise StediError(
                f"{name} is a table of a source, which a run fills from the raw files.",
                f"Remove the function {name}, or give it the name of another table in stedi_assets/contract.py.",
            )
        query = _dedented(function())
        _refuse_undeclared(name, query, deps)
        return TableAsset(TABLES[name], query, deps, function, figures and _dedented(figures))

    return declare


def _dedented(query: Query) -> Query:
    return Query(textwrap.dedent(query.sql).strip())


def _refuse_undeclared(name: str, query: Query, deps: Sequence[str]) -> None:
    try:
        tables = query.tables
    except StediError as error:
        raise StediError(f"The query of {name} is not legal: {error.what}", error.remedy) from None
    for table in sorted(tables.difference(deps)):
        raise StediError(
            f"The query of {name} reads {table}, which {name} does not declare as a dependency.",
            f"Add {table} to the deps of {name}, or take it out of the SELECT.",
        )
    for table in sorted(set(deps).difference(tables)):
        raise StediError(
            f"{name} declares {table} as a dependency, which the query of {name} does not read.",
            f"Remove {table} from the deps of {name}, or read it in the SELECT.",
        )
    for table in sorted(set(deps) - SOURCES.keys() - TABLES.keys()):
        raise StediError(
            f"{name} depends on {table}, which is neither a table nor a source of the contract.",
            "Correct the name, or add it to stedi_assets/contract.py.",
        )
