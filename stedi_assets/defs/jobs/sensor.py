"""The sensor for landing files, which is off by default."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import dagster

from stedi_assets.contract import SOURCES
from stedi_assets.defs.jobs.jobs import DAILY_LAKEHOUSE, JOBS, LAKEHOUSE_JOB
from stedi_assets.errors import StediError
from stedi_assets.runs.living import mark_dead_runs
from stedi_assets.settings import Settings

if TYPE_CHECKING:
    from stedi_assets.lakehouse.difference import FolderDifference

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


def new_landing_files(settings: Settings) -> dagster.SensorDefinition:
    """Returns the sensor that starts the job of all tables when landing files were added, changed or removed.

    The sensor compares the landing folders with the ledgers of the landing tables, so that it also finds changes from
    before somebody switched it on. Its cursor is the digest of the last difference: it requests one run for a
    difference and no second one, even if that run fails.

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
        try:
            differences = [
                folder_difference(settings.landing, settings.lakehouse, source, FILES_LISTED)
                for source in SOURCES.values()
            ]
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


def _digest(differences: "Sequence[FolderDifference]") -> str:
    return hashlib.sha256(json.dumps([difference.identity for difference in differences]).encode()).hexdigest()


def _tags(differences: "Sequence[FolderDifference]") -> Mapping[str, str]:
    changed = [difference.changes for difference in differences]
    read = sum(len(each.to_read) for each in changed)
    gone = sum(len(each.gone) for each in changed)
    return {"stedi/files_to_read": str(read), "stedi/files_gone": str(gone)}


def _unlisted(differences: "Sequence[FolderDifference]") -> str:
    cut = [difference.source.name for difference in differences if difference.is_cut]
    if not cut:
        return ""
    return (
        f" The sensor only listed the first {FILES_LISTED:,} files of {', '.join(cut)}. The schedule "
        f"{DAILY_LAKEHOUSE.name} reads the others too."
    )
