"""The report as an asset, beside the tables that it shows."""

from collections.abc import Mapping

import dagster

from stedi_assets.contract import TABLES
from stedi_assets.defs.assets.definition import IO_MANAGER_KEY
from stedi_assets.defs.io_managers.lakehouse import failures_described
from stedi_assets.lakehouse.check import Checks
from stedi_assets.lakehouse.lakehouse import Lakehouse
from stedi_assets.query import Query
from stedi_assets.report.pictures import can_draw, markdown

REPORT = "lakehouse_report"

GROUP = "report"
"""The asset's group, which the job of all tables leaves out: whoever only wants tables need not wait for the report."""

PATH = f"report/{REPORT}.html"
"""Where the page is, below the lakehouse."""

REPORT_JOB = dagster.define_asset_job(
    "report", selection=dagster.AssetSelection.groups(GROUP), description="Writes the report of the tables as they are."
)


def report_definitions(queries: Mapping[str, Query], checks: Checks) -> dagster.Definitions:
    """Builds the asset of the report, and its job.

    There are none where Matplotlib is not installed: --select '*' takes every asset, and whoever has not asked for
    pictures need not wait for them.

    Args:
        queries: From each table with a query to the query.
        checks: The checks to run.
    """
    if not can_draw():
        return dagster.Definitions()

    @dagster.asset(
        name=REPORT,
        group_name=GROUP,
        deps=[name for name, table in TABLES.items() if table.zone == "curated"],
        kinds={"html"},
        required_resource_keys={IO_MANAGER_KEY},
        description="One page with the counts, checks, queries, sample rows and pictures of the tables, for reading "
        "and for handing on. Personal columns are masked.",
    )
    def lakehouse_report(context: dagster.AssetExecutionContext) -> dagster.MaterializeResult[None]:
        # Imported here: a process that only loads the definitions draws nothing.
        from stedi_assets.report.contents import gather  # noqa: PLC0415
        from stedi_assets.report.page import render_page  # noqa: PLC0415

        lakehouse: Lakehouse = getattr(context.resources, IO_MANAGER_KEY).lakehouse
        with failures_described():
            report = gather(lakehouse, queries, checks)
            content = render_page(report)
            path = str(lakehouse.root / PATH)
            lakehouse.root.files.write(path, content)
        return dagster.MaterializeResult(
            metadata={
                "path": dagster.MetadataValue.path(path),
                "bytes": len(content),
                **{f"checks_{status.replace(' ', '_')}": count for status, count in report.counts_by_status.items()},
                **{name: dagster.MetadataValue.md(markdown(name, image)) for name, image in report.pictures.items()},
            }
        )

    return dagster.Definitions(assets=[lakehouse_report], jobs=[REPORT_JOB])
