"""Measure what a run costs that has little to do: nothing new, a day more, a customer who withdraws.

    python -m benchmarks.bench_change [--scale 100] [--days 100] [--runs 5] [--before CHECKOUT] [--only nothing,dbt]
    python -m benchmarks.bench_change --scale 10 --engine spark
    python -m benchmarks.bench_change --scale 10 --location bucket

Run it in the project's own environment. Seconds are those of tables and checks in one process, without its imports,
unless a row names the whole command. With another engine or location, only the first two parts are measured.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.bench import EMPTY_GRAPH_HERE
from benchmarks.bench_peers import (
    PACKAGES,
    PROJECT,
    TIMES,
    command_for,
    count_delta_rows,
    programs_folder,
    runs_from,
)
from benchmarks.build_tables import COURSE_TABLES, OPENED
from benchmarks.contents import versions
from benchmarks.daily_sample import DailySample
from benchmarks.incremental_peer import IncrementalPeer
from benchmarks.measure import (
    EN_DASH,
    Command,
    CommandError,
    Measurement,
    Spread,
    compare,
    describe_machine,
    format_megabytes,
    format_seconds,
    print_markdown_table,
)
from benchmarks.places import opened_places
from benchmarks.workbench import (
    ALL_DAYS,
    HEADER,
    Increment,
    Row,
    Workbench,
    done,
    own_seconds,
    seconds_row,
    turn_by_turn,
    wall_row,
)

PARTS = ("nothing", "changes", "daily", "before", "dbt")
EVERYWHERE = ("nothing", "changes")
"""The parts that are measured on every engine and in every location."""

COMPARED_RUNS = 5
"""How many daily runs are compared at each end of a row of them."""


def nothing_new(bench: Workbench, runs: int, folder: Path) -> Iterator[Row]:
    """Measures `stedi run` on tables that are up to date, against an empty graph in an instance of the same kind.

    Args:
        bench: The sample, and where it becomes tables.
        runs: How often each is measured.
        folder: Where environments are kept.
    """
    lakehouse = "lakehouse-nothing-new"
    bench.places.clear(lakehouse)
    command = bench.whole_command("nothing new", ALL_DAYS, lakehouse, "nothing-new")
    done(replace(command, name="everything new", verify=partial(bench.require_all_rows, lakehouse)))
    built = versions(bench.places.folder(lakehouse))

    def verify() -> None:
        found = versions(bench.places.folder(lakehouse))
        if found != built:
            new = [table for table, version in found.items() if version != built[table]]
            raise CommandError(f"nothing was new, and yet there are new versions of {', '.join(new)}")

    programs = programs_folder(EMPTY_GRAPH_HERE, folder)
    empty = command_for(EMPTY_GRAPH_HERE, programs, bench.sample.root, bench.scratch / "empty-graph")
    ours, other = compare([replace(command, verify=verify), empty], runs).values()
    yield wall_row("nothing new, the whole command / an empty Dagster graph: seconds", ours, other, 1.3)


def changes(bench: Workbench, runs: int) -> Iterator[Row]:
    """Measures a day more, and a customer who withdraws, each against a full build.

    Args:
        bench: The sample, and where it becomes tables.
        runs: How often each is measured.
    """
    bench.land("landing-but-last", bench.all_days[:-1])
    bench.land("landing-withdrawal", bench.all_days)
    bench.places.put("landing-withdrawal", bench.sample.withdrawal(bench.scratch))
    for landing, lakehouse in (
        ("landing-but-last", "lakehouse-but-last"),
        (ALL_DAYS, "lakehouse-all-days"),
        ("landing-withdrawal", "lakehouse-withdrawal"),
    ):
        done(bench.build(f"full build of {landing}", landing, lakehouse))
    require_lost_readings(bench, "lakehouse-all-days", "lakehouse-withdrawal")
    day = Increment(bench, "one day more", ALL_DAYS, "lakehouse-but-last", "lakehouse-all-days")
    withdrawal = Increment(
        bench, "one customer withdraws", "landing-withdrawal", "lakehouse-all-days", "lakehouse-withdrawal"
    )
    verify = partial(bench.require_all_rows, "lakehouse-full")
    full = bench.build("full build", ALL_DAYS, "lakehouse-full", verify=verify)
    whole, one_day, one_customer = compare([full, day.command, withdrawal.command], runs).values()
    for title, measured, increment, goals in (
        ("one day more", one_day, day, (0.1, 0.02, 0.6)),
        ("one customer withdraws", one_customer, withdrawal, (0.5, None, None)),
    ):
        yield seconds_row(f"{title} / full build of all days: seconds", measured, whole, goals[0])
        yield bytes_row("the same: bytes written / bytes of the lakehouse before", increment, goals[1])
        yield memory_row("the same: peak memory", measured, whole, goals[2])


def require_lost_readings(bench: Workbench, before: str, after: str) -> None:
    """Raises `CommandError` unless one lakehouse has fewer trusted readings than another."""
    rows = [count_delta_rows(bench.places.folder(each), "accelerometer_trusted") for each in (before, after)]
    if rows[1] >= rows[0]:
        raise CommandError("the customer who withdraws has no trusted readings")


def bytes_row(title: str, increment: Increment, goal: float | None) -> Row:
    """Returns a row about what the measured runs on copies of a lakehouse wrote."""
    written, before = Spread.of(increment.written[1:]), increment.bytes_before
    ratio = Spread(written.median / before, written.minimum / before, written.maximum / before)
    return Row(title, format_bytes(written.median), format_bytes(before), ratio, goal)


def format_bytes(size: float) -> str:
    """Writes a size in megabytes, a small one with two digits more."""
    return format_megabytes(size) if size >= 10e6 else f"{size / 1e6:.2f} MB"


def memory_row(title: str, ours: Sequence[Measurement], other: Sequence[Measurement], goal: float | None) -> Row:
    """Returns a row about the peak memory of commands that were measured in turns."""
    ours_peak, other_peak = ([measurement.peak_bytes for measurement in each] for each in (ours, other))
    cells = [format_megabytes(Spread.of(each).median) for each in (ours_peak, other_peak)]
    return Row(title, cells[0], cells[1], turn_by_turn(ours_peak, other_peak), goal)


def daily_runs(bench: Workbench, count: int) -> Iterator[Row]:
    """Measures the last days of the sample one after the other, in one lakehouse.

    Args:
        bench: The sample, and where it becomes tables.
        count: The number of days, at most half of them.
    """
    count = min(count, bench.sample.days // 2)
    first = bench.sample.days - count
    landing, lakehouse = "landing-daily", "lakehouse-daily"
    bench.land(landing, bench.all_days[:first])
    done(bench.build(f"full build of {first} days", landing, lakehouse))
    seconds = []
    for day in bench.all_days[first:]:
        bench.places.put(landing, bench.sample.files([day]))
        seconds += own_seconds([done(bench.build(f"day {day}", landing, lakehouse, prepare=lambda: None))])
    bench.require_all_rows(lakehouse)
    ends = min(COMPARED_RUNS, count // 2)
    last, earliest = Spread.of(seconds[-ends:]), Spread.of(seconds[:ends])
    ratio = Spread.of([last.median / earliest.median])
    title = f"{count} daily runs, the last {ends} / the first {ends}: seconds"
    yield Row(title, format_seconds(last), format_seconds(earliest), ratio, 1.2)


def before_and_now(bench: Workbench, checkout: Path, runs: int) -> Iterator[Row]:
    """Measures a full build of this code against that of another commit.

    Args:
        bench: The sample, and where it becomes tables.
        checkout: A worktree of the other commit.
        runs: How often each is measured.
    """
    has_checks = (checkout / "benchmarks" / "build_and_check.py").exists()
    program, title = (
        ("benchmarks.build_and_check", "tables and checks in one process")
        if has_checks
        else ("benchmarks.build_tables", "tables alone in one process")
    )
    counted = bench.sample.expected_counts if has_checks else COURSE_TABLES & bench.sample.expected_counts.keys()
    places = [(name, f"lakehouse-{name}") for name in ("now", "before")]
    for what, tables, arguments in (
        (title, counted, [program, bench.places.location(ALL_DAYS), "{lakehouse}"]),
        ("the whole command", bench.sample.expected_counts, ["stedi_assets", "run"]),
    ):
        commands = [
            Command(
                name=f"{what}, {name}",
                arguments=[
                    *(sys.executable, "-m"),
                    *(each.format(lakehouse=bench.places.location(lakehouse)) for each in arguments),
                ],
                environment={
                    **bench.environment(ALL_DAYS, lakehouse),
                    **bench.instance(name),
                    "PYTHONPATH": str(code),
                },
                folder=code,
                prepare=partial(bench.places.clear, lakehouse),
                verify=partial(bench.require_all_rows, lakehouse, tables),
            )
            for (name, lakehouse), code in zip(places, (PROJECT, checkout), strict=True)
        ]
        now, before = compare(commands, runs).values()
        yield wall_row(f"full build, {what} / that of the commit before: seconds", now, before, 1.05)


def checkout_from(text: str) -> Path:
    """Reads the folder of a worktree, whose code Python must find there."""
    folder = Path(text).resolve()
    found = subprocess.run(
        [sys.executable, "-c", "import stedi_assets; print(stedi_assets.__file__)"],
        cwd=folder if folder.is_dir() else None,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    if found != str(folder / "stedi_assets" / "__init__.py"):
        raise argparse.ArgumentTypeError(f"{text} is no checkout of this project")
    return folder


def rows(bench: Workbench, arguments: argparse.Namespace, folder: Path) -> Iterator[Row]:
    """Measures the parts that were asked for, but dbt's wrong rows, and yields a row of results at a time."""
    bench.land(ALL_DAYS, bench.all_days)
    if "nothing" in arguments.only:
        yield from nothing_new(bench, arguments.runs, folder)
    if "changes" in arguments.only:
        yield from changes(bench, arguments.runs)
    if "daily" in arguments.only:
        yield from daily_runs(bench, arguments.daily_runs)
    if "before" in arguments.only and arguments.before:
        yield from before_and_now(bench, arguments.before, arguments.runs)


def parts_from(text: str) -> list[str]:
    """Reads comma-separated names of parts."""
    names = text.split(",")
    if unknown := [name for name in names if name not in PARTS]:
        raise argparse.ArgumentTypeError(f"no part is called {', '.join(unknown)}: there are {', '.join(PARTS)}")
    return names


def parse_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", type=int, default=100, help="size of the data; 100 by default")
    parser.add_argument("--days", type=int, default=100, help="days that it is spread over; 100 by default")
    parser.add_argument("--runs", type=runs_from, default=5, help="runs of each after its warm-up; 5 by default")
    parser.add_argument("--daily-runs", type=int, default=30, help="daily runs in a row; 30 by default")
    parser.add_argument("--engine", choices=list(OPENED), default="duckdb", help="what computes; duckdb by default")
    parser.add_argument("--location", choices=["disk", "bucket"], default="disk", help="where all is; disk by default")
    parser.add_argument("--before", type=checkout_from, help="a worktree of the commit to compare a full build with")
    parser.add_argument("--only", type=parts_from, help=f"parts of {', '.join(PARTS)}; all by default")
    parser.add_argument("--folder", type=Path, default=PROJECT / ".bench", help="where data is kept; .bench by default")
    arguments = parser.parse_args()
    is_elsewhere = (arguments.engine, arguments.location) != ("duckdb", "disk")
    arguments.only = arguments.only or (EVERYWHERE if is_elsewhere else PARTS)
    if is_elsewhere and not set(arguments.only) <= set(EVERYWHERE):
        parser.error(f"with another engine or location, --only takes {' and '.join(EVERYWHERE)}")
    if arguments.days < 4:
        parser.error("--days must be 4 or more")
    return arguments


def main() -> None:
    """Measure and print the results."""
    arguments = parse_arguments()
    folder = arguments.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    sample = DailySample.written(folder, arguments.scale, arguments.days)
    results: list[Row] = []
    wrong: tuple[list[str], list[list[str]]] | None = None
    with TemporaryDirectory(prefix="runs-", dir=folder) as name:
        scratch, kept = (Path(name, each) for each in ("scratch", "places"))
        for each in (scratch, kept):
            each.mkdir()
        with opened_places(arguments.location, kept) as places:
            bench = Workbench(sample, places, arguments.engine, scratch)
            results += rows(bench, arguments, folder)
            if "dbt" in arguments.only:
                peer = IncrementalPeer(bench, folder)
                results += peer.daily_run(arguments.runs)
                wrong = peer.wrong_rows()
    print(f"\nMedian (minimum{EN_DASH}maximum) of {arguments.runs} runs on {describe_machine(PACKAGES)}.\n")
    title = f"{arguments.scale}{TIMES} over {arguments.days} days, {arguments.engine}, {arguments.location}"
    print_markdown_table([title, *HEADER[1:]], [row.cells for row in results])
    if "before" in arguments.only and not arguments.before:
        print("\nA full build was not compared with that of the commit before: no --before CHECKOUT was given.")
    if wrong:
        print()
        print_markdown_table(*wrong)


if __name__ == "__main__":
    try:
        main()
    except (CommandError, subprocess.CalledProcessError) as error:
        sys.exit(f"bench_change: {error}")
