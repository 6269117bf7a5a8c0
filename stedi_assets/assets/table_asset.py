"""How a function that returns a SELECT becomes an asset with its checks."""

import inspect
import textwrap
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import dagster

from stedi_assets.checks import Check
from stedi_assets.errors import StediError
from stedi_assets.query import Query
from stedi_assets.tables import SOURCES, TABLES, Column, Table

IO_MANAGER_KEY = "io_manager"


@dataclass(frozen=True)
class TableAsset:
    """A table of the contract, and the query that fills it.

    Attributes:
        table: The table.
        query: Its SELECT.
        deps: The names of the sources and tables that the query reads.
        function: The function that returned the query.
    """

    table: Table
    query: Query
    deps: Sequence[str]
    function: Callable[[], Query]

    @property
    def name(self) -> str:
        """The table's name, which is the asset's key."""
        return self.table.name

    def definition(self, checks: Sequence[Check], kinds: set[str]) -> dagster.AssetsDefinition:
        """Builds the Dagster asset, with its checks in the same step.

        A step for every check would cost far more time than the checks. A blocking check blocks all the same: the step
        fails after the table is stored, and nothing downstream is built.

        Args:
            checks: The checks of the table.
            kinds: The technologies that the asset graph shows on the asset.

        Returns:
            The asset. Its checks can also be run without it.
        """

        @dagster.multi_asset(
            name=self.name,
            outs={self.name: self._out(kinds)},
            deps=self.deps,
            check_specs=[check.spec(self.name) for check in checks],
            required_resource_keys={IO_MANAGER_KEY},
            can_subset=True,
        )
        def materialize(context: dagster.AssetExecutionContext) -> Iterator[Any]:
            if context.selected_asset_keys:
                yield dagster.Output(self.query, output_name=self.name)
            lakehouse = getattr(context.resources, IO_MANAGER_KEY)
            selected = {key.name for key in context.selected_asset_check_keys}
            for check in checks:
                if check.name in selected:
                    yield check.result(self.name, lakehouse)

        return materialize

    def _out(self, kinds: set[str]) -> dagster.AssetOut:
        return dagster.AssetOut(
            key=self.name,
            description=self.table.description,
            group_name=self.table.zone,
            kinds=kinds,
            io_manager_key=IO_MANAGER_KEY,
            is_required=False,
            metadata={
                "dagster/table_name": self.name,
                "dagster/column_schema": column_schema(self.table.columns),
                "dagster/code_references": _code_references(self.function),
                "query": dagster.MetadataValue.md(self.query.markdown),
            },
        )


def table_asset(deps: Sequence[str]) -> Callable[[Callable[[], Query]], TableAsset]:
    """Declares the asset that fills the table of the function's name.

    Args:
        deps: The names of the tables and sources that the SELECT reads.

    Returns:
        A decorator of a function without arguments that returns the `Query`.

    Raises:
        StediError: The contract has no table of that name, or the query reads other tables than those declared.
    """

    def declare(function: Callable[[], Query]) -> TableAsset:
        name = function.__name__
        if name not in TABLES:
            raise StediError(
                f"The asset {name} has no table in the contract.", "Add it to TABLES in stedi_assets/tables.py."
            )
        query = Query(textwrap.dedent(function().sql).strip())
        _refuse_undeclared(name, query, deps)
        return TableAsset(TABLES[name], query, deps, function)

    return declare


def _refuse_undeclared(name: str, query: Query, deps: Sequence[str]) -> None:
    for table in sorted(query.tables.difference(deps)):
        raise StediError(
            f"The query of {name} reads {table}, which {name} does not declare as a dependency.",
            f"Add {table} to the deps of {name}, or take it out of the SELECT.",
        )
    for table in sorted(set(deps).difference(query.tables)):
        raise StediError(
            f"{name} declares {table} as a dependency, which the query of {name} does not read.",
            f"Remove {table} from the deps of {name}, or read it in the SELECT.",
        )
    for table in sorted(set(deps) - SOURCES.keys() - TABLES.keys()):
        raise StediError(
            f"{name} depends on {table}, which is neither a table nor a source of the contract.",
            "Correct the name, or add it to stedi_assets/tables.py.",
        )


def column_schema(columns: Sequence[Column]) -> dagster.TableSchema:
    """Returns a contract's columns as Dagster shows them.

    Args:
        columns: The columns, in order.

    Returns:
        The same with types, descriptions, constraints and a tag on each personal one.
    """
    return dagster.TableSchema(
        [
            dagster.TableColumn(
                name=column.name,
                type=column.type,
                description=column.description,
                constraints=dagster.TableColumnConstraints(nullable=not column.required),
                tags={"personal": ""} if column.personal else {},
            )
            for column in columns
        ]
    )


def _code_references(function: Callable[[], Query]) -> dagster.CodeReferencesMetadataValue:
    with warnings.catch_warnings():
        # Pinned, so that the interface cannot change unseen; the warning would repeat at every command.
        warnings.simplefilter("ignore", dagster.BetaWarning)
        reference = dagster.LocalFileCodeReference(
            file_path=inspect.getfile(function), line_number=function.__code__.co_firstlineno
        )
        return dagster.CodeReferencesMetadataValue(code_references=[reference])
