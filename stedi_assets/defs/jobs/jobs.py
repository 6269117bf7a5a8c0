"""The jobs that build tables, and the daily schedule, which is off by default."""

import dagster

from stedi_assets.contract import TABLES
from stedi_assets.defs.report import GROUP

ALL_TABLES = dagster.AssetSelection.all() - dagster.AssetSelection.groups(GROUP)
"""All tables, those of users' own assets too, without the report."""

WITHOUT_PARTITIONS = ALL_TABLES & dagster.AssetSelection.from_string('partitions:"none"')
"""All tables but those of users' own assets with partitions, which a run of everything has no partition for."""

LAKEHOUSE_JOB = dagster.define_asset_job(
    "lakehouse", selection=WITHOUT_PARTITIONS, description="Builds every table that has no partitions."
)

REFRESH_LANDING_JOB = dagster.define_asset_job(
    "refresh_landing",
    selection=dagster.AssetSelection.assets(*(name for name, table in TABLES.items() if table.zone == "landing")),
    description="Brings the landing tables and their quarantines up to date with the landing folders, and no others.",
)

FULL_AUDIT_JOB = dagster.define_asset_job(
    "full_audit",
    selection=dagster.AssetSelection.checks_for_assets(*TABLES),
    description="Computes the checks of every table on all of its published rows. It builds nothing.",
)

JOBS = (LAKEHOUSE_JOB, REFRESH_LANDING_JOB)

DAILY_LAKEHOUSE = dagster.ScheduleDefinition(
    name="daily_lakehouse",
    job=LAKEHOUSE_JOB,
    cron_schedule="0 3 * * *",
    execution_timezone="UTC",
    description="Builds every table each day at 3:00 UTC.",
    default_status=dagster.DefaultScheduleStatus.STOPPED,
)

WEEKLY_FULL_AUDIT = dagster.ScheduleDefinition(
    name="full_audit",
    job=FULL_AUDIT_JOB,
    cron_schedule="0 5 * * 0",
    execution_timezone="UTC",
    description="Computes the checks of every table on all of its rows on Sundays at 5:00 UTC.",
    default_status=dagster.DefaultScheduleStatus.STOPPED,
)
