"""Runs at once: real processes that build one lakehouse while a consent is withdrawn."""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from deltalake.exceptions import TableNotFoundError

from stedi_assets_tests.support.checkout import PROJECT
from stedi_assets_tests.support.commands import Finished, environment
from stedi_assets_tests.support.engines import KEY
from stedi_assets_tests.support.processes import ended_with_us
from stedi_assets_tests.support.projects import SELECTED_TABLES, Project, with_landing_files
from stedi_assets_tests.support.records import customer

PATIENCE_SECONDS = 600

RUNNING = """
import sys

from stedi_assets.cli import main
from stedi_assets.storage import lease_in_bucket

lease_in_bucket.LEASE_SECONDS = float(sys.argv.pop(1))
main()
"""
"""`stedi` with leases in a bucket that last as long as its first argument says."""

LEASE_SECONDS = 60.0

HOLDS = ("is held by run ", "was lost to ", "was lost to another run")
"""What a run says that did not get the lakehouse, or did not keep it."""


@dataclass
class Run:
    """A `stedi run` of a process of its own, under one key, so that every run gives the same pseudonyms."""

    process: subprocess.Popen[bytes]
    output: IO[bytes]

    @classmethod
    def of(cls, project: Project, lease_seconds: float = LEASE_SECONDS, executor: str = "in_process") -> "Run":
        """Starts a run of everything."""
        variables = {"STEDI_PSEUDONYM_KEY": KEY.hex(), "STEDI_EXECUTOR": executor, "PYTHONPATH": str(PROJECT)}
        output = tempfile.TemporaryFile()  # noqa: SIM115 - for as long as the run is looked at
        process = subprocess.Popen(
            [*ended_with_us(), sys.executable, "-c", RUNNING, str(lease_seconds), "run"],
            env=environment({**project.variables, **variables}),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        return cls(process, output)

    @property
    def said(self) -> str:
        """What it wrote until now; the process writes at a position of its own."""
        size = os.fstat(self.output.fileno()).st_size
        return os.pread(self.output.fileno(), size, 0).decode()

    def ended(self) -> Finished:
        """Waits for its end."""
        exit_code = self.process.wait(timeout=PATIENCE_SECONDS)
        return Finished(exit_code, self.said)

    def waits(self) -> bool:
        """Waits until it waits for the lakehouse, or has ended; returns which."""
        while self.process.poll() is None:
            if "Waiting for the lakehouse at" in self.said:
                return True
            time.sleep(0.01)
        return False

    def pause(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.process.send_signal(signal.SIGCONT)


def withdraw(project: Project, name: str = "ada") -> Path:
    """Delivers a customer's record without consent, later than the one that has it."""
    return project.land("customer", f"customer-{name}.json", [customer(name, lastUpdateDate=1_000)])


def wait_for(project: Project, table: str, run: Run) -> bool:
    """Waits until a table has a version.

    Returns:
        Whether the run goes on: it may have ended before we looked.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while run.process.poll() is None:
        assert time.monotonic() < deadline
        try:
            project.delta(table)
        except TableNotFoundError:
            time.sleep(0.005)
            continue
        return True
    return False


def play_round(project: Project, runs: int, chance: random.Random, executor: str = "in_process") -> list[Finished]:
    """Starts runs at moments that chance chooses, and delivers a withdrawal before the last of them.

    Args:
        project: What they build.
        runs: How many.
        chance: Chooses.
        executor: How Dagster runs their steps.

    Returns:
        How each ended.
    """
    started = []
    for _ in range(runs - 1):
        started.append(Run.of(project, executor=executor))
        time.sleep(chance.uniform(0, 4))
    withdraw(project)
    started.append(Run.of(project, executor=executor))
    return [run.ended() for run in started]


def assert_somebody_finished(ended: Sequence[Finished]) -> None:
    """Some run has built everything, and every other one says who holds the lakehouse."""
    lost = [run.output for run in ended if run.exit_code]
    assert len(lost) < len(ended), lost
    unexplained = [output for output in lost if not any(words in output for words in HOLDS)]
    assert not unexplained, "\n\n".join(unexplained)


def with_withdrawal(project: Project) -> Project:
    """Gives a project the landing files that are there after a round."""
    withdraw(with_landing_files(project))
    return project


def assert_same_tables(project: Project, fresh: Project) -> None:
    """Every table has the rows that a build of its own has."""
    assert {table: rows(project, table) for table in SELECTED_TABLES} == {
        table: rows(fresh, table) for table in SELECTED_TABLES
    }


def rows(project: Project, table: str) -> Counter[tuple[Any, ...]]:
    """The rows of a table by its columns' names: a table that was replaced may have them in another order."""
    stored = project.delta(table).to_pyarrow_table().to_pylist()
    return Counter(tuple(sorted((name, repr(value)) for name, value in row.items())) for row in stored)
