"""The code location: wiring, nothing else."""

import gc

# Importing makes hundreds of thousands of objects that live as long as the process. The cyclic garbage collector would
# walk them all again and again, which takes a fifth of the time: it waits meanwhile, and leaves them out afterwards.
gc.disable()
try:
    import dagster

    from stedi_assets.assets import TABLE_ASSETS
    from stedi_assets.assets.definition import IO_MANAGER_KEY, asset_definition, column_schema, landing_definition
    from stedi_assets.checks import table_checks
    from stedi_assets.io_managers.duckdb import DuckDBLakehouseIOManager
    from stedi_assets.settings import Settings, read_expected_counts, read_settings
    from stedi_assets.tables import SOURCES, TABLES, Source
finally:
    gc.freeze()
    gc.enable()

EXECUTORS = {"in_process": dagster.in_process_executor, "multiprocess": dagster.multiprocess_executor}


def build_definitions(settings: Settings) -> dagster.Definitions:
    """Builds the code location.

    Args:
        settings: What the user chose.

    Returns:
        The assets with their checks, the job that materializes all of them, and the resources.

    Raises:
        StediError: The expected counts cannot be read.
    """
    expected_counts = read_expected_counts(settings)
    checks = {table.name: table_checks(table, expected_counts, settings.max_quarantined) for table in TABLES.values()}
    kinds = {settings.engine, "delta"}
    sources = {source.landing: source for source in SOURCES.values()}
    return dagster.Definitions(
        assets=[
            *(_landing_folder(source, settings) for source in SOURCES.values()),
            *(
                landing_definition(asset, sources[asset.name], checks, kinds, full_refresh=settings.full_refresh)
                if asset.name in sources
                else asset_definition(asset, checks, kinds)
                for asset in TABLE_ASSETS
            ),
        ],
        jobs=[dagster.define_asset_job("lakehouse", description="Builds every table.")],
        resources={
            IO_MANAGER_KEY: DuckDBLakehouseIOManager(
                root=str(settings.lakehouse),
                landing=str(settings.landing),
                memory_limit=settings.duckdb_memory_limit,
                spill_folder=settings.duckdb_spill_folder,
            )
        },
        executor=EXECUTORS[settings.executor],
    )


def _landing_folder(source: Source, settings: Settings) -> dagster.AssetSpec:
    return dagster.AssetSpec(
        source.name,
        description=source.description,
        group_name="landing",
        kinds={"json"},
        metadata={
            "dagster/column_schema": column_schema(source.columns),
            "dagster/uri": dagster.MetadataValue.url((settings.landing / source.path).uri),
        },
    )


defs = build_definitions(read_settings())
