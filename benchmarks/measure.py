"""Measure whole commands: wall time, CPU time and peak memory, as a user at the terminal gets them.

The commands that are compared take turns (A B A B ...), after one unmeasured warm-up each, and their ratio is taken
turn by turn, so that a machine that is slow for a while is slow for all of them. Standard library only.
"""

import ctypes
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from resource import struct_rusage
from typing import Any

EN_DASH = "\N{EN DASH}"
MAXIMUM_RESIDENT_SET_UNIT = 1 if sys.platform == "darwin" else 1024
PR_SET_CHILD_SUBREAPER = 36
OUTPUT_LINES_SHOWN = 20


class CommandError(RuntimeError):
    """A measured command failed, so there is nothing to compare."""


def _do_nothing() -> None:
    pass


@dataclass(frozen=True)
class Command:
    """A command to measure.

    Attributes:
        name: What it is called in the results.
        arguments: The program and its arguments.
        environment: The variables set for it, besides those of this process.
        folder: The folder it runs in; that of this process by default.
        prepare: Called before every run, not measured.
        verify: Called after every run, not measured; it raises when the command did not do its work.
        report: A JSON file in which the command says what it measured itself.
    """

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None
    prepare: Callable[[], object] = _do_nothing
    verify: Callable[[], None] = _do_nothing
    report: Path | None = None

    def with_variables(self, variables: Mapping[str, str]) -> "Command":
        """Return this command with more variables in its environment."""
        return replace(self, environment={**self.environment, **variables})


@dataclass(frozen=True)
class Measurement:
    """What one run of a command took.

    Attributes:
        wall_seconds: From its start until the command itself ended.
        cpu_seconds: User and system time of all its processes.
        peak_bytes: The largest resident set of any single one of its processes.
        reported: The content of the command's own report.
    """

    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int
    reported: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.wall_seconds:.2f} s, CPU {self.cpu_seconds:.2f} s, {format_megabytes(self.peak_bytes)}"


@dataclass(frozen=True)
class Spread:
    """The median and the extremes of a sample."""

    median: float
    minimum: float
    maximum: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread":
        """Summarize a sample of at least one value."""
        sample = list(values)
        return cls(statistics.median(sample), min(sample), max(sample))


def measure(command: Command) -> Measurement:
    """Run a command once, wait for all its processes and verify its work.

    Raises:
        CommandError: The command could not be started or ended with an exit code other than 0.
    """
    command.prepare()
    if command.report:
        command.report.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+", errors="replace") as output:
        report = Path(folder, "report.json")
        # A process counts the memory of the one that started it until it runs a program of its own, so a small
        # process starts the command: the caller may be large.
        supervisor = subprocess.run(
            [sys.executable, "-I", __file__, str(report), *command.arguments],
            cwd=command.folder,
            env={**os.environ, **command.environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
        if supervisor.returncode != 0:
            output.seek(0)
            raise CommandError(
                f"{command.name} failed with exit code {supervisor.returncode}:\n{telling_lines(output)}"
            )
        reported = json.loads(command.report.read_text()) if command.report else {}
        measurement = Measurement(**json.loads(report.read_text()), reported=reported)
    command.verify()
    return measurement


def telling_lines(output: Iterable[str]) -> str:
    """Cut a failed command's output to the lines that name an error and its last lines."""
    lines = [line.rstrip() for line in output]
    earlier, last = lines[:-OUTPUT_LINES_SHOWN], lines[-OUTPUT_LINES_SHOWN:]
    errors = [line for line in earlier if "Error" in line or "Exception" in line]
    return "\n".join([*errors[:OUTPUT_LINES_SHOWN], *last])


def compare(commands: Sequence[Command], runs: int) -> dict[str, list[Measurement]]:
    """Measure commands in turns, each one a number of times after a warm-up, and log every run to standard error.

    Args:
        commands: The commands, each with a name of its own.
        runs: How often each one is measured.

    Returns:
        The measurements by command name, in the order of the turns.
    """
    measurements: dict[str, list[Measurement]] = {command.name: [] for command in commands}
    for turn in range(runs + 1):
        for command in commands:
            measurement = measure(command)
            label = f"run {turn} of {runs}" if turn else "warm-up"
            print(f"{command.name}, {label}: {measurement}", file=sys.stderr, flush=True)
            if turn:
                measurements[command.name].append(measurement)
    return measurements


def wall_seconds(measurements: Iterable[Measurement]) -> Spread:
    """Summarize the wall time of the runs of one command."""
    return Spread.of(measurement.wall_seconds for measurement in measurements)


def cpu_seconds(measurements: Iterable[Measurement]) -> Spread:
    """Summarize the CPU time of the runs of one command."""
    return Spread.of(measurement.cpu_seconds for measurement in measurements)


def peak_bytes(measurements: Iterable[Measurement]) -> Spread:
    """Summarize the peak memory of the runs of one command."""
    return Spread.of(measurement.peak_bytes for measurement in measurements)


def wall_ratio(measurements: Sequence[Measurement], baseline: Sequence[Measurement]) -> Spread:
    """Summarize how many times as long as a baseline a command took, each run over the baseline's of the same turn."""
    pairs = zip(measurements, baseline, strict=True)
    return Spread.of(measurement.wall_seconds / other.wall_seconds for measurement, other in pairs)


def format_seconds(spread: Spread) -> str:
    """Write a spread of seconds as its median and, in brackets, its extremes."""
    digits = 1 if spread.median >= 1 else 2
    return f"{spread.median:.{digits}f} ({spread.minimum:.{digits}f}{EN_DASH}{spread.maximum:.{digits}f})"


def format_megabytes(size: float) -> str:
    """Write a size in bytes as whole megabytes."""
    return f"{size / 1e6:,.0f} MB"


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a Markdown table whose first column is text and whose other columns are numbers."""
    alignment = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, alignment, *rows))


def print_markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a Markdown table whose first column is text and whose other columns are numbers."""
    print(markdown_table(header, rows))


def describe_machine(packages: Iterable[str] = ()) -> str:
    """Describe what the measurements depend on, with nothing that tells whose machine it is.

    Args:
        packages: Names of installed packages whose versions matter.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    facts = (
        f"{cores} cores",
        f"{memory / 2**30:.0f} GiB of memory",
        f"{platform.system()} {platform.machine()}",
        f"Python {platform.python_version()}",
        *(f"{package} {version(package)}" for package in packages),
    )
    return ", ".join(facts)


def _adopt_orphans() -> None:
    """Become the parent of processes whose own parent ends, such as Spark's JVM, so that they are measured too."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _wait_for_all(process_id: int, started: float) -> tuple[int, float, list[struct_rusage]]:
    """Wait for every child; return the exit code and wall time of one of them and the resources used by each."""
    exit_code, wall, usages = 0, 0.0, []
    while True:
        try:
            ended, status, usage = os.wait4(-1, 0)
        except ChildProcessError:
            return exit_code, wall, usages
        usages.append(usage)
        if ended == process_id:
            wall = time.perf_counter() - started
            exit_code = os.waitstatus_to_exitcode(status)


def _supervise(report: Path, arguments: list[str]) -> int:
    """Run one command, write what it took as JSON and return its exit code."""
    _adopt_orphans()
    started = time.perf_counter()
    process_id = os.posix_spawnp(arguments[0], arguments, os.environ)
    exit_code, wall, usages = _wait_for_all(process_id, started)
    took = {
        "wall_seconds": wall,
        "cpu_seconds": sum(usage.ru_utime + usage.ru_stime for usage in usages),
        "peak_bytes": max(usage.ru_maxrss for usage in usages) * MAXIMUM_RESIDENT_SET_UNIT,
    }
    report.write_text(json.dumps(took))
    return exit_code


if __name__ == "__main__":
    sys.exit(_supervise(Path(sys.argv[1]), sys.argv[2:]))
