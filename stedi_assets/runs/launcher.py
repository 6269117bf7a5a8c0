"""A run launcher for `dagster.yaml`, with which Dagster's run monitoring finds runs whose processes have ended.

Dagster's default launcher does not check processes. When the code server or the machine dies, the runs that it started
stay unfinished, and with one run at a time the queued runs behind them never start.
"""

from typing import Any

import dagster
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus

from stedi_assets.runs.living import end_of_process


class RunLauncher(dagster.DefaultRunLauncher):
    """Dagster's default run launcher with a check whether a run's process lives.

    Run monitoring checks every started run, including those of `stedi run`. Where Dagster retries runs, the run of an
    ended process fails at the second check. Dagster asks the code server for the retry as soon as the run fails, and
    gives the retry up if the server is down. A server that died with the run has until then to start again.

    Args:
        arguments: Those of Dagster's launcher.
    """

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._found_ended: set[str] = set()

    @property
    def supports_check_run_worker_health(self) -> bool:
        """See `dagster.RunLauncher`."""
        return True

    def check_run_worker_health(self, run: dagster.DagsterRun) -> CheckRunHealthResult:
        """See `dagster.RunLauncher`."""
        ended = end_of_process(self._instance, run.run_id)
        if not ended:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        if self._instance.run_retries_enabled and run.run_id not in self._found_ended:
            self._found_ended.add(run.run_id)
            return CheckRunHealthResult(WorkerStatus.RUNNING, ended)
        self._found_ended.discard(run.run_id)
        return CheckRunHealthResult(WorkerStatus.FAILED, ended)
