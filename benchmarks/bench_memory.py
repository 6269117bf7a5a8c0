"""Compare two full builds, one with a memory limit for DuckDB and one without: their seconds and peak memory.

    python -m benchmarks.bench_memory [--scale 300] [--days 100] [--limit 1GB] [--runs 3]

Each build computes all tables and checks in one process. Without a limit, DuckDB takes up to 80% of the machine's
memory.
"""

import argparse
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.bench_change import memory_row
from benchmarks.bench_peers import PACKAGES, PROJECT, TIMES, runs_from
from benchmarks.daily_sample import DailySample
from benchmarks.measure import EN_DASH, Command, compare, describe_machine, print_markdown_table
from benchmarks.places import Places
from benchmarks.workbench import ALL_DAYS, HEADER, Workbench, seconds_row

GOAL = 1.2


def build(bench: Workbench, name: str, limit: str | None) -> Command:
    """Returns the command that builds and checks all tables.

    Args:
        bench: The sample, and where it becomes tables.
        name: What the command is called in the results.
        limit: DuckDB's memory limit; None for its default.
    """
    command = bench.build(name, ALL_DAYS, "lakehouse", verify=partial(bench.require_all_rows, "lakehouse"))
    return command.with_variables({"STEDI_DUCKDB_MEMORY_LIMIT": limit} if limit else {})


def main() -> None:
    """Measure and print the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", type=int, default=300, help="size of the data; 300 by default")
    parser.add_argument("--days", type=int, default=100, help="days that it is spread over; 100 by default")
    parser.add_argument("--limit", default="1GB", help="the memory limit; 1GB by default")
    parser.add_argument("--runs", type=runs_from, default=3, help="runs of each after its warm-up; 3 by default")
    parser.add_argument("--folder", type=Path, default=PROJECT / ".bench", help="where data is kept; .bench by default")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    sample = DailySample.written(folder, arguments.scale, arguments.days)
    with TemporaryDirectory(prefix="runs-", dir=folder) as scratch:
        kept = Path(scratch, "places")
        kept.mkdir()
        bench = Workbench(sample, Places(kept), "duckdb", Path(scratch))
        bench.land(ALL_DAYS, bench.all_days)
        commands = [build(bench, "with a limit", arguments.limit), build(bench, "without a limit", None)]
        limited, free = compare(commands, arguments.runs).values()
    print(f"\nMedian (minimum{EN_DASH}maximum) of {arguments.runs} runs on {describe_machine(PACKAGES)}.\n")
    title = f"{arguments.scale}{TIMES}, a full build with a limit of {arguments.limit} / without"
    rows = [
        seconds_row(f"{title}: seconds", limited, free, GOAL),
        memory_row("the same: peak memory", limited, free, None),
    ]
    print_markdown_table(HEADER, [row.cells for row in rows])


if __name__ == "__main__":
    main()
