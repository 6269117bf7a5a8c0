"""Measure a run after years of small deliveries: a file of each source a day, or one tiny file a run.

    python -m benchmarks.bench_year [--days 365] [--tiny-runs 2000] [--plot benchmarks/year.png]

Each run is a process whose clock is a day later than that of the run before, by libfaketime (Debian's package
faketime), so that a run deletes what is older than the retention. Files get the time of their run. At the end, all
rows are compared with those of a full build. Times are processor seconds, which a busy machine changes least.
"""

import argparse
import json
import os
import random
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from matplotlib.figure import Figure

from benchmarks.bench_peers import PACKAGES, PROJECT
from benchmarks.contents import require_same_rows
from benchmarks.daily_sample import DailySample
from benchmarks.measure import (
    EN_DASH,
    Command,
    CommandError,
    Measurement,
    Spread,
    describe_machine,
    format_seconds,
    measure,
    print_markdown_table,
)
from benchmarks.places import Places
from benchmarks.workbench import Workbench
from stedi_assets.contract import SOURCES

FIRST_DAY = datetime(2024, 3, 5, 6, tzinfo=UTC)
NEW_CUSTOMERS = 3
READINGS = 200
TINY_READINGS = 10
MARKS = (10, 100, 365, 1000, 2000)
RUNS_AT_A_MARK = 5
"""The runs up to a mark whose median counts."""


@dataclass(frozen=True)
class Size:
    """What the files of a lakehouse take after a run.

    Attributes:
        files: The number of all files.
        log_bytes: The bytes of the tables' logs.
        lakehouse_bytes: The bytes of all files.
        raw_bytes: The bytes of the landing files.
        history_bytes: The bytes of Dagster's history.
    """

    files: int
    log_bytes: int
    lakehouse_bytes: int
    raw_bytes: int
    history_bytes: int


def day_of(number: int) -> datetime:
    """Returns the instant of a run; the first has the number 1."""
    return FIRST_DAY + timedelta(days=number - 1)


def records_of(number: int) -> Mapping[str, list[dict[str, object]]]:
    """Makes up the records that arrive on one day, from the name of a source to its records.

    The readings are of the customers who registered that day and the day before. Two of three share with research.
    """
    draw = random.Random(number)
    midnight = int(day_of(number).timestamp() * 1000)
    instants = [midnight + 1000 * second for second in range(READINGS)]
    today, both = _customers(number), [*_customers(number - 1), *_customers(number)]
    of_devices = [(at, draw.choice(both)["serialNumber"]) for at in instants]
    return {
        "customer_files": today,
        "accelerometer_files": [
            {"user": customer["email"], "timestamp": at, **{axis: draw.choice((-1.0, 0.0, 1.0)) for axis in "xyz"}}
            for at in instants
            for customer in [draw.choice(both)]
        ],
        "step_trainer_files": [
            {"sensorReadingTime": at, "serialNumber": device, "distanceFromObject": draw.randint(0, 300)}
            for at, device in of_devices
        ],
    }


def tiny_records_of(number: int) -> Mapping[str, list[dict[str, object]]]:
    """Makes up what arrives on a day with one tiny file; on the first one, the customers arrive too."""
    records = records_of(number)
    readings = [
        {**reading, "user": customer["email"]}
        for reading, customer in zip(records["accelerometer_files"], _customers(1) * TINY_READINGS, strict=False)
    ]
    first = {source: records[source] if number == 1 else [] for source in SOURCES}
    return {**first, "accelerometer_files": readings[:TINY_READINGS]}


def _customers(number: int) -> list[dict[str, object]]:
    registered = int(day_of(number).timestamp() * 1000)
    customers: list[dict[str, object]] = []
    for place in range(NEW_CUSTOMERS):
        name = f"customer-{number}-{place}"
        customer: dict[str, object] = {
            "customerName": name,
            "email": f"{name}@example.com",
            "phone": "5550100",
            "birthDay": "1980-01-01",
            "serialNumber": f"serial-{number}-{place}",
            "registrationDate": registered,
            "lastUpdateDate": registered,
        }
        customers.append({**customer, "shareWithResearchAsOfDate": registered} if place else customer)
    return customers


def land(landing: Path, number: int, records: Mapping[str, list[dict[str, object]]]) -> None:
    """Writes the files of one day."""
    for source, lines in records.items():
        folder = landing / SOURCES[source].path
        folder.mkdir(parents=True, exist_ok=True)
        if lines:
            file = folder / f"{source}-{day_of(number):%Y-%m-%d}.json"
            file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
            _set_time(file, day_of(number))


def size_of(landing: Path, lakehouse: Path, history: Path | None) -> Size:
    """Returns what the files take."""
    sizes = {path: path.stat().st_size for path in lakehouse.rglob("*") if path.is_file()}
    return Size(
        len(sizes),
        sum(size for path, size in sizes.items() if "_delta_log" in path.parts),
        sum(sizes.values()),
        _bytes_below(landing),
        _bytes_below(history) if history else 0,
    )


def runs_day_by_day(command: Command, folder: Path, count: int, arrive: Callable[[int], None]) -> Iterator[Measurement]:
    """Runs a command once a day, after the files of the day have arrived.

    Args:
        command: It brings all tables up to date.
        folder: The folder whose new files get the time of their run.
        count: The number of days.
        arrive: Lands the files of a day.

    Yields:
        What each run took.
    """
    for number in range(1, count + 1):
        arrive(number)
        clock = {
            "LD_PRELOAD": str(libfaketime()),
            "FAKETIME": f"@{day_of(number).timestamp():.0f}",
            "FAKETIME_FMT": "%s",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            # The files have the time of their run already.
            "NO_FAKE_STAT": "1",
        }
        measurement = measure(replace(command, environment={**command.environment, **clock}))
        _date_new_files(folder, day_of(number))
        print(f"{command.name}, run {number} of {count}: {measurement}", file=sys.stderr, flush=True)
        yield measurement


def libfaketime() -> Path:
    """Returns the library that gives a process another clock.

    Raises:
        CommandError: It is not installed.
    """
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not found:
        raise CommandError("libfaketime is not installed: install Debian's package faketime.")
    return found[0]


def _date_new_files(folder: Path, day: datetime) -> None:
    # Every run before was on an earlier day than today's, which this machine's clock gives to new files.
    years_later = (day + timedelta(days=1)).timestamp()
    for path in folder.rglob("*"):
        if path.is_file() and path.stat().st_mtime > years_later:
            _set_time(path, day)


def _set_time(file: Path, day: datetime) -> None:
    os.utime(file, (day.timestamp(), day.timestamp()))


def _bytes_below(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@dataclass(frozen=True)
class Series:
    """The runs of one kind.

    Attributes:
        title: What they are, in the results.
        measured: What each run took.
        sizes: What the files took after each.
    """

    title: str
    measured: Sequence[Measurement]
    sizes: Sequence[Size]

    def seconds_at(self, mark: int) -> Spread:
        """Summarizes the processor seconds of the last runs up to a mark."""
        return Spread.of(each.cpu_seconds for each in self.measured[mark - RUNS_AT_A_MARK : mark])

    def rows(self) -> Iterator[list[str]]:
        """Yields a row of results for each mark."""
        for mark in self.marks:
            seconds, size = self.seconds_at(mark), self.sizes[mark - 1]
            ratio = seconds.median / self.seconds_at(self.marks[0]).median
            peak = Spread.of(each.peak_bytes for each in self.measured[mark - RUNS_AT_A_MARK : mark])
            yield [
                f"{self.title}, run {mark:,}",
                format_seconds(seconds),
                f"{ratio:.2f}",
                f"{peak.median / 1e6:,.0f} MB",
                f"{size.files:,}",
                *(f"{each / 1e6:.2f}" for each in (size.log_bytes, size.lakehouse_bytes, size.raw_bytes)),
                f"{size.history_bytes / 1e6:.1f}" if size.history_bytes else "",
            ]

    @property
    def marks(self) -> list[int]:
        """The marks that the series reached."""
        return [mark for mark in MARKS if mark <= len(self.measured)]


def measured_series(folder: Path, name: str, count: int) -> Series:
    """Runs one kind of series in a folder, and compares its rows with those of a full build.

    Args:
        folder: An empty one.
        name: `year` or `tiny`.
        count: The number of runs.
    """
    (folder / "places").mkdir(parents=True)
    places = Places(folder / "places")
    bench = Workbench(DailySample(folder, count), places, "duckdb", folder)
    landing, lakehouse = places.folder("landing"), places.folder("lakehouse")
    records = records_of if name == "year" else tiny_records_of
    if name == "year":
        command = bench.whole_command("a year, a file of each source a day", "landing", "lakehouse", name)
        history = Path(command.environment["DAGSTER_HOME"])
    else:
        command = bench.build("one tiny file a run", "landing", "lakehouse", prepare=lambda: None)
        history = None

    def arrive(number: int) -> None:
        land(landing, number, records(number))

    measured, sizes = [], []
    for measurement in runs_day_by_day(command, folder, count, arrive):
        measured.append(measurement)
        sizes.append(size_of(landing, lakehouse, history))
    measure(bench.build("a full build", "landing", "lakehouse-full"))
    require_same_rows(lakehouse, places.folder("lakehouse-full"))
    return Series(command.name, measured, sizes)


def plot(series: Sequence[Series], file: Path) -> None:
    """Draws how the time of a run and the bytes grow with the runs.

    Args:
        series: The kinds of runs.
        file: The picture.
    """
    figure = Figure(figsize=(9, 3.2 * len(series)), layout="constrained")
    axes = figure.subplots(len(series), 2, squeeze=False)
    for (seconds, size), each in zip(axes, series, strict=True):
        runs = range(1, len(each.measured) + 1)
        seconds.plot(runs, [measurement.cpu_seconds for measurement in each.measured], linewidth=0.6)
        seconds.set(title=each.title, xlabel="run", ylabel="processor seconds of a run", ylim=(0, None))
        for label, values in (
            ("raw files", [at.raw_bytes for at in each.sizes]),
            ("lakehouse", [at.lakehouse_bytes for at in each.sizes]),
            ("of which logs", [at.log_bytes for at in each.sizes]),
        ):
            size.plot(runs, [value / 1e6 for value in values], label=label, linewidth=1)
        size.set(xlabel="run", ylabel="MB", ylim=(0, None))
        size.legend()
    figure.savefig(file, dpi=120)


def main() -> None:
    """Measure, draw and print the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--days", type=int, default=365, help="runs with a file of each source; 365 by default")
    parser.add_argument("--tiny-runs", type=int, default=2000, help="runs with one tiny file; 2,000 by default")
    parser.add_argument("--folder", type=Path, default=PROJECT / ".bench", help="where data is kept; .bench by default")
    parser.add_argument("--plot", type=Path, default=PROJECT / "benchmarks" / "year.png", help="the picture's file")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    counts = {"year": arguments.days, "tiny": arguments.tiny_runs}
    with TemporaryDirectory(prefix="runs-", dir=arguments.folder.resolve()) as scratch:
        series = [measured_series(Path(scratch, name), name, count) for name, count in counts.items() if count]
    plot(series, arguments.plot)
    print(f"\nMedian (minimum{EN_DASH}maximum) of {RUNS_AT_A_MARK} runs up to each on {describe_machine(PACKAGES)}.\n")
    header = ["runs", "processor seconds", "over run 10", "peak memory", "files", "logs, MB", "lakehouse, MB"]
    print_markdown_table([*header, "raw files, MB", "history, MB"], [row for each in series for row in each.rows()])


if __name__ == "__main__":
    main()
