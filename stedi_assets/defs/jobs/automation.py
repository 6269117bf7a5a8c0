"""Jobs, and what starts them without a person: a sensor for landing files, and a schedule. Both are off by default."""

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
"""Every table, other people's too, and nothing that is made for reading only."""

LAKEHOUSE_JOB = dagster.define_asset_job("lakehouse", selection=ALL_TABLES, description="Builds every table.")

REFRESH_LANDING_JOB = dagster.define_asset_job(
    "refresh_landing",
    selection=dagster.AssetSelection.assets(*(name for name, table in TABLES.items() if table.zone == "landing")),
    description="Brings the landing tables and their quarantines up to what the landing folders hold, and no more.",
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

SECONDS_BETWEEN_LOOKS = 60

FILES_LOOKED_AT = 20_000
"""How many files of a landing folder the sensor lists: in a bucket 20 requests, well within the minute a look has."""

UNFINISHED = (
    dagster.DagsterRunStatus.QUEUED,
    dagster.DagsterRunStatus.NOT_STARTED,
    dagster.DagsterRunStatus.STARTING,
    dagster.DagsterRunStatus.STARTED,
    dagster.DagsterRunStatus.CANCELING,
)


@dataclass(frozen=True)
class News:
    """How a landing folder differs from its table.

    Attributes:
        source: The kind of record.
        version: The table's version; None where there is no table yet.
        changes: What is new, changed or gone, of the files looked at.
        is_cut: Whether the folder may hold files that were not looked at.
    """

    source: Source
    version: int | None
    changes: Changes
    is_cut: bool

    @property
    def marks(self) -> list[Any]:
        """What tells this difference from any other."""
        files = [(file.name, file.size, file.modified) for file in self.changes.to_read]
        return [self.source.name, self.version, files, list(self.changes.replaced)]


def new_landing_files(settings: Settings) -> dagster.SensorDefinition:
    """Builds the sensor that starts the job of all tables when landing files came, changed or went.

    It compares the landing folders with the ledgers in the landing tables, so it misses nothing that happened while it
    was off. What it saw last is its cursor: for the same difference it asks for one run and no more, even where that
    run fails.

    Args:
        settings: Say where the folders and the tables are.
    """

    @dagster.sensor(
        name="new_landing_files",
        job=LAKEHOUSE_JOB,
        minimum_interval_seconds=SECONDS_BETWEEN_LOOKS,
        description="Builds every table when landing files came, changed or went; one run at a time.",
        default_status=dagster.DefaultSensorStatus.STOPPED,
    )
    def look(context: dagster.SensorEvaluationContext) -> dagster.SensorResult | dagster.SkipReason:
        # In a history without the project's run monitoring, no run would begin that could find the one before it dead.
        mark_dead_runs(context.instance)
        run_id = _unfinished_run(context.instance)
        if run_id:
            return dagster.SkipReason(f"The run {run_id} is not finished. Cancel it if it no longer runs.")
        try:
            looked_at = [_news(settings, source) for source in SOURCES.values()]
        except StediError as error:
            return dagster.SkipReason(error.message)
        news = [each for each in looked_at if each.changes]
        if not news:
            return dagster.SkipReason(f"No landing file came, changed or went.{_not_looked_at(looked_at)}")
        digest = _digest(news)
        if digest == context.cursor:
            return dagster.SkipReason(
                "A run for these landing files has been asked for and has not stored them. See that run, and start "
                "the job lakehouse by hand."
            )
        request = dagster.RunRequest(run_key=digest, tags=_tags(news))
        return dagster.SensorResult(run_requests=[request], cursor=digest)

    return look


def _unfinished_run(instance: dagster.DagsterInstance) -> str | None:
    for job in JOBS:
        runs = instance.get_run_records(dagster.RunsFilter(job_name=job.name, statuses=UNFINISHED), limit=1)
        if runs:
            return runs[0].dagster_run.run_id
    return None


def _news(settings: Settings, source: Source) -> News:
    folder = list_landing_files(settings.landing, source, FILES_LOOKED_AT)
    table = open_table(settings.lakehouse / table_path(source.landing))
    text = newest_metadata(table).get(LEDGER_KEY) if table else None
    ledger = from_json(text) if text else {}
    if folder.is_cut:
        ledger = {name: entry for name, entry in ledger.items() if name <= folder.files[-1].name}
    return News(source, table.version() if table else None, changes(folder.files, ledger), folder.is_cut)


def _digest(news: Sequence[News]) -> str:
    return hashlib.sha256(json.dumps([each.marks for each in news]).encode()).hexdigest()


def _tags(news: Sequence[News]) -> Mapping[str, str]:
    read = sum(len(each.changes.to_read) for each in news)
    gone = sum(len({*each.changes.replaced} - {file.name for file in each.changes.to_read}) for each in news)
    return {"stedi/files_to_read": str(read), "stedi/files_gone": str(gone)}


def _not_looked_at(looked_at: Sequence[News]) -> str:
    cut = [each.source.name for each in looked_at if each.is_cut]
    if not cut:
        return ""
    return (
        f" Only the first {FILES_LOOKED_AT:,} files of {', '.join(cut)} were looked at: the schedule "
        f"{DAILY_LAKEHOUSE.name} reads those after them too."
    )
