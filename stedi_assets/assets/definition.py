"""How a declared asset becomes one of Dagster's, with its checks in the same step."""

import inspect
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import dagster

from stedi_assets.assets.table_asset import TableAsset
from stedi_assets.checks import Check
from stedi_assets.io_managers.lakehouse import failures_described
from stedi_assets.query import Query
from stedi_assets.tables import Column

IO_MANAGER_KEY = "io_manager"


def asset_definition(asset: TableAsset, checks: Sequence[Check], kinds: set[str]) -> dagster.AssetsDefinition:
    """Builds the Dagster asset of a table.

    A step for every check would cost far more time than the checks. A blocking check blocks all the same: the step
    fails after the table is stored, and nothing downstream is built.

    Args:
        asset: The table with its query.
        checks: The checks of the table.
        kinds: The technologies that the asset graph shows on the asset.

    Returns:
        The asset. Its checks can also be run without it.
    """

    @dagster.multi_asset(
        name=asset.name,
        outs={asset.name: _out(asset, kinds)},
        deps=asset.deps,
        check_specs=[check.spec(asset.name) for check in checks],
        required_resource_keys={IO_MANAGER_KEY},
        can_subset=True,
    )
    def materialize(context: dagster.AssetExecutionContext) -> Iterator[Any]:
        if context.selected_asset_keys:
            yield dagster.Output(asset.query, output_name=asset.name)
        lakehouse = getattr(context.resources, IO_MANAGER_KEY).lakehouse
        selected = {key.name for key in context.selected_asset_check_keys}
        for check in checks:
            if check.name in selected:
                with failures_described():
                    result = check.result(asset.name, lakehouse)
                yield result

    return materialize


def _out(asset: TableAsset, kinds: set[str]) -> dagster.AssetOut:
    return dagster.AssetOut(
        key=asset.name,
        description=asset.table.description,
        group_name=asset.table.zone,
        kinds=kinds,
        io_manager_key=IO_MANAGER_KEY,
        is_required=False,
        metadata={
            "dagster/table_name": asset.name,
            "dagster/column_schema": column_schema(asset.table.columns),
            "dagster/code_references": _code_references(asset.function),
            "query": dagster.MetadataValue.md(asset.query.markdown),
        },
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
