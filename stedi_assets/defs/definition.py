"""The Dagster definitions of the declared tables: one multi-asset per table, which also runs the table's checks.

Each table is a `multi_asset` with `can_subset`, so that one step builds the table and runs its checks, and a run can
select any of them. A separate step for each check would take far longer than the check itself.

Each step is in a concurrency pool with the table's name (`pool=`). Where Dagster lets several runs through at once, a
pool limit of 1 lets only one of them write a table; the project's dagster.yaml sets that limit.
"""

import hashlib
import inspect
import itertools
import json
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import dagster

from stedi_assets.contract import TABLES, Source, Table, Zone
from stedi_assets.defs.assets.table_asset import TableAsset
from stedi_assets.defs.checks.check import check_result, check_spec
from stedi_assets.defs.io_managers.columns import PERSONAL, column_schema
from stedi_assets.defs.io_managers.lakehouse import LakehouseIOManager, failures_described
from stedi_assets.defs.io_managers.metadata import COLUMN_SCHEMA, arranged, built_metadata, query_metadata
from stedi_assets.lakehouse.check import Checks, problem
from stedi_assets.query import Query

if TYPE_CHECKING:
    from stedi_assets.lakehouse.check import CheckResult
    from stedi_assets.lakehouse.stored import Built, Landed

IO_MANAGER_KEY = "io_manager"

TRAINING = "machine_learning"
"""The subject and the group of the tables to train with.

Dagster draws a group as one block. The curated customers come between two trusted tables, the training tables after
all of them: with one block for both, ten lines of the graph cross each other, with two blocks six.
"""

ZONE = "zone"
"""The tag of a table that names its zone."""

DATA_VERSION = "dagster/data_version"
INPUT_DATA_VERSION = "dagster/input_data_version"
"""Dagster's tags on the event of an asset: its data version, and the data version of each input."""

ENTRIES_SHOWN = 100
"""The greatest number of unread entries of a landing folder that the metadata lists."""

CONSENT = "consent"
"""The tag of a table with the data of those customers alone who consent."""


@dataclass(frozen=True)
class Shown:
    """What Dagster shows on every table.

    Attributes:
        kinds: The technologies.
        owners: Who answers for the tables.
    """

    kinds: frozenset[str]
    owners: Sequence[str]


FRESHNESS: Mapping[Zone, dagster.FreshnessPolicy] = {
    "curated": dagster.FreshnessPolicy.time_window(fail_window=timedelta(hours=48), warn_window=timedelta(hours=26))
}
"""From a zone to the freshness policy of its tables. Dagster warns when a daily build is two hours late. The table
fails when the next build is due too."""


def asset_definition(
    asset: TableAsset, checks: Checks, shown: Shown, *, full_refresh: bool
) -> dagster.AssetsDefinition:
    """Returns the Dagster asset of a table, with its checks. The checks can also be run alone.

    If a blocking check fails, the step fails, the table stays at its last version, and no table downstream is built.

    Args:
        asset: The table with its query.
        checks: The checks of all tables.
        shown: What Dagster shows on the asset.
        full_refresh: The default of the run configuration's `full_refresh`.
    """

    @dagster.multi_asset(
        name=asset.name,
        outs={asset.name: _out(asset.table, asset, shown)},
        deps=asset.deps,
        check_specs=_specs(checks, [asset.name]),
        required_resource_keys={IO_MANAGER_KEY},
        can_subset=True,
        pool=asset.name,
        config_schema=_full_refresh("Whether to compute all of the table, whatever has changed.", full_refresh),
    )
    def materialize(context: dagster.AssetExecutionContext) -> Iterator[Any]:
        if not context.selected_asset_keys:
            yield from _full_results(context, checks)
            return
        manager: LakehouseIOManager = getattr(context.resources, IO_MANAGER_KEY)
        run_id = context.run.run_id
        with failures_described():
            built = manager.builder.build(
                asset.name, asset.query, checks[asset.name], run_id, full_refresh=_is_full_refresh(context)
            )
            metadata = built_metadata(manager.lakehouse, asset.name, built, asset.query, run_id)
            if asset.figures and built.run_id == run_id:
                (figures,) = manager.lakehouse.rows(asset.figures.sql)
                metadata |= {name: figure for name, figure in figures.items() if figure is not None}
        yield from _events(context, asset.name, built, metadata | query_metadata(asset.query, manager.pseudonyms))
        _fail_if_rejected(asset.name, built)

    return materialize


def landing_definition(
    asset: TableAsset, source: Source, checks: Checks, shown: Shown, *, full_refresh: bool
) -> dagster.AssetsDefinition:
    """Returns the Dagster assets of a landing table and its quarantine, with the checks of both.

    One reading of the raw files fills both tables, even if only one of them is selected.

    Args:
        asset: The landing table with its query.
        source: The kind of record that the table holds.
        checks: The checks of all tables.
        shown: What Dagster shows on the assets.
        full_refresh: The default of the run configuration's `full_refresh`: whether to read all raw files again.
    """
    names = (source.landing, source.quarantine)

    @dagster.multi_asset(
        name=asset.name,
        outs={name: _out(TABLES[name], asset, shown) for name in names},
        deps=asset.deps,
        check_specs=_specs(checks, names),
        required_resource_keys={IO_MANAGER_KEY},
        can_subset=True,
        pool=asset.name,
        config_schema=_full_refresh("Whether to read all landing files again.", full_refresh),
    )
    def materialize(context: dagster.AssetExecutionContext) -> Iterator[Any]:
        if not context.selected_asset_keys:
            yield from _full_results(context, checks)
            return
        # Imported here: a process that only loads the definitions opens no table.
        from stedi_assets.lakehouse.land import land  # noqa: PLC0415

        manager: LakehouseIOManager = getattr(context.resources, IO_MANAGER_KEY)
        run_id = context.run.run_id
        with failures_described():
            landed = land(manager.builder, source, asset.query, checks, run_id, full_refresh=_is_full_refresh(context))
            tables = {source.quarantine: (landed.quarantine, None), source.landing: (landed.landing, asset.query)}
            metadata = {
                name: _reading(asset, landed) | built_metadata(manager.lakehouse, name, built, query, run_id)
                for name, (built, query) in tables.items()
            }
        # The tables follow from these files. An observation of other files marks the tables as stale.
        yield dagster.AssetObservation(source.name, tags={DATA_VERSION: landed.files_digest})
        inputs = {f"{INPUT_DATA_VERSION}/{source.name}": landed.files_digest}
        for name, (built, _) in tables.items():
            yield from _events(context, name, built, metadata[name], inputs)
        _fail_if_rejected(source.landing, landed.landing)

    return materialize


def _full_refresh(description: str, default: bool) -> dict[str, dagster.Field]:
    return {"full_refresh": dagster.Field(bool, default_value=default, description=description)}


def _is_full_refresh(context: dagster.AssetExecutionContext) -> bool:
    return bool(context.op_execution_context.op_config["full_refresh"])


def _events(
    context: dagster.AssetExecutionContext,
    name: str,
    built: "Built",
    metadata: Mapping[str, Any],
    tags: Mapping[str, str] | None = None,
) -> Iterator[Any]:
    """Yields the materialization of a table, and then the results of its checks, which Dagster attaches to it."""
    if dagster.AssetKey(name) in context.selected_asset_keys and not built.is_rejected:
        yield dagster.MaterializeResult(
            asset_key=name,
            metadata=arranged({**_as_before(context, name, built.version, metadata), **metadata}),
            data_version=dagster.DataVersion(built.version),
            tags=tags,
        )
    selected = {key.name for key in context.selected_asset_check_keys if key.asset_key == dagster.AssetKey(name)}
    for result in built.results:
        if result.check.name in selected:
            yield check_result(result, name)


def _fail_if_rejected(name: str, built: "Built") -> None:
    """Fails the step of a rejected table, after the results of all checks.

    Dagster itself would fail it too, with a stack trace and the names of the checks alone.

    Raises:
        dagster.Failure: A blocking check failed.
    """
    if built.is_rejected:
        version, query = "its version", f"'FROM {name}'"
        if built.keeps_rejected:
            version, query = "the rejected version", f"--rejected {name}"
        remedy = f"The table {name} was not changed. Look at {version}: stedi query {query}"
        raise _failure([*_problems(name, built.results), remedy])


def _problems(table: str, results: Iterable["CheckResult"]) -> list[str]:
    return [
        problem(table, result.check.name, "failed", result.findings, result.check.what_to_do)
        for result in results
        if result.is_blocked
    ]


def _failure(lines: Sequence[str]) -> dagster.Failure:
    # A second attempt would find the same rows.
    return dagster.Failure("\n".join(lines), allow_retries=False)


def _as_before(
    context: dagster.AssetExecutionContext, name: str, data_version: str, metadata: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Returns the metadata of the last materialization of an unchanged table: its preview, lineage and figures."""
    if "unchanged_since" not in metadata:
        return {}
    event = context.instance.get_latest_materialization_event(dagster.AssetKey(name))
    materialization = event.asset_materialization if event else None
    if materialization is None or (materialization.tags or {}).get(DATA_VERSION) != data_version:
        return {}
    before: Mapping[str, Any] = materialization.metadata
    if "path" not in before or before["path"].value != metadata["path"].value:
        return {}
    # Earlier releases showed the columns under Dagster's own name, in another spelling.
    return {name: value for name, value in before.items() if name != COLUMN_SCHEMA}


def _full_results(context: dagster.AssetExecutionContext, checks: Checks) -> Iterator[dagster.AssetCheckResult]:
    """Yields the results of the selected checks, computed on the whole of the published tables."""
    # Imported here: a process that only loads the definitions opens no table.
    from stedi_assets.lakehouse.audit import full_audit  # noqa: PLC0415

    lakehouse = getattr(context.resources, IO_MANAGER_KEY).lakehouse
    selected = {(key.asset_key.to_user_string(), key.name) for key in context.selected_asset_check_keys}
    problems: list[str] = []
    for table in dict.fromkeys(table for table, _ in sorted(selected)):
        for check in checks[table]:
            if (table, check.name) in selected:
                with failures_described():
                    (result,) = full_audit(lakehouse, table, [check])
                yield check_result(result, table)
                problems += _problems(table, [result])
    if problems:
        raise _failure(problems)


def _reading(asset: TableAsset, landed: "Landed") -> dict[str, Any]:
    return {
        "query": dagster.MetadataValue.md(asset.query.markdown),
        "changed": landed.is_changed,
        "files_read": len(landed.files_read),
        "files_removed": len(landed.files_removed),
        "files_unchanged": landed.files_kept,
        "files_archived": landed.files_archived,
        "unknown_keys": dict(landed.unknown_keys),
        "passed_over": dict(itertools.islice(landed.passed_over.items(), ENTRIES_SHOWN)),
    }


def _specs(checks: Checks, names: Sequence[str]) -> list[dagster.AssetCheckSpec]:
    return [check_spec(check, name) for name in names for check in checks[name]]


def _out(table: Table, asset: TableAsset, shown: Shown) -> dagster.AssetOut:
    return dagster.AssetOut(
        key=table.name,
        description=table.description,
        group_name=group_of(table),
        kinds=set(shown.kinds),
        owners=shown.owners,
        tags=_tags(table),
        io_manager_key=IO_MANAGER_KEY,
        is_required=False,
        code_version=code_version(table, asset.query),
        freshness_policy=FRESHNESS.get(table.zone),
        metadata={
            "dagster/table_name": table.name,
            COLUMN_SCHEMA: column_schema(table.columns),
            "dagster/code_references": _code_references(asset.function),
            "query": dagster.MetadataValue.md(asset.query.markdown),
        },
    )


def _tags(table: Table) -> dict[str, str]:
    """Returns the tags by which the catalogue's search finds a table."""
    return {
        ZONE: table.zone,
        **({PERSONAL: ""} if table.personal_columns else {}),
        **({CONSENT: ""} if table.zone != "landing" else {}),
    }


def group_of(table: Table) -> str:
    """Returns the group of a table in Dagster's graph: its zone, or `TRAINING`."""
    subject, _, _ = table.path.partition("/")
    return subject if subject == TRAINING else table.zone


def code_version(table: Table, query: Query) -> str:
    """Returns a text of 12 hex digits that changes with the SELECT and the columns of a table."""
    columns = [[column.name, column.type, column.required] for column in table.columns]
    return hashlib.sha256(json.dumps([query.sql, columns]).encode()).hexdigest()[:12]


def _code_references(function: Callable[..., object]) -> dagster.CodeReferencesMetadataValue:
    with warnings.catch_warnings():
        # Code references are a beta feature of Dagster, and every command would print its warning. Dagster's version
        # is pinned, so that a change of the feature does not go unnoticed.
        warnings.simplefilter("ignore", dagster.BetaWarning)
        reference = dagster.LocalFileCodeReference(
            file_path=inspect.getfile(function), line_number=function.__code__.co_firstlineno
        )
        return dagster.CodeReferencesMetadataValue(code_references=[reference])
