"""A run launcher for `dagster.yaml`, with which Dagster's run monitoring finds runs whose processes have ended.

Dagster's default launcher does not check processes. When the code server or the machine dies, the runs that it started
stay unfinished, and with one run at a time the queued runs behind them never start.
"""

import dagster
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus

from stedi_assets.runs.living import end_of_process


class RunLauncher(dagster.DefaultRunLauncher):
    """Dagster's default run launcher with a check whether a run's process lives.

    Run monitoring checks every started run, including those of `stedi run`.
    """

    @property
    def supports_check_run_worker_health(self) -> bool:
        """See `dagster.RunLauncher`."""
        return True

    def check_run_worker_health(self, run: dagster.DagsterRun) -> CheckRunHealthResult:
        """See `dagster.RunLauncher`."""
        ended = end_of_process(self._instance, run.run_id)
        return CheckRunHealthResult(WorkerStatus.FAILED if ended else WorkerStatus.RUNNING, ended)
