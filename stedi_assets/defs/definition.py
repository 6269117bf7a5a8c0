"""The Dagster definitions of the declared tables: one multi-asset per table, which also runs the table's checks.

Each table is a `multi_asset` with `can_subset`, so that one step builds the table and runs its checks, and a run can
select any of them. A separate step for each check would take far longer than the check itself.

Each step is in a concurrency pool with the table's name (`pool=`). Where Dagster lets several runs through at once, a
pool limit of 1 lets only one of them write a table; the project's dagster.yaml sets that limit.
"""

import inspect
import itertools
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import dagster

from stedi_assets.contract import TABLES, Column, Source, Table, Zone
from stedi_assets.defs.assets.table_asset import TableAsset
from stedi_assets.defs.checks.check import check_result, check_spec
from stedi_assets.defs.io_managers.lakehouse import FIGURES, failures_described
from stedi_assets.lakehouse.check import Checks
from stedi_assets.query import Query

if TYPE_CHECKING:
    from stedi_assets.lakehouse.stored import Landed

IO_MANAGER_KEY = "io_manager"

ENTRIES_SHOWN = 100
"""The greatest number of unread entries of a landing folder that the metadata lists."""

FRESHNESS: Mapping[Zone, dagster.FreshnessPolicy] = {
    "curated": dagster.FreshnessPolicy.time_window(fail_window=timedelta(hours=48), warn_window=timedelta(hours=26))
}
"""From a zone to the freshness policy of its tables. Dagster warns when a daily build is two hours late. The table
fails when the next build is due too."""


def asset_definition(asset: TableAsset, checks: Checks, kinds: set[str]) -> dagster.AssetsDefinition:
    """Returns the Dagster asset of a table, with its checks. The checks can also be run alone.

    If a blocking check fails, the step fails after the table is stored, and no table downstream is built.

    Args:
        asset: The table with its query.
        checks: The checks of all tables.
        kinds: The technologies that the asset graph shows on the asset.
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
    """Returns the Dagster assets of a landing table and its quarantine, with the checks of both.

    One reading of the raw files fills both tables, even if only one of them is selected.

    Args:
        asset: The landing table with its query.
        source: The kind of record that the table holds.
        checks: The checks of all tables.
        kinds: The technologies that the asset graph shows on the assets.
        full_refresh: The default of the run configuration's `full_refresh`: whether to read all raw files again.
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


def _reading(asset: TableAsset, landed: "Landed") -> dict[str, Any]:
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
    """Returns the contract's columns as a Dagster schema, with a tag `personal` on each personal column."""
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
        # Code references are a beta feature of Dagster, and every command would print its warning. Dagster's version
        # is pinned, so that a change of the feature does not go unnoticed.
        warnings.simplefilter("ignore", dagster.BetaWarning)
        reference = dagster.LocalFileCodeReference(
            file_path=inspect.getfile(function), line_number=function.__code__.co_firstlineno
        )
        return dagster.CodeReferencesMetadataValue(code_references=[reference])
