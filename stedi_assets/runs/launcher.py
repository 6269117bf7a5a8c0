"""Dagster's run launcher, by which its run monitoring finds the runs whose processes have ended.

Dagster's own asks about no process: where the code server dies with the runs that it began, as with the machine, they
stay unfinished, and with one run at a time whatever is queued behind them never begins. `dagster.yaml` names this one.
"""

import dagster
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus

from stedi_assets.runs.living import end_of_process


class RunLauncher(dagster.DefaultRunLauncher):
    """Dagster's default run launcher, which knows of a run whether its process lives.

    Run monitoring asks about every started run, including those of `stedi run`.
    """

    @property
    def supports_check_run_worker_health(self) -> bool:
        """See `dagster.RunLauncher`."""
        return True

    def check_run_worker_health(self, run: dagster.DagsterRun) -> CheckRunHealthResult:
        """See `dagster.RunLauncher`."""
        ended = end_of_process(self._instance, run.run_id)
        return CheckRunHealthResult(WorkerStatus.FAILED if ended else WorkerStatus.RUNNING, ended)
