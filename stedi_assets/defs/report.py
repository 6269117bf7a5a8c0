"""The asset of the report on the tables, and its job."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import dagster

from stedi_assets.contract import TABLES
from stedi_assets.defs.definition import IO_MANAGER_KEY
from stedi_assets.defs.io_managers.lakehouse import failures_described
from stedi_assets.lakehouse.check import Checks
from stedi_assets.query import Query
from stedi_assets.report.pictures import can_draw

if TYPE_CHECKING:
    from stedi_assets.lakehouse.lakehouse import Lakehouse

REPORT = "lakehouse_report"

GROUP = "report"
"""The asset's group. The job of all tables leaves it out: users who only want tables need not wait for the report."""

PATH = f"report/{REPORT}.html"
"""The page's path below the lakehouse."""

REPORT_JOB = dagster.define_asset_job(
    "report", selection=dagster.AssetSelection.groups(GROUP), description="Writes the report of the tables as they are."
)


def report_definitions(queries: Mapping[str, Query], checks: Checks, owners: Sequence[str]) -> dagster.Definitions:
    """Returns the asset of the report and its job, or no definitions if Matplotlib is not installed.

    `--select '*'` selects every asset: users who have not asked for pictures need not wait for the report.

    Args:
        queries: From each table with a query to the query.
        checks: The checks whose results the report shows.
        owners: Who answers for it.
    """
    if not can_draw():
        return dagster.Definitions()

    @dagster.asset(
        name=REPORT,
        group_name=GROUP,
        deps=[name for name, table in TABLES.items() if table.zone == "curated"],
        kinds={"html"},
        owners=owners,
        required_resource_keys={IO_MANAGER_KEY},
        description="One page with the counts, checks, queries, sample rows and pictures of the tables, for reading "
        "and for handing on. Personal columns are masked.",
    )
    def lakehouse_report(context: dagster.AssetExecutionContext) -> dagster.MaterializeResult[None]:
        # Imported here: a process that only loads the definitions does not need Matplotlib.
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
                **{name: dagster.MetadataValue.md(picture.markdown) for name, picture in report.pictures.items()},
            }
        )

    return dagster.Definitions(assets=[lakehouse_report], jobs=[REPORT_JOB])
