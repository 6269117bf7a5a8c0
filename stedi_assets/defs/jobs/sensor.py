"""The sensor for landing files, which is off by default."""

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Self

import dagster

from stedi_assets.contract import SOURCES
from stedi_assets.defs.jobs.jobs import JOBS, LAKEHOUSE_JOB
from stedi_assets.errors import StediError
from stedi_assets.runs.living import mark_dead_runs
from stedi_assets.settings import Settings

if TYPE_CHECKING:
    from stedi_assets.lakehouse.difference import FolderDifference

SENSOR_INTERVAL_SECONDS = 60

SECONDS_BETWEEN_FULL_LOOKS = 3_600
"""How long the sensor lists only the newest files of a folder that holds many."""

NOT_STORED = (
    "The sensor has requested a run for these landing files, and that run has not stored them. See that run, and start "
    "the job lakehouse by hand."
)

UNFINISHED = (
    dagster.DagsterRunStatus.QUEUED,
    dagster.DagsterRunStatus.NOT_STARTED,
    dagster.DagsterRunStatus.STARTING,
    dagster.DagsterRunStatus.STARTED,
    dagster.DagsterRunStatus.CANCELING,
)


@dataclass(frozen=True)
class _Cursor:
    """What the sensor remembers.

    Attributes:
        requested: The digest of the difference for which it last requested a run.
        looked: When it last listed all files, in seconds since 1970.
    """

    requested: str = ""
    looked: int = 0

    @classmethod
    def parsed(cls, text: str | None) -> Self:
        """Reads a cursor. An earlier release's is the digest alone."""
        try:
            return cls(**json.loads(text or "{}"))
        except (ValueError, TypeError):
            return cls(text or "")

    @property
    def text(self) -> str:
        return json.dumps(asdict(self))


def new_landing_files(settings: Settings) -> dagster.SensorDefinition:
    """Returns the sensor that starts the job of all tables when landing files were added, changed or removed.

    The sensor compares the landing folders with the ledgers of the landing tables, so that it also finds changes from
    before somebody switched it on. Its cursor has the digest of the last difference: it requests one run for a
    difference and no second one, even if that run fails. Of a folder with many files it lists the newest by name, and
    once an hour all.

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
        # Imported here: a process that only loads the definitions reads no ledger.
        from stedi_assets.lakehouse.difference import folder_difference  # noqa: PLC0415

        # Without the run monitoring of the project's dagster.yaml, a run whose process has died would count as
        # unfinished for ever, and the sensor would request no run again.
        mark_dead_runs(context.instance)
        run_id = _unfinished_run(context.instance)
        if run_id:
            return dagster.SkipReason(f"The run {run_id} is not finished. Cancel it if it no longer runs.")
        cursor = _Cursor.parsed(context.cursor)
        keeps_gone = settings.gone_files == "keep"
        now = int(time.time())
        lists_all = now - cursor.looked >= SECONDS_BETWEEN_FULL_LOOKS
        try:
            differences = [
                folder_difference(
                    settings.landing, settings.lakehouse, source, lists_all=lists_all, keeps_gone=keeps_gone
                )
                for source in SOURCES.values()
            ]
        except StediError as error:
            return dagster.SkipReason(error.message)
        cursor = replace(cursor, looked=now) if lists_all else cursor
        changed = [difference for difference in differences if difference.changes]
        if not changed:
            return dagster.SensorResult(skip_reason=_nothing_new(differences), cursor=cursor.text)
        digest = _digest(changed)
        if digest == cursor.requested:
            return dagster.SensorResult(skip_reason=NOT_STORED, cursor=cursor.text)
        request = dagster.RunRequest(run_key=digest, tags=_tags(changed))
        return dagster.SensorResult(run_requests=[request], cursor=replace(cursor, requested=digest).text)

    return evaluate


def _unfinished_run(instance: dagster.DagsterInstance) -> str | None:
    for job in JOBS:
        runs = instance.get_run_records(dagster.RunsFilter(job_name=job.name, statuses=UNFINISHED), limit=1)
        if runs:
            return runs[0].dagster_run.run_id
    return None


def _digest(differences: "Sequence[FolderDifference]") -> str:
    return hashlib.sha256(json.dumps([difference.identity for difference in differences]).encode()).hexdigest()


def _tags(differences: "Sequence[FolderDifference]") -> Mapping[str, str]:
    changed = [difference.changes for difference in differences]
    read = sum(len(each.to_read) for each in changed)
    gone = sum(len(each.gone) for each in changed)
    return {"stedi/files_to_read": str(read), "stedi/files_gone": str(gone)}


def _nothing_new(differences: "Sequence[FolderDifference]") -> str:
    partial = [difference.source.name for difference in differences if difference.is_partial]
    if not partial:
        return "No landing file was added, changed or removed."
    return (
        f"No landing file was added. Of {', '.join(partial)}, only files were listed whose names come after those of "
        "the table: there are many, and all are listed once an hour."
    )
