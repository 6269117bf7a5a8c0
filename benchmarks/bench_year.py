"""Measure a run after years of small deliveries: a file of each source a day, or one tiny file a run.

    python -m benchmarks.bench_year [--days 365] [--tiny-runs 2000] [--plot benchmarks/year.png]

Each run is a process whose clock is a day later than that of the run before, by libfaketime (Debian's package
faketime), so that a run deletes what is older than the retention. Files get the time of their run. At the end, all
rows are compared with those of a full build, and the runs after the marks are measured in turns, each on a copy of
what the run before it left: a series takes more than an hour, in which the speed of a shared machine changes.
"""

import argparse
import json
import os
import random
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
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
    compare,
    cpu_seconds,
    describe_machine,
    format_megabytes,
    format_seconds,
    measure,
    peak_bytes,
    print_markdown_table,
    wall_ratio,
    wall_seconds,
)
from benchmarks.places import Places
from benchmarks.workbench import Workbench
from stedi_assets.contract import SOURCES

FIRST_DAY = datetime(2024, 3, 5, 6, tzinfo=UTC)
NEW_CUSTOMERS = 3
READINGS = 200
TINY_READINGS = 10
MARKS = (10, 100, 365, 1000, 2000)
ANOTHER_CLOCK = PROJECT / "benchmarks" / "another_clock"
TURNS = 5
"""How often the run after each mark is measured."""


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


def dated(command: Command, number: int) -> Command:
    """Returns the command with the clock of one day."""
    clock = {
        "LD_PRELOAD": str(libfaketime()),
        "FAKETIME": f"@{day_of(number).timestamp():.0f}",
        "FAKETIME_FMT": "%s",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        # The files have the time of their run already.
        "NO_FAKE_STAT": "1",
        "PYTHONPATH": str(ANOTHER_CLOCK),
    }
    return command.with_variables(clock)


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


class Series:
    """The runs of one kind, in a folder of their own.

    Args:
        folder: Does not exist yet.
        kind: `year` or `tiny`.
        count: The number of runs.

    Attributes:
        title: What they are, in the results.
        measured: What each run took.
        sizes: What the files took after each.
    """

    def __init__(self, folder: Path, kind: str, count: int) -> None:
        self._folder, self._copies, self._count = folder, folder.with_name(f"{folder.name}-copies"), count
        (folder / "places").mkdir(parents=True)
        self._places = Places(folder / "places")
        self._bench = Workbench(DailySample(folder, count), self._places, "duckdb", folder)
        if kind == "year":
            self.title, self._records = "a year, a file of each source a day", records_of
            self._command = self._bench.whole_command(self.title, "landing", "lakehouse", kind)
        else:
            self.title, self._records = "one tiny file a run", tiny_records_of
            self._command = self._bench.build(self.title, "landing", "lakehouse", prepare=lambda: None)
        self.measured: list[Measurement] = []
        self.sizes: list[Size] = []

    @property
    def marks(self) -> list[int]:
        """The marks that the series reaches."""
        return [mark for mark in MARKS if mark <= self._count]

    def run(self) -> None:
        """Runs the command once a day, after the files of the day have arrived, and keeps a copy at each mark.

        Raises:
            CommandError: A run failed, or the rows are not those of a full build.
        """
        for number in range(1, self._count + 1):
            self._arrive(number)
            self.measured.append(measure(dated(self._command, number)))
            _date_new_files(self._folder, day_of(number))
            self.sizes.append(self._size())
            print(f"{self.title}, run {number} of {self._count}: {self.measured[-1]}", file=sys.stderr, flush=True)
            if number in self.marks:
                shutil.copytree(self._folder, self._copies / str(number))
        measure(self._bench.build("a full build", "landing", "lakehouse-full"))
        require_same_rows(self._places.folder("lakehouse"), self._places.folder("lakehouse-full"))

    def rows(self) -> Iterator[list[str]]:
        """Measures the runs after the marks in turns, and yields a row of results for each."""
        commands = {mark: self._run_after(mark) for mark in self.marks}
        measured = compare(list(commands.values()), TURNS)
        for mark, command in commands.items():
            runs, size = measured[command.name], self.sizes[mark - 1]
            ratio = wall_ratio(runs, measured[commands[self.marks[0]].name])
            yield [
                f"{self.title}, run {mark:,}",
                format_seconds(wall_seconds(runs)),
                format_seconds(cpu_seconds(runs)),
                f"{ratio.median:.2f} ({ratio.minimum:.2f}{EN_DASH}{ratio.maximum:.2f})",
                format_megabytes(peak_bytes(runs).median),
                f"{size.files:,}",
                *(f"{each / 1e6:.2f}" for each in (size.log_bytes, size.lakehouse_bytes, size.raw_bytes)),
                f"{size.history_bytes / 1e6:.1f}" if size.history_bytes else "",
            ]

    def _run_after(self, mark: int) -> Command:
        def prepare() -> None:
            shutil.rmtree(self._folder)
            shutil.copytree(self._copies / str(mark), self._folder)
            self._arrive(mark + 1)

        return replace(dated(self._command, mark + 1), name=f"{self.title}, after run {mark:,}", prepare=prepare)

    def _arrive(self, number: int) -> None:
        land(self._places.folder("landing"), number, self._records(number))

    def _size(self) -> Size:
        home = self._command.environment.get("DAGSTER_HOME")
        return size_of(self._places.folder("landing"), self._places.folder("lakehouse"), Path(home) if home else None)


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
        series = [Series(Path(scratch, kind), kind, count) for kind, count in counts.items() if count]
        # Two at once, as each takes one core.
        with ThreadPoolExecutor() as pool:
            list(pool.map(Series.run, series))
        plot(series, arguments.plot)
        rows = [row for each in series for row in each.rows()]
    print(f"\nMedian (minimum{EN_DASH}maximum) of {TURNS} runs after each on {describe_machine(PACKAGES)}.\n")
    header = ["after", "seconds", "processor seconds", "over run 10", "peak memory", "files", "logs, MB"]
    print_markdown_table([*header, "lakehouse, MB", "raw files, MB", "history, MB"], rows)


if __name__ == "__main__":
    main()
