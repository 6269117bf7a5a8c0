"""The code location: what `defs` declares, with the settings applied."""

import warnings
from typing import Any

import dagster

from stedi_assets import defs as declared
from stedi_assets.contract import SOURCES, Source
from stedi_assets.defs.assets import QUERIES, TABLE_ASSETS
from stedi_assets.defs.checks.tables import all_checks
from stedi_assets.defs.definition import IO_MANAGER_KEY, Shown, asset_definition, landing_definition
from stedi_assets.defs.io_managers.columns import PERSONAL, column_schema
from stedi_assets.defs.io_managers.duckdb import DuckDBLakehouseIOManager
from stedi_assets.defs.io_managers.lakehouse import LakehouseIOManager, failures_described
from stedi_assets.defs.io_managers.spark import SparkLakehouseIOManager
from stedi_assets.defs.jobs.automation import AUTOMATION, OBSERVED, automated
from stedi_assets.defs.jobs.failed_runs import failed_runs
from stedi_assets.defs.jobs.jobs import DAILY_LAKEHOUSE, FULL_AUDIT_JOB, JOBS, WEEKLY_FULL_AUDIT
from stedi_assets.defs.jobs.maintenance import WEEKLY_VACUUM, erase_customer, vacuum
from stedi_assets.defs.jobs.sensor import new_landing_files
from stedi_assets.defs.release import register_release
from stedi_assets.defs.report import report_definitions
from stedi_assets.privacy.pseudonyms import Pseudonyms
from stedi_assets.runs.collector import skip_last_collection
from stedi_assets.runs.executors import executor
from stedi_assets.settings import Settings, read_settings
from stedi_assets.storage.location import Location


def _pseudonyms(settings: Settings) -> Pseudonyms:
    key = settings.pseudonym_key
    return Pseudonyms(bytes.fromhex(key.get_secret_value()) if key is not None else None)


def _on_any_engine(settings: Settings) -> dict[str, Any]:
    return {
        "root": str(settings.lakehouse),
        "landing": str(settings.landing),
        "follows_links": settings.landing.follows_links,
        "aws": settings.aws,
        "pseudonyms": _pseudonyms(settings),
        "glue_database": settings.glue_database,
        "lease_wait_timeout": settings.lease_wait_timeout,
        "keeps_gone_files": settings.gone_files == "keep",
        "retention_days": settings.retention_days,
    }


def _duckdb_io_manager(settings: Settings) -> LakehouseIOManager:
    return DuckDBLakehouseIOManager(
        **_on_any_engine(settings),
        memory_limit=settings.duckdb_memory_limit,
        spill_folder=settings.duckdb_spill_folder,
    )


def _spark_io_manager(settings: Settings) -> LakehouseIOManager:
    return SparkLakehouseIOManager(
        **_on_any_engine(settings),
        master=settings.spark_master,
        jars=settings.spark_jars,
        conf=settings.spark_conf,
    )


IO_MANAGERS = {"duckdb": _duckdb_io_manager, "spark": _spark_io_manager}
"""From an engine to a function that makes its I/O manager. A run opens only the I/O managers that its assets need."""


def build_definitions(settings: Settings) -> dagster.Definitions:
    """Builds the code location.

    Args:
        settings: The choices of the user.

    Returns:
        The assets with their checks, the jobs, the sensor, the schedules and the resources.

    Raises:
        StediError: The expected counts cannot be read.
    """
    checks = all_checks(settings)
    shown = Shown(frozenset({settings.engine, "delta", *_store_kinds(settings.lakehouse)}), settings.owners)
    sources = {source.landing: source for source in SOURCES.values()}
    assets = [
        *(
            landing_definition(asset, sources[asset.name], checks, shown, full_refresh=settings.full_refresh)
            if asset.name in sources
            else asset_definition(asset, checks, shown, full_refresh=settings.full_refresh)
            for asset in TABLE_ASSETS
        ),
        *dagster.load_assets_from_package_module(declared),
    ]
    tables = dagster.Definitions(
        assets=[
            *(_landing_folder(source, settings) for source in SOURCES.values()),
            *(map(automated, assets) if settings.declarative_automation else assets),
        ],
        asset_checks=dagster.load_asset_checks_from_package_module(declared),
        jobs=[*JOBS, FULL_AUDIT_JOB, vacuum, erase_customer],
        schedules=[DAILY_LAKEHOUSE, WEEKLY_FULL_AUDIT, WEEKLY_VACUUM],
        sensors=_sensors(settings),
        resources={
            IO_MANAGER_KEY: IO_MANAGERS[settings.engine](settings),
            **{f"{engine}_{IO_MANAGER_KEY}": io_manager(settings) for engine, io_manager in IO_MANAGERS.items()},
        },
        executor=executor(settings.executor, settings.run_history_days),
    )
    return dagster.Definitions.merge(tables, report_definitions(QUERIES, checks, settings.owners))


def _sensors(settings: Settings) -> list[dagster.SensorDefinition]:
    webhook = settings.failure_webhook
    reports = [] if webhook is None else [failed_runs(webhook.get_secret_value())]
    automation = [AUTOMATION] if settings.declarative_automation else []
    return [new_landing_files(settings), *automation, *reports]


def _store_kinds(location: Location) -> set[str]:
    return set() if location.is_local else {"s3"}


def _landing_folder(source: Source, settings: Settings) -> dagster.SourceAsset:
    """Returns the asset of the raw files. An observation tells Dagster whether the tables lack some of them."""

    def observe() -> dagster.DataVersion:
        # Imported here: a process that only loads the definitions lists no files.
        from stedi_assets.landing.files import files_digest, list_landing_files  # noqa: PLC0415

        with failures_described():
            folder = list_landing_files(settings.landing, source, may_be_empty=settings.gone_files == "keep")
            return dagster.DataVersion(files_digest(folder.files))

    with warnings.catch_warnings():
        # A beta feature of Dagster, whose version is pinned; every command would print its warning.
        warnings.simplefilter("ignore", dagster.BetaWarning)
        observable = dagster.observable_source_asset(
            name=source.name,
            description=source.description,
            group_name="landing",
            automation_condition=OBSERVED if settings.declarative_automation else None,
            tags={
                **({PERSONAL: ""} if any(column.personal for column in source.columns) else {}),
                **{f"dagster/kind/{kind}": "" for kind in ("json", *_store_kinds(settings.landing))},
            },
            metadata={
                "dagster/column_schema": column_schema(source.columns),
                "dagster/uri": dagster.MetadataValue.url((settings.landing / source.path).uri),
            },
        )
        return observable(observe)


skip_last_collection()

settings = read_settings()
register_release(settings.commit)
defs = build_definitions(settings)
