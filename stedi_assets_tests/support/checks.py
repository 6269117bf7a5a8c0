"""Tables that a wrong SELECT would store, and checks that run over them."""

import dagster
import duckdb
from deltalake import write_deltalake

from stedi_assets.contract import TABLES
from stedi_assets_tests.support.projects import Project


def rewrite(project: Project, table: str, select: str, source: str | None = None) -> None:
    """Replaces a stored table with what a SELECT over its rows, or another's, gives: what a wrong SELECT would do.

    Args:
        project: Where the table is.
        table: Its name.
        select: Reads the rows as stored.
        source: The table whose rows they are; by default the same.
    """
    stored = project.delta(source or table).to_pyarrow_table()
    assert stored.num_rows
    rows = duckdb.sql(select).to_arrow_table()
    folder = project.location(TABLES[table].path)
    options = folder.delta_options
    write_deltalake(folder.path, rows, mode="overwrite", schema_mode="overwrite", storage_options=options)


def check_alone(project: Project, table: str) -> dagster.ExecuteInProcessResult:
    """Runs the checks of a table as it lies, without materializing it."""
    definitions = project.definitions()
    job = dagster.define_asset_job("checks", dagster.AssetSelection.checks_for_assets(table))
    resolved = dagster.Definitions(
        assets=definitions.assets, jobs=[job], resources=definitions.resources
    ).resolve_job_def("checks")
    with dagster.DagsterInstance.ephemeral() as instance:
        return resolved.execute_in_process(instance=instance, raise_on_error=False)
