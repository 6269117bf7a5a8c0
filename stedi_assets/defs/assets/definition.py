"""How a declared asset becomes one of Dagster's, with its checks in the same step."""

import inspect
import itertools
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import dagster

from stedi_assets.contract import TABLES, Column, Source, Table, Zone
from stedi_assets.defs.assets.table_asset import TableAsset
from stedi_assets.defs.checks.check import check_result, check_spec
from stedi_assets.defs.io_managers.lakehouse import FIGURES, failures_described
from stedi_assets.lakehouse.check import Checks
from stedi_assets.lakehouse.stored import Landed
from stedi_assets.query import Query

IO_MANAGER_KEY = "io_manager"

ENTRIES_SHOWN = 100
"""How many entries of a landing folder that are not read are named in the metadata."""

FRESHNESS: Mapping[Zone, dagster.FreshnessPolicy] = {
    "curated": dagster.FreshnessPolicy.time_window(fail_window=timedelta(hours=48), warn_window=timedelta(hours=26))
}
"""From a zone to how old its tables may get: a day's build may be a little late, and one may be missed."""


def asset_definition(asset: TableAsset, checks: Checks, kinds: set[str]) -> dagster.AssetsDefinition:
    """Builds the Dagster asset of a table.

    A step for every check would cost far more time than the checks. A blocking check blocks all the same: the step
    fails after the table is stored, and nothing downstream is built.

    Args:
        asset: The table with its query.
        checks: The checks of the tables.
        kinds: The technologies that the asset graph shows on the asset.

    Returns:
        The asset. Its checks can also be run without it.
    """

    @dagster.multi_asset(
        name=asset.name,
        outs={asset.name: _out(asset.table, asset, kinds)},
        deps=asset.deps,
        check_specs=_specs(checks, [asset.name]),
        required_resource_keys={IO_MANAGER_KEY},
        can_subset=True,
        pool=asset.name,
    )
    def materialize(context: dagster.AssetExecutionContext) -> Iterator[Any]:
        if context.selected_asset_keys:
            yield dagster.Output(asset.query, output_name=asset.name)
        yield from _results(context, checks)

    return materialize


def landing_definition(
    asset: TableAsset, source: Source, checks: Checks, kinds: set[str], *, full_refresh: bool
) -> dagster.AssetsDefinition:
    """Builds the Dagster assets of a landing table and its quarantine, which one reading of the raw files fills.

    Args:
        asset: The landing table with its query.
        source: The kind of record that it reads.
        checks: The checks of the tables.
        kinds: The technologies that the asset graph shows on the assets.
        full_refresh: Whether all raw files are read again, where a run's configuration does not say.

    Returns:
        The assets. Whichever of the two is selected, both tables are brought up to date.
    """
    names = (source.landing, source.quarantine)

    @dagster.multi_asset(
        name=asset.name,
        outs={name: _out(TABLES[name], asset, kinds) for name in names},
        deps=asset.deps,
        check_specs=_specs(checks, names),
        required_resource_keys={IO_MANAGER_KEY},
        can_subset=True,
        pool=asset.name,
        config_schema={
            "full_refresh": dagster.Field(
                bool, default_value=full_refresh, description="Whether to read all landing files again."
            )
        },
    )
    def materialize(context: dagster.AssetExecutionContext) -> Iterator[Any]:
        selected = {key.to_user_string() for key in context.selected_asset_keys}
        if selected:
            configuration = context.op_execution_context.op_config
            landed, tables = getattr(context.resources, IO_MANAGER_KEY).land(
                source, asset.query, context.run.run_id, full_refresh=configuration["full_refresh"]
            )
            for name in names:
                if name in selected:
                    yield dagster.MaterializeResult(asset_key=name, metadata=_reading(asset, landed) | tables[name])
        yield from _results(context, checks)

    return materialize


def _reading(asset: TableAsset, landed: Landed) -> dict[str, Any]:
    return {
        "query": dagster.MetadataValue.md(asset.query.markdown),
        "changed": landed.is_changed,
        "files_read": len(landed.files_read),
        "files_removed": len(landed.files_removed),
        "files_unchanged": landed.files_kept,
        "unknown_keys": dict(landed.unknown_keys),
        "passed_over": dict(itertools.islice(landed.passed_over.items(), ENTRIES_SHOWN)),
    }


def _specs(checks: Checks, names: Sequence[str]) -> list[dagster.AssetCheckSpec]:
    return [check_spec(check, name) for name in names for check in checks[name]]


def _results(context: dagster.AssetExecutionContext, checks: Checks) -> Iterator[dagster.AssetCheckResult]:
    lakehouse = getattr(context.resources, IO_MANAGER_KEY).lakehouse
    selected = {(key.asset_key.to_user_string(), key.name) for key in context.selected_asset_check_keys}
    for table in dict.fromkeys(table for table, _ in sorted(selected)):
        for check in checks[table]:
            if (table, check.name) in selected:
                with failures_described():
                    result = check_result(check, table, lakehouse)
                yield result


def _out(table: Table, asset: TableAsset, kinds: set[str]) -> dagster.AssetOut:
    figures = {FIGURES: asset.figures.sql} if asset.figures else {}
    return dagster.AssetOut(
        key=table.name,
        description=table.description,
        group_name=table.zone,
        kinds=kinds,
        io_manager_key=IO_MANAGER_KEY,
        is_required=False,
        freshness_policy=FRESHNESS.get(table.zone),
        metadata={
            "dagster/table_name": table.name,
            "dagster/column_schema": column_schema(table.columns),
            "dagster/code_references": _code_references(asset.function),
            "query": dagster.MetadataValue.md(asset.query.markdown),
            **figures,
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
