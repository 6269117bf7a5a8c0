"""Runs that have begun and wait for the lakehouse, to be looked at or killed in their middle."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import dagster

from stedi_assets_tests.support.checkout import PROJECT
from stedi_assets_tests.support.commands import PATIENCE_SECONDS, PROGRAMS, environment
from stedi_assets_tests.support.holding import Holding, holding
from stedi_assets_tests.support.processes import ended_with_us
from stedi_assets_tests.support.projects import Project

MATERIALIZE = ("dagster", "asset", "materialize", "-m", "stedi_assets.definitions", "--select", "key:customer_landing")


@dataclass
class WaitingRun:
    """A run of a process group of its own."""

    process: subprocess.Popen[bytes]
    holder: Holding

    def finish(self) -> int:
        """Lets the run go on to its end, and returns its exit code."""
        self.holder.kill()
        return self.process.wait(PATIENCE_SECONDS)

    def kill(self) -> None:
        """Kills the command with all that it has started."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextmanager
def waiting_run(
    project: Project, home: Path, command: Sequence[str] = ("stedi", "run"), **variables: str
) -> Iterator[WaitingRun]:
    """Starts a run while another process holds the lakehouse, and kills it at the end of the block.

    Args:
        project: What it builds.
        home: Where its history is.
        command: What starts it.
        variables: The environment variables that the user set.

    Yields:
        The run, once it waits.
    """
    log = home / "waiting.log"
    with holding(project.place, str(project.lakehouse)) as holder, log.open("wb") as output:
        process = subprocess.Popen(
            [*ended_with_us(), str(PROGRAMS / command[0]), *command[1:]],
            cwd=home,
            env=environment({**project.variables, "DAGSTER_HOME": str(home), "PYTHONPATH": str(PROJECT), **variables}),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        run = WaitingRun(process, holder)
        try:
            wait_until_it_waits(log)
            yield run
        finally:
            run.kill()


def wait_until_it_waits(log: Path) -> None:
    """Waits until a run has written that it waits for the lakehouse."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while "Waiting for the lakehouse at" not in log.read_text():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)


def statuses(home: Path) -> list[dagster.DagsterRunStatus]:
    """How the runs of a history stand, the first to be made first."""
    with dagster.DagsterInstance.from_config(str(home)) as instance:
        return [run.status for run in reversed(instance.get_runs())]
