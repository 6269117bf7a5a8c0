"""Runs of processes of their own that are killed at a step of their choice."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import stedi_assets
from stedi_assets.defs.assets import QUERIES
from stedi_assets_tests.support.changing import Changing
from stedi_assets_tests.support.checkout import PROJECT
from stedi_assets_tests.support.commands import environment
from stedi_assets_tests.support.engines import duckdb_engine
from stedi_assets_tests.support.processes import ended_with_us
from stedi_assets_tests.support.rejecting import break_table

PACKAGE = f"{Path(stedi_assets.__file__).parent}{os.sep}"

CHANGING_FILES = {
    "write_parquet",
    "read_landing",
    "commit",
    "amend",
    "write_state",
    "write_rejection",
    "delete_files",
}
"""The functions of the package that write or delete files of a table. A step is the beginning or the end of one."""


class Steps:
    """Counts the steps of this process, and kills it at one of them.

    Args:
        last: The number of the step at which the process is killed; 0 for none.
    """

    def __init__(self, last: int) -> None:
        self.count = 0
        self._last = last

    def __enter__(self) -> "Steps":
        sys.setprofile(self._see)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _see(self, frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if event in ("call", "return") and code.co_name in CHANGING_FILES and code.co_filename.startswith(PACKAGE):
            self.count += 1
            if self.count == self._last:
                os.kill(os.getpid(), signal.SIGKILL)


def serve() -> None:
    """Runs the tables of a folder in a process of its own for each line that it reads.

    A line has the folder, the last step, a table whose SELECT breaks a rule, and the tables of the run. The answers are
    how the process ended, and, before that, the number of steps if the run came to its end.
    """
    for line in sys.stdin:
        folder, last, broken, tables = line.rstrip("\n").split("\t")
        child = os.fork()
        if not child:
            changing = Changing(Path(folder), duckdb_engine)
            if broken:
                break_table(changing, broken)
            with Steps(int(last)) as steps:
                changing.run(tables.split(","))
            print(steps.count, flush=True)
            os._exit(0)
        print(os.waitpid(child, 0)[1], flush=True)


class Runner:
    """`serve` at work in a process of its own: importing takes longer than a run."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._told, self._answers = process.stdin, process.stdout

    def kill_at(self, changing: Changing, step: int, broken: str = "") -> None:
        """Starts a run that is killed at a step."""
        assert self._asked(changing, step, broken) == signal.SIGKILL

    def complete(self, changing: Changing, broken: str = "", tables: Sequence[str] = tuple(QUERIES)) -> int:
        """Runs, and returns how many steps the run took."""
        steps = self._asked(changing, 0, broken, tables)
        assert self._answer() == 0
        return steps

    def _asked(self, changing: Changing, last: int, broken: str, tables: Sequence[str] = tuple(QUERIES)) -> int:
        assert self._told
        self._told.write(f"{changing.folder}\t{last}\t{broken}\t{','.join(tables)}\n")
        self._told.flush()
        return self._answer()

    def _answer(self) -> int:
        assert self._answers
        return int(self._answers.readline())


@contextmanager
def runner() -> Iterator[Runner]:
    command = [*ended_with_us(), sys.executable, "-c", f"from {__name__} import serve; serve()"]
    variables = environment({"PYTHONPATH": str(PROJECT)})
    with subprocess.Popen(command, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Runner(process)
