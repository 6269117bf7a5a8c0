"""An erasure that is killed at any step completes when it is run again."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stedi_assets_tests.support.checkout import PROJECT
from stedi_assets_tests.support.erasing import naming
from stedi_assets_tests.support.grid import on_both_engines_and_in_both_places
from stedi_assets_tests.support.places import NewPlace, Place
from stedi_assets_tests.support.processes import ended_with_us
from stedi_assets_tests.support.projects import Build, Project

pytestmark = on_both_engines_and_in_both_places

STRIDE = {"duckdb": 1, "spark": 3}
"""DuckDB is killed at every step, Spark, which takes ten times as long, at every third: the steps are the same."""

ERASING = """
import os, signal, sys
from contextlib import closing, nullcontext

from stedi_assets.defs.assets import QUERIES
from stedi_assets.erasure.erase import erase
from stedi_assets.erasure.plan import plan_erasure
from stedi_assets.lakehouse.lakehouse import Lakehouse
from stedi_assets.privacy.pseudonyms import Pseudonyms
from stedi_assets.settings import read_settings
from stedi_assets.storage import lease_in_bucket
from stedi_assets.storage.location import Location
from stedi_assets_tests.support.engines import OPENED, spark_started

# In a bucket, an erasure waits until the lease of the killed one has ended: twenty times a minute.
lease_in_bucket.LEASE_SECONDS = 2

def erase_until(landing, root, last_step):
    steps = []

    def crash_after_steps(step):
        steps.append(step)
        if len(steps) == last_step:
            os.kill(os.getpid(), signal.SIGKILL)

    pseudonyms, aws = Pseudonyms(bytes(range(32))), read_settings().aws
    root = Location.parse(root, aws)
    with OPENED[sys.argv[1]](root.aws) as engine:
        tables = Lakehouse(root, Location.parse(landing, aws), engine, pseudonyms=pseudonyms)
        with closing(tables):
            plan = plan_erasure(tables, "ada@example.com")
            erase(tables, plan, QUERIES, "somebody", "a run", progress=crash_after_steps)
    print(len(steps), flush=True)

with spark_started() if sys.argv[1] == "spark" else nullcontext():
    for line in sys.stdin:
        landing, root, last_step = line.rstrip().split("\\t")
        child = os.fork()
        if not child:
            erase_until(landing, root, int(last_step))
            os._exit(0)
        print(os.waitpid(child, 0)[1], flush=True)
"""
"""Erases in a process of its own for each line that it reads, and prints how that ended: importing, and starting
Spark, take longer."""


class Eraser:
    """The program above at work."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._told, self._answers = process.stdin, process.stdout

    def kill_at(self, project: Project, step: int) -> None:
        """Starts an erasure that is killed at a step."""
        assert self._asked(project, step) == signal.SIGKILL

    def complete(self, project: Project) -> int:
        """Erases, and returns how many steps it took."""
        steps = self._asked(project, 0)
        assert self._answer() == 0
        return steps

    def _asked(self, project: Project, last_step: int) -> int:
        assert self._told
        self._told.write(f"{project.landing}\t{project.lakehouse}\t{last_step}\n")
        self._told.flush()
        return self._answer()

    def _answer(self) -> int:
        assert self._answers
        return int(self._answers.readline())


@pytest.fixture
def eraser(place: Place, engine: str) -> Iterator[Eraser]:
    variables = {**os.environ, **place.variables, "PYTHONPATH": str(PROJECT)}
    command = [*ended_with_us(), sys.executable, "-c", ERASING, engine]
    with subprocess.Popen(command, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Eraser(process)


def test_an_erasure_that_is_killed_at_any_step_completes_when_it_is_run_again(
    eraser: Eraser, built: Build, new_place: NewPlace, place_kind: str, engine: str, tmp_path: Path
) -> None:
    def copied(name: str) -> Project:
        folder = tmp_path / name
        folder.mkdir()
        own = new_place(place_kind, folder)
        return built.copy_to(Project.at(own, engine))

    steps = eraser.complete(copied("whole"))
    assert steps > 15
    for step in range(1, steps + 1, STRIDE[engine]):
        project = copied(str(step))
        eraser.kill_at(project, step)
        eraser.complete(project)
        assert not naming(project), step
        assert project.delta("customer_landing").count() == 4
