"""What `bench_change` measures with: the commands on a daily sample, and the rows of results."""

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.bench_peers import ITS_OWN, PROJECT, count_delta_rows, make_empty
from benchmarks.contents import require_same_rows
from benchmarks.daily_sample import DailySample
from benchmarks.measure import EN_DASH, Command, CommandError, Measurement, Spread, format_seconds, measure
from benchmarks.places import Places
from stedi_assets.contract import TABLES

ALL_DAYS = "landing-all-days"
"""The landing root with the files of all days."""

PSEUDONYM_KEY = "0123456789abcdef" * 4
"""Without a given key, every run makes new pseudonyms, and so a new version of their table."""


@dataclass(frozen=True)
class Row:
    """A row of results.

    Attributes:
        title: What was measured, and over what.
        ours: The measured side, as text.
        other: The other side, as text.
        ratio: The first over the second.
        goal: The largest median that is wanted; None where none is set.
    """

    title: str
    ours: str
    other: str
    ratio: Spread
    goal: float | None = None

    @property
    def cells(self) -> list[str]:
        """The row's cells, for `HEADER`."""
        least, greatest = f"{self.ratio.minimum:.3f}", f"{self.ratio.maximum:.3f}"
        extremes = "" if least == greatest else f" ({least}{EN_DASH}{greatest})"
        goal = [EN_DASH, EN_DASH] if self.goal is None else [f"≤ {self.goal}", self._verdict]
        return [self.title, self.ours, self.other, f"{self.ratio.median:.3f}{extremes}", *goal]

    @property
    def _verdict(self) -> str:
        return "yes" if self.goal is not None and self.ratio.median <= self.goal else "no"


HEADER = ("comparison", "the first", "the second", "ratio", "goal", "met")


@dataclass(frozen=True)
class Workbench:
    """A sample, and where and by what it becomes tables.

    Attributes:
        sample: The landing files.
        places: Where landing roots and lakehouses are kept.
        engine: What computes, duckdb or spark.
        scratch: A folder for anything else.
    """

    sample: DailySample
    places: Places
    engine: str
    scratch: Path

    @property
    def all_days(self) -> range:
        """The days of the sample."""
        return range(1, self.sample.days + 1)

    def land(self, landing: str, days: Iterable[int]) -> None:
        """Makes a landing root of the files of some days."""
        self.places.clear(landing)
        self.places.put(landing, self.sample.files(days))

    def environment(self, landing: str, lakehouse: str) -> dict[str, str]:
        """Returns the settings for a landing root and a lakehouse.

        Args:
            landing: The place of the landing root.
            lakehouse: The place of the lakehouse.
        """
        # The expected counts of the sample hold for all days alone.
        expected_counts = self.scratch / "expected_counts.json"
        expected_counts.write_text("{}")
        return {
            **self.places.environment,
            "STEDI_LANDING": self.places.location(landing),
            "STEDI_LAKEHOUSE": self.places.location(lakehouse),
            "STEDI_ENGINE": self.engine,
            "STEDI_PSEUDONYM_KEY": PSEUDONYM_KEY,
            "STEDI_EXPECTED_COUNTS": str(expected_counts),
        }

    def instance(self, name: str) -> dict[str, str]:
        """Makes a Dagster instance as the project has it, with an empty history, and returns the variable for it."""
        home = self.scratch / f"dagster_home-{name}"
        make_empty(home)
        (home / "dagster.yaml").write_text(ITS_OWN)
        return {"DAGSTER_HOME": str(home)}

    def build(
        self,
        name: str,
        landing: str,
        lakehouse: str,
        prepare: Callable[[], None] | None = None,
        verify: Callable[[], None] | None = None,
    ) -> Command:
        """Returns the command that builds and checks all tables in one process, and reports its seconds.

        Args:
            name: What it is called in the results.
            landing: The place of the landing root.
            lakehouse: The place of the lakehouse.
            prepare: Called before every run; makes the lakehouse empty by default.
            verify: Called after every run; it raises where the tables are wrong.
        """
        report = self.scratch / f"{lakehouse}.report.json"
        locations = (self.places.location(landing), self.places.location(lakehouse))
        options = ("--engine", self.engine, "--report", str(report))
        return Command(
            name=name,
            arguments=[sys.executable, "-m", "benchmarks.build_and_check", *locations, *options],
            environment=self.environment(landing, lakehouse),
            folder=PROJECT,
            prepare=prepare or (lambda: self.places.clear(lakehouse)),
            verify=verify or (lambda: None),
            report=report,
        )

    def whole_command(self, name: str, landing: str, lakehouse: str, instance: str) -> Command:
        """Returns `stedi run` as a command.

        Args:
            name: What it is called in the results.
            landing: The place of the landing root.
            lakehouse: The place of the lakehouse.
            instance: A name for its Dagster instance, which is made here and keeps its history over all runs.
        """
        return Command(
            name=name,
            arguments=[str(Path(sys.executable).parent / "stedi"), "run"],
            environment={**self.environment(landing, lakehouse), **self.instance(instance)},
            folder=PROJECT,
        )

    def require_all_rows(self, lakehouse: str, tables: Iterable[str] = ()) -> None:
        """Counts the rows of tables that were built from all days.

        Args:
            lakehouse: The place of the lakehouse.
            tables: The names of the tables; those of the sample's expected counts by default.

        Raises:
            CommandError: A table has another number of rows.
        """
        expected = self.sample.expected_counts
        require_counts(self.places.folder(lakehouse), {table: expected[table] for table in tables or expected})


class Increment:
    """A run on a copy of a lakehouse, and what it wrote.

    Args:
        bench: The sample, and where it becomes tables.
        name: What the run is called in the results.
        landing: The place of the landing root.
        before: The place of the lakehouse that is copied before every run.
        right: The place of a full build of the same landing root.

    Attributes:
        bytes_before: The bytes of all files of the lakehouse that is copied.
        written: The bytes of the files that each run made or changed, the warm-up's first.
    """

    def __init__(self, bench: Workbench, name: str, landing: str, before: str, right: str) -> None:
        self._places = bench.places
        self._lakehouse = f"{right}-by-parts"
        self._before = before
        self._right = right
        self._sizes: dict[str, tuple[int, int]] = {}
        self.bytes_before = sum(size for size, _ in bench.places.sizes(before).values())
        self.written: list[int] = []
        self.command = bench.build(name, landing, self._lakehouse, self._prepare, self._verify)

    def _prepare(self) -> None:
        self._places.copy(self._before, self._lakehouse)
        self._sizes = self._places.sizes(self._lakehouse)

    def _verify(self) -> None:
        after = self._places.sizes(self._lakehouse)
        self.written.append(sum(state[0] for path, state in after.items() if self._sizes.get(path) != state))
        found, right = (self._places.folder(each) for each in (self._lakehouse, self._right))
        if len(self.written) == 1:
            # Comparing all rows takes longer than the runs: the warm-up stands for the others, which are counted.
            require_same_rows(found, right)
        require_counts(found, {table: count_delta_rows(right, table) for table in TABLES})


def require_counts(lakehouse: Path, expected: dict[str, int]) -> None:
    """Counts the rows of tables.

    Args:
        lakehouse: The folder that holds the tables.
        expected: From a table's name to the number of rows that it should have.

    Raises:
        CommandError: A table has another number of rows.
    """
    counted = {table: count_delta_rows(lakehouse, table) for table in expected}
    wrong = [
        f"{table} has {rows:,} rows instead of {expected[table]:,}"
        for table, rows in counted.items()
        if rows != expected[table]
    ]
    if wrong:
        raise CommandError(f"the tables at {lakehouse} are wrong: {'; '.join(wrong)}")


def done(command: Command) -> Measurement:
    """Runs a command once, and logs what it took to standard error."""
    measurement = measure(command)
    print(f"{command.name}: {measurement}", file=sys.stderr, flush=True)
    return measurement


def own_seconds(measurements: Iterable[Measurement]) -> list[float]:
    """Returns the seconds that commands measured themselves, without their imports."""
    return [measurement.reported["seconds"] for measurement in measurements]


def turn_by_turn(ours: Sequence[float], other: Sequence[float]) -> Spread:
    """Summarizes the ratios of two samples, each value over the other's of the same turn."""
    return Spread.of(one / two for one, two in zip(ours, other, strict=True))


def seconds_row(
    title: str, ours: Iterable[Measurement], other: Iterable[Measurement], goal: float | None = None
) -> Row:
    """Returns a row about the seconds that commands reported, which were measured in turns."""
    return _row_of_seconds(title, own_seconds(ours), own_seconds(other), goal)


def wall_row(title: str, ours: Iterable[Measurement], other: Iterable[Measurement], goal: float | None = None) -> Row:
    """Returns a row about the wall time of whole commands, which were measured in turns."""
    ours_wall, other_wall = ([measurement.wall_seconds for measurement in each] for each in (ours, other))
    return _row_of_seconds(title, ours_wall, other_wall, goal)


def _row_of_seconds(title: str, ours: Sequence[float], other: Sequence[float], goal: float | None) -> Row:
    cells = (format_seconds(Spread.of(ours)), format_seconds(Spread.of(other)))
    return Row(title, *cells, turn_by_turn(ours, other), goal)
