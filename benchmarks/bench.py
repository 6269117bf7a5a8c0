"""Measure what this project adds to a bare DuckDB script, to an empty Dagster graph and to importing Dagster.

    python -m benchmarks.bench [--scales 1,100] [--runs 5]

Run it in the project's own environment. Landing files are made once a scale.
"""

import argparse
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.bench_peers import (
    ITS_OWN,
    PACKAGES,
    PROJECT,
    TIMES,
    Contender,
    command_for,
    contenders_from,
    landing_root,
    programs_folder,
    runs_from,
    scales_from,
)
from benchmarks.measure import (
    Command,
    CommandError,
    Measurement,
    Spread,
    compare,
    describe_machine,
    format_megabytes,
    format_seconds,
    peak_bytes,
    print_markdown_table,
    wall_ratio,
    wall_seconds,
)

WHOLE_COMMAND, EMPTY_GRAPH, BARE_DUCKDB = contenders_from("stedi_assets,empty_graph,bare_duckdb")

TABLES_ALONE = replace(
    WHOLE_COMMAND,
    name="build_tables",
    arguments=("{programs}/python", "-m", "benchmarks.build_tables", "{landing}", "{output}"),
)

EMPTY_GRAPH_HERE = replace(EMPTY_GRAPH, name="empty_graph_here", dagster_yaml=ITS_OWN)
"""The empty graph with a history of runs as this project keeps it."""

GOAL_SCALE = 100

IMPORTS = (
    Command("import stedi_assets.definitions", [sys.executable, "-c", "import stedi_assets.definitions"]),
    Command("import dagster", [sys.executable, "-c", "import dagster"]),
)


def measure_on(contenders: Sequence[Contender], folder: Path, scale: int, runs: int) -> list[list[Measurement]]:
    """Measure contenders in turns on the landing files of one scale.

    Args:
        contenders: Whom to measure.
        folder: Where landing roots are kept.
        scale: How many times the data of scale 1 is read.
        runs: How often each one is measured.

    Returns:
        The measurements, in the order of the contenders.
    """
    landing = landing_root(folder, scale)
    with TemporaryDirectory(prefix="runs-", dir=folder) as outputs:
        commands = [
            command_for(contender, programs_folder(contender, folder), landing, Path(outputs, contender.name))
            for contender in contenders
        ]
        return list(compare(commands, runs).values())


def time_row(title: str, ours: Sequence[Measurement], other: Sequence[Measurement], goal: str) -> list[str]:
    """Write a row of the results about wall time."""
    ratio = wall_ratio(ours, other)
    return [title, format_seconds(wall_seconds(ours)), format_seconds(wall_seconds(other)), *ratio_cells(ratio, goal)]


def memory_row(title: str, ours: Sequence[Measurement], other: Sequence[Measurement], goal: str) -> list[str]:
    """Write a row of the results about peak memory."""
    ratio = Spread.of(one.peak_bytes / two.peak_bytes for one, two in zip(ours, other, strict=True))
    sizes = [format_megabytes(peak_bytes(measurements).median) for measurements in (ours, other)]
    return [title, *sizes, *ratio_cells(ratio, goal)]


def ratio_cells(ratio: Spread, goal: str) -> list[str]:
    """Write a ratio and the goal for its median."""
    return [f"{ratio.median:.2f} ({ratio.minimum:.2f}–{ratio.maximum:.2f})", goal]


def rows(folder: Path, scales: Iterable[int], runs: int) -> Iterable[list[str]]:
    """Measure everything, and give a row of results at a time."""
    for scale in scales:
        ours, bare = measure_on([TABLES_ALONE, BARE_DUCKDB], folder, scale, runs)
        # A small run is mostly imports: the goals are for one that is mostly work.
        time_goal, memory_goal = ("≤ 1.25", "≤ 1.5") if scale >= GOAL_SCALE else ("", "")
        yield time_row(f"tables in one process / bare DuckDB script, {scale}{TIMES}: seconds", ours, bare, time_goal)
        yield memory_row(f"the same, {scale}{TIMES}: peak memory", ours, bare, memory_goal)
    ours, empty, empty_here = measure_on([WHOLE_COMMAND, EMPTY_GRAPH, EMPTY_GRAPH_HERE], folder, 1, runs)
    yield time_row(f"whole command / empty Dagster graph, 1{TIMES}: seconds", ours, empty, "≤ 1.35")
    yield time_row("the same / one whose runs are kept as this project's are: seconds", ours, empty_here, "≤ 1.35")
    ours, dagster = compare(IMPORTS, 2 * runs).values()
    yield time_row("importing the definitions / importing dagster: seconds", ours, dagster, "≤ 1.15")


def main() -> None:
    """Measure and print the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scales", type=scales_from, default=[1, 100], help="sizes of the data; 1,100 by default")
    parser.add_argument("--runs", type=runs_from, default=5, help="runs of each after its warm-up; 5 by default")
    parser.add_argument("--folder", type=Path, default=PROJECT / ".bench", help="where data is kept; .bench by default")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    results = list(rows(folder, arguments.scales, arguments.runs))
    print(f"\nMedian (minimum–maximum) of {arguments.runs} runs on {describe_machine(PACKAGES)}.\n")
    print_markdown_table(["comparison", "this project", "the other", "ratio", "goal"], results)


if __name__ == "__main__":
    try:
        main()
    except CommandError as error:
        sys.exit(f"bench: {error}")
