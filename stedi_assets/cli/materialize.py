"""A Dagster run in this process, and the table of its results."""

import json
import os
import sqlite3
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

import dagster
from dagster_shared.error import SerializableErrorInfo
from sqlalchemy.exc import DBAPIError

from stedi_assets.cli.code_location import code_location
from stedi_assets.cli.progress import PROGRESS, progress
from stedi_assets.cli.results import results, status_of, table_of, verdict
from stedi_assets.cli.selection import resolved, selected, selected_with_partition
from stedi_assets.cli.unexpected import REMEDY_OF_A_RUN, Unexpected, masked_trace
from stedi_assets.console.screen import stderr_console, stdout_console
from stedi_assets.contract import SOURCES
from stedi_assets.definitions import defs
from stedi_assets.defs.assets import QUERIES
from stedi_assets.defs.checks.check import WHAT_TO_DO
from stedi_assets.defs.definition import IO_MANAGER_KEY
from stedi_assets.defs.jobs.jobs import LAKEHOUSE_JOB
from stedi_assets.errors import StediError
from stedi_assets.lakehouse.check import problem
from stedi_assets.lakehouse.forecast import forecast
from stedi_assets.lakehouse.lakehouse import Lakehouse
from stedi_assets.lakehouse.plan import Plan
from stedi_assets.runs.living import mark_dead_runs
from stedi_assets.settings import read_settings
from stedi_assets.storage.work_folder import work_folder

OPENING = {"duckdb": "Building tables with DuckDB", "spark": "Starting Spark"}
"""From an engine to what a run does first."""

PARTITION_JOB = "partition"
"""The name of the job of a run with a partition, in Dagster's history."""

REPOSITORY_TAG = ".dagster/repository"
"""The tag by which Dagster's timeline and the page of jobs find the runs of a code location. Dagster sets it itself on
runs that it launches."""

NO_TELEMETRY = {"telemetry": {"enabled": False}}
"""Instance settings without telemetry, which would write to the user's home folder wherever the history is."""

BLOCKED_BY_CHECK = "DagsterAssetCheckFailedError"
"""The class of the error by which Dagster fails the step of a blocking check, as an event names it."""


@cache
def _lakehouse_job() -> dagster.JobDefinition:
    return code_location().resolve_job_def(LAKEHOUSE_JOB.name).with_logger_defs({PROGRESS: progress})


def lakehouse_job() -> dagster.JobDefinition:
    """Returns the job of all tables. A child process of the multiprocess executor finds the job by this function."""
    return _lakehouse_job()


def partition_job(names: Sequence[str]) -> dagster.JobDefinition:
    """Returns a job of assets with the same partitions. The job of all tables has none with partitions.

    Args:
        names: The keys of the assets, as Dagster prints them.
    """
    keys = [dagster.AssetKey.from_user_string(name) for name in names]
    job = dagster.define_asset_job(PARTITION_JOB, dagster.AssetSelection.assets(*keys))
    location = dagster.Definitions.merge(code_location(), dagster.Definitions(jobs=[job]))
    return location.resolve_job_def(PARTITION_JOB).with_logger_defs({PROGRESS: progress})


def materialize(
    select: str, partition: str | None = None, *, as_json: bool = False, shows_traces: bool = False
) -> bool:
    """Materializes assets, and prints a line for each asset, then the results and a line for each failure.

    Args:
        select: The assets, in Dagster's selection syntax.
        partition: The key of the partition to materialize of the assets that have partitions; no other asset is
            materialized then. None leaves out assets with partitions.
        as_json: Whether to print the results as one JSON object.
        shows_traces: Whether to print the stack traces of unexpected errors to the standard error.

    Returns:
        Whether every asset was built and every blocking check passed.

    Raises:
        StediError: The selection is malformed or selects no table, or the history cannot be written.
    """
    settings = read_settings()
    spins = settings.executor == "in_process"
    started = time.perf_counter()
    with _instance(settings.executor) as instance:
        chosen = selected(select) if partition is None else selected_with_partition(select, partition, instance)
        names = [key.to_user_string() for key in chosen.keys]
        for reason in chosen.left_out:
            print(reason, file=sys.stderr)
        for run_id in mark_dead_runs(instance):
            print(f"The run {run_id} is marked as failed: its process ended before the run did.", file=sys.stderr)
        stderr_console().print(f"{OPENING[settings.engine]}, {settings.lakehouse}", markup=False, highlight=False)
        result = dagster.execute_job(
            dagster.reconstructable(lakehouse_job)
            if partition is None
            else dagster.build_reconstructable_job(__name__, partition_job.__name__, (tuple(names),)),
            instance,
            tags={REPOSITORY_TAG: f"__repository__@{settings.module}", **chosen.tags},
            run_config={"loggers": {PROGRESS: {"config": {"spins": spins}}}},
            asset_selection=chosen.keys,
        )
    seconds = time.perf_counter() - started
    found = results(result.all_events, names)
    problems = list(_problems(result))
    outcome = verdict(found, success=result.success)
    if as_json:
        tables = [each.to_json() for each in found]
        run = {"run_id": result.run_id, "success": result.success, "seconds": seconds, "verdict": outcome.plain}
        print(json.dumps({**run, "tables": tables, "problems": problems}, indent=2))
    else:
        console = stdout_console()
        console.print(table_of(found, f"Run {result.run_id}", console))
        total = f"{seconds:.1f} seconds in all; the tables are below {settings.lakehouse}"
        for line in (total, *problems):
            console.print(line, markup=False, emoji=False, highlight=False, soft_wrap=True)
        console.print(outcome, soft_wrap=True)
    if shows_traces:
        for error in _errors(result).values():
            print(masked_trace(error.to_string()), file=sys.stderr)
    return result.success


def planned(select: str) -> dict[str, Plan]:
    """Returns how much of each table a run would compute, and why. Nothing is computed.

    Args:
        select: The assets, in Dagster's selection syntax. Assets without a query of the contract have no plan.

    Raises:
        StediError: The selection is malformed or selects no table, or a table cannot be read.
    """
    names = {key.to_user_string() for key in resolved(select)}
    # A reading of raw files fills the quarantine and the landing table, whichever of them is selected.
    names |= {source.landing for source in SOURCES.values() if source.quarantine in names}
    with open_lakehouse() as lakehouse:
        return forecast(lakehouse, QUERIES, names, full_refresh=read_settings().full_refresh)


@contextmanager
def open_lakehouse() -> Iterator[Lakehouse]:
    """Yields the lakehouse of the settings with its engine, opened as in a run, for commands that are no runs."""
    with dagster.build_resources({IO_MANAGER_KEY: (defs.resources or {})[IO_MANAGER_KEY]}) as resources:
        lakehouse: Lakehouse = getattr(resources, IO_MANAGER_KEY).lakehouse
        yield lakehouse


@contextmanager
def _instance(executor: str) -> Iterator[dagster.DagsterInstance]:
    """Yields Dagster's instance, with the history in DAGSTER_HOME, or with one that the end of the run removes."""
    home = os.environ.get("DAGSTER_HOME")
    with ExitStack() as at_end:
        if not home and executor == "in_process":
            # Nobody reads this history. In files, the run would wait for the disk hundreds of times.
            yield at_end.enter_context(dagster.DagsterInstance.ephemeral(settings=NO_TELEMETRY))
            return
        folder = _existing_home(home) if home else str(at_end.enter_context(work_folder()))
        own = {"module": "stedi_assets.runs.history", "class": "RunHistory", "config": {"base_dir": folder}}
        storage = {} if home else {"storage": {"custom": own}}
        with _history_failures_explained(folder):
            # With DAGSTER_HOME, the instance reads the dagster.yaml of that folder, as every Dagster command does.
            yield at_end.enter_context(dagster.DagsterInstance.local_temp(folder, {**storage, **NO_TELEMETRY}))


def _existing_home(home: str) -> str:
    folder = Path(home).expanduser()
    remedy = "Set DAGSTER_HOME to the absolute path of a folder that exists, or unset it."
    if not folder.is_absolute():
        raise StediError(f"DAGSTER_HOME={home} is a relative path.", remedy)
    if not folder.is_dir():
        raise StediError(f"DAGSTER_HOME={home} is {'not a folder' if folder.exists() else 'missing'}.", remedy)
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise StediError(f"DAGSTER_HOME={home} cannot be written.", "Make the folder writable, or unset DAGSTER_HOME.")
    return str(folder)


@contextmanager
def _history_failures_explained(folder: str) -> Iterator[None]:
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        reason = str(error.orig if isinstance(error, DBAPIError) else error)
        raise StediError(
            f"The history of the run could not be written to {folder}: {reason}.",
            "Check the folder's permissions and its free space, and run again. Tables stored so far stay stored.",
        ) from None
    except dagster.DagsterInvalidConfigError as error:
        raise StediError(
            f"The dagster.yaml in {folder} is not legal: {' '.join(str(error).split())}.", "Correct the file."
        ) from None


def _problems(result: dagster.JobExecutionResult) -> Iterator[str]:
    failures = {str(event.step_key): _description(event) for event in result.get_step_failure_events()}
    described = {step: description.splitlines() for step, description in failures.items() if description}
    said = {line for lines in described.values() for line in lines}
    for check in result.get_asset_check_evaluations():
        if not check.passed:
            metadata = {name: value.value for name, value in check.metadata.items()}
            advice = str(metadata.pop(WHAT_TO_DO, ""))  # Checks of users' own assets have no such entry.
            line = problem(check.asset_key.to_user_string(), check.check_name, status_of(check), metadata, advice)
            if line not in said:
                yield line
    for step, lines in described.items():
        beginning = "" if lines[0].startswith(f"{step}: ") else f"{step}: "
        yield from (f"{beginning}{lines[0]}", *lines[1:])
    for step, error in _errors(result).items():
        yield Unexpected.recorded(error).line(step, REMEDY_OF_A_RUN)


def _description(event: dagster.DagsterEvent) -> str | None:
    user_failure = event.step_failure_data.user_failure_data
    return user_failure.description if user_failure else None


def _errors(result: dagster.JobExecutionResult) -> dict[str, SerializableErrorInfo]:
    """Returns the exceptions without a description, from the step's key, or "The run", to the exception."""
    failed = result.get_step_failure_events()
    if failed:
        errors = {str(event.step_key): event.step_failure_data.error for event in failed if not _description(event)}
    else:
        # If a resource cannot be created, the run fails before its first step.
        ended = [event for event in result.all_events if event.event_type is dagster.DagsterEventType.RUN_FAILURE]
        errors = dict.fromkeys(["The run"], ended[0].job_failure_data.error) if ended else {}
    # The evaluation of a blocking check of a user's own asset says what is wrong. Dagster's error says it again.
    return {step: error for step, error in errors.items() if error and error.cls_name != BLOCKED_BY_CHECK}
