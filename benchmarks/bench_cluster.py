"""Measure a full build on a standalone cluster of Spark with one worker and with two, and the memory of its driver.

    python -m benchmarks.bench_cluster [--scale 100] [--runs 3]

Each worker has one core. Seconds are those of all tables and checks in one process, without its imports. A command's
memory is that of the driver, because the workers start the processes that compute.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.bench_change import memory_row
from benchmarks.bench_peers import PACKAGES, PROJECT, TIMES, runs_from
from benchmarks.daily_sample import DailySample
from benchmarks.measure import EN_DASH, Command, compare, describe_machine, print_markdown_table
from benchmarks.places import Places
from benchmarks.workbench import ALL_DAYS, HEADER, Row, Workbench, seconds_row
from stedi_assets_tests.support.servers import HOST
from stedi_assets_tests.support.spark_servers import SparkCluster, spark_cluster

DAYS = 100
"""The days that a sample is spread over: a folder of 100 files, which two workers can share."""


def build_on(cluster: SparkCluster, bench: Workbench, name: str) -> Command:
    """Returns the command that builds and checks all tables on a cluster.

    Args:
        cluster: It computes.
        bench: The sample, and where it becomes tables.
        name: What the command is called in the results.
    """
    options = {
        # A driver of one size at each scale: the heap of Java grows with the garbage up to its limit.
        "spark.driver.memory": "1g",
        # What passes the driver is bounded: a job whose results are larger fails.
        "spark.driver.maxResultSize": "64m",
        "spark.driver.host": HOST,
        "spark.executor.memory": "1g",
        "spark.sql.execution.pyspark.python": sys.executable,
        "spark.ui.enabled": "false",
    }
    lakehouse = f"lakehouse-{bench.sample.root.name}"
    command = bench.build(name, ALL_DAYS, lakehouse, verify=partial(bench.require_all_rows, lakehouse))
    variables = {"STEDI_SPARK_MASTER": cluster.url, "STEDI_SPARK_CONF": json.dumps(options)}
    return command.with_variables(variables)


def rows(large: Workbench, small: Workbench, one: SparkCluster, two: SparkCluster, runs: int) -> Iterator[Row]:
    """Measures, and yields a row of results at a time."""
    commands = [
        build_on(one, large, "one worker"),
        build_on(two, large, "two workers"),
        build_on(two, small, "two workers, a tenth of the data"),
    ]
    with_one, with_two, of_a_tenth = compare(commands, runs).values()
    yield seconds_row("full build on one worker / on two: seconds", with_one, with_two)
    yield memory_row("two workers / a tenth of the data: peak memory of the driver", with_two, of_a_tenth, 1.2)


def main() -> None:
    """Measure and print the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", type=int, default=100, help="size of the data; 100 by default")
    parser.add_argument("--runs", type=runs_from, default=3, help="runs of each after its warm-up; 3 by default")
    parser.add_argument("--folder", type=Path, default=PROJECT / ".bench", help="where data is kept; .bench by default")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    samples = [DailySample.written(folder, scale, DAYS) for scale in (arguments.scale, arguments.scale // 10)]
    with TemporaryDirectory(prefix="runs-", dir=folder) as name, ExitStack() as stack:
        scratches = [Path(name, sample.root.name) for sample in samples]
        benches = []
        for sample, scratch in zip(samples, scratches, strict=True):
            (scratch / "places").mkdir(parents=True)
            bench = Workbench(sample, Places(scratch / "places"), "spark", scratch)
            bench.land(ALL_DAYS, bench.all_days)
            benches.append(bench)
        clusters = []
        for workers in (1, 2):
            work = Path(name, f"workers-{workers}")
            work.mkdir()
            clusters.append(stack.enter_context(spark_cluster(work, workers)))
        results = list(rows(*benches, *clusters, arguments.runs))
    print(f"\nMedian (minimum{EN_DASH}maximum) of {arguments.runs} runs on {describe_machine(PACKAGES)}.\n")
    title = f"{arguments.scale}{TIMES} on a standalone cluster"
    print_markdown_table([title, *HEADER[1:]], [row.cells for row in results])


if __name__ == "__main__":
    main()
