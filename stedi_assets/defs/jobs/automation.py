"""The jobs that build tables, the sensor for landing files and the daily schedule. Both are off by default."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster

from stedi_assets.contract import SOURCES, TABLES, Source, table_path
from stedi_assets.defs.assets.report import GROUP
from stedi_assets.errors import StediError
from stedi_assets.landing.files import list_landing_files
from stedi_assets.landing.ledger import LEDGER_KEY, Changes, changes, from_json
from stedi_assets.runs.living import mark_dead_runs
from stedi_assets.settings import Settings
from stedi_assets.storage.delta import newest_metadata, open_table

ALL_TABLES = dagster.AssetSelection.all() - dagster.AssetSelection.groups(GROUP)
"""All tables, those of users' own assets too, without the report."""

LAKEHOUSE_JOB = dagster.define_asset_job("lakehouse", selection=ALL_TABLES, description="Builds every table.")

REFRESH_LANDING_JOB = dagster.define_asset_job(
    "refresh_landing",
    selection=dagster.AssetSelection.assets(*(name for name, table in TABLES.items() if table.zone == "landing")),
    description="Brings the landing tables and their quarantines up to date with the landing folders, and no others.",
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

SENSOR_INTERVAL_SECONDS = 60

FILES_LISTED = 20_000
"""The greatest number of files of a landing folder that the sensor lists. In a bucket these are 20 requests, which take
far less than the 60 seconds that Dagster gives a sensor."""

UNFINISHED = (
    dagster.DagsterRunStatus.QUEUED,
    dagster.DagsterRunStatus.NOT_STARTED,
    dagster.DagsterRunStatus.STARTING,
    dagster.DagsterRunStatus.STARTED,
    dagster.DagsterRunStatus.CANCELING,
)


@dataclass(frozen=True)
class FolderDifference:
    """The difference between a landing folder and its landing table.

    Attributes:
        source: The kind of record.
        version: The table's Delta version; None before the first build.
        changes: The listed files that are new or changed, and the files of the table that are gone.
        is_cut: Whether the folder may hold more files than were listed.
    """

    source: Source
    version: int | None
    changes: Changes
    is_cut: bool

    @property
    def identity(self) -> list[Any]:
        """The values, as JSON, that no other difference has: the table's version, and the files with their marks."""
        files = [(file.name, file.size, file.modified) for file in self.changes.to_read]
        return [self.source.name, self.version, files, list(self.changes.replaced)]


def new_landing_files(settings: Settings) -> dagster.SensorDefinition:
    """Returns the sensor that starts the job of all tables when landing files were added, changed or removed.

    The sensor compares the landing folders with the ledgers of the landing tables, so that it also finds changes from
    the time when it was off. Its cursor is the digest of the last difference: it requests one run for a difference and
    no second one, even if that run fails.

    Args:
        settings: The locations of the landing root and the lakehouse.
    """

    @dagster.sensor(
        name="new_landing_files",
        job=LAKEHOUSE_JOB,
        minimum_interval_seconds=SENSOR_INTERVAL_SECONDS,
        description="Builds every table when landing files were added, changed or removed; one run at a time.",
        default_status=dagster.DefaultSensorStatus.STOPPED,
    )
    def evaluate(context: dagster.SensorEvaluationContext) -> dagster.SensorResult | dagster.SkipReason:
        # Without the run monitoring of the project's dagster.yaml, a run whose process has died would count as
        # unfinished for ever, and the sensor would request no run again.
        mark_dead_runs(context.instance)
        run_id = _unfinished_run(context.instance)
        if run_id:
            return dagster.SkipReason(f"The run {run_id} is not finished. Cancel it if it no longer runs.")
        try:
            differences = [_difference(settings, source) for source in SOURCES.values()]
        except StediError as error:
            return dagster.SkipReason(error.message)
        changed = [difference for difference in differences if difference.changes]
        if not changed:
            return dagster.SkipReason(f"No landing file was added, changed or removed.{_unlisted(differences)}")
        digest = _digest(changed)
        if digest == context.cursor:
            return dagster.SkipReason(
                "The sensor has requested a run for these landing files, and that run has not stored them. See that "
                "run, and start the job lakehouse by hand."
            )
        request = dagster.RunRequest(run_key=digest, tags=_tags(changed))
        return dagster.SensorResult(run_requests=[request], cursor=digest)

    return evaluate


def _unfinished_run(instance: dagster.DagsterInstance) -> str | None:
    for job in JOBS:
        runs = instance.get_run_records(dagster.RunsFilter(job_name=job.name, statuses=UNFINISHED), limit=1)
        if runs:
            return runs[0].dagster_run.run_id
    return None


def _difference(settings: Settings, source: Source) -> FolderDifference:
    folder = list_landing_files(settings.landing, source, FILES_LISTED)
    table = open_table(settings.lakehouse / table_path(source.landing))
    text = newest_metadata(table).get(LEDGER_KEY) if table else None
    ledger = from_json(text) if text else {}
    if folder.is_cut:
        # The folder may hold more files after the last listed one: entries for them are not compared.
        ledger = {name: entry for name, entry in ledger.items() if name <= folder.files[-1].name}
    return FolderDifference(source, table.version() if table else None, changes(folder.files, ledger), folder.is_cut)


def _digest(differences: Sequence[FolderDifference]) -> str:
    return hashlib.sha256(json.dumps([difference.identity for difference in differences]).encode()).hexdigest()


def _tags(differences: Sequence[FolderDifference]) -> Mapping[str, str]:
    changed = [difference.changes for difference in differences]
    read = sum(len(each.to_read) for each in changed)
    gone = sum(len({*each.replaced} - {file.name for file in each.to_read}) for each in changed)
    return {"stedi/files_to_read": str(read), "stedi/files_gone": str(gone)}


def _unlisted(differences: Sequence[FolderDifference]) -> str:
    cut = [difference.source.name for difference in differences if difference.is_cut]
    if not cut:
        return ""
    return (
        f" The sensor only listed the first {FILES_LISTED:,} files of {', '.join(cut)}. The schedule "
        f"{DAILY_LAKEHOUSE.name} reads the others too."
    )
