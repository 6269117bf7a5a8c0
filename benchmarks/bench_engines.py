"""Measure the tables on Spark against a bare PySpark script, and how the time of both engines grows with the data.

    python -m benchmarks.bench_engines [--goal-scale 10] [--scales 1,10,100] [--runs 3] [--plot benchmarks/growth.png]

Spark is that of this machine, `local[*]`. Whole commands are timed, the start of a session with them.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from matplotlib.figure import Figure

from benchmarks.bench import TABLES_ALONE, measure_on, time_row
from benchmarks.bench_peers import PACKAGES, PROJECT, TIMES, contenders_from, runs_from, scales_from
from benchmarks.measure import Spread, describe_machine, format_seconds, print_markdown_table, wall_seconds

(BARE_PYSPARK,) = (replace(contender, requirements=None) for contender in contenders_from("pyspark_script"))

ENGINES = {
    engine: replace(TABLES_ALONE, name=engine, arguments=(*TABLES_ALONE.arguments, engine))
    for engine in ("duckdb", "spark")
}

GOAL = "≤ 1.5"


def growth(folder: Path, scales: Sequence[int], runs: int) -> Mapping[int, Sequence[Spread]]:
    """Measure both engines in turns at every scale.

    Args:
        folder: Where landing roots are kept.
        scales: How many times the data of scale 1 is read.
        runs: How often each engine is measured at each.

    Returns:
        From scale to the seconds of the engines, in their order.
    """
    measured = {scale: measure_on(list(ENGINES.values()), folder, scale, runs) for scale in scales}
    return {scale: [wall_seconds(each) for each in measurements] for scale, measurements in measured.items()}


def plot(grown: Mapping[int, Sequence[Spread]], file: Path) -> None:
    """Draw how the time grows.

    Args:
        grown: From scale to the seconds of the engines.
        file: The picture.
    """
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for index, engine in enumerate(ENGINES):
        axes.plot(list(grown), [spreads[index].median for spreads in grown.values()], marker="o", label=engine)
    axes.set(xscale="log", yscale="log", xlabel="times the course's data (11 MB of JSON)", ylabel="seconds")
    axes.set_xticks(list(grown), [f"{scale}{TIMES}" for scale in grown])
    axes.legend()
    figure.savefig(file, dpi=120)


def main() -> None:
    """Measure, draw and print the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--goal-scale", type=int, default=10, help="size beside bare PySpark; 10 by default")
    parser.add_argument(
        "--scales", type=scales_from, default=[1, 10, 100], help="sizes to grow by; 1,10,100 by default"
    )
    parser.add_argument("--runs", type=runs_from, default=3, help="runs of each after its warm-up; 3 by default")
    parser.add_argument("--folder", type=Path, default=PROJECT / ".bench", help="where data is kept; .bench by default")
    parser.add_argument("--plot", type=Path, default=PROJECT / "benchmarks" / "growth.png", help="the picture's file")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    ours, bare = measure_on([ENGINES["spark"], BARE_PYSPARK], folder, arguments.goal_scale, arguments.runs)
    grown = growth(folder, arguments.scales, arguments.runs)
    plot(grown, arguments.plot)
    print(f"\nMedian (minimum–maximum) of {arguments.runs} runs on {describe_machine(PACKAGES)}.\n")
    title = f"tables on Spark / bare PySpark script, {arguments.goal_scale}{TIMES}: seconds"
    print_markdown_table(
        ["comparison", "this project", "the other", "ratio", "goal"], [time_row(title, ours, bare, GOAL)]
    )
    print_markdown_table(
        ["tables in one process: seconds", *ENGINES],
        [[f"{scale}{TIMES}", *map(format_seconds, spreads)] for scale, spreads in grown.items()],
    )


if __name__ == "__main__":
    main()
