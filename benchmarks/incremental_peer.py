"""dbt-duckdb with incremental models: the time of its daily run, and the rows that it leaves wrong."""

import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import duckdb

from benchmarks.bench_peers import PEERS, TABLE_NAMES, contender_title, contenders_from, make_empty, programs_folder
from benchmarks.contents import Difference, columns_of, difference, require_same_rows, stored_rows
from benchmarks.measure import Command, CommandError, compare
from benchmarks.workbench import Row, Workbench, done, wall_row
from stedi_assets.contract import SOURCE_FILE, SOURCES

(DBT,) = contenders_from("dbt_project")
MODELS = PEERS / "dbt_incremental"

LANDING = "landing-incremental"
"""The landing root of both. dbt's models know a raw file by its path, which must stay the same."""

OURS = "lakehouse-incremental"
FULL = "lakehouse-incremental-full"
YESTERDAY = "lakehouse-incremental-yesterday"


class IncrementalPeer:
    """dbt-duckdb and this project on the same landing files, on local disk.

    Args:
        bench: The sample, and where it becomes tables.
        folder: Where environments are kept.
    """

    def __init__(self, bench: Workbench, folder: Path) -> None:
        self._bench = bench
        self._programs = programs_folder(DBT, folder)
        self._scratch = bench.scratch / "dbt"
        self._database = self._scratch / "stedi.duckdb"

    def daily_run(self, runs: int) -> Iterator[Row]:
        """Measures the whole commands of both when the last day arrives.

        Args:
            runs: How often each is measured.

        Raises:
            CommandError: A command failed, or a table of either is not what a full build makes of all days.
        """
        bench = self._bench
        yesterday = bench.scratch / "yesterday.duckdb"
        self._build_anew(bench.all_days[:-1])
        bench.places.copy(OURS, YESTERDAY)
        shutil.copyfile(self._database, yesterday)
        bench.places.put(LANDING, bench.sample.files(bench.all_days[-1:]))
        ours = replace(
            bench.whole_command("stedi run, one day more", LANDING, OURS, "daily"),
            prepare=partial(bench.places.copy, YESTERDAY, OURS),
            verify=partial(bench.require_all_rows, OURS),
        )
        theirs = self._dbt_build("dbt build, one day more", partial(shutil.copyfile, yesterday, self._database))
        measured, other = compare([ours, theirs], runs).values()
        if wrong := {table: differs for table, differs in self._differences().items() if any(differs)}:
            raise CommandError(f"dbt's incremental models are wrong after a day that came in order: {wrong}")
        peer = contender_title(DBT).partition(",")[0]
        yield wall_row(f"one day more, the whole command / {peer} with incremental models: seconds", measured, other)

    def wrong_rows(self) -> tuple[list[str], list[list[str]]]:
        """Counts the rows that are wrong after events that an increment by event time does not see.

        Returns:
            The header and the rows of a table of results: a column for each event, a row for each table of dbt's, and
            one for all tables of this project.

        Raises:
            CommandError: A command failed, or a table of this project is not what a full build makes of the files.
        """
        bench, places = self._bench, self._bench.places
        days = list(bench.all_days)
        middle = days[len(days) // 2]
        delivery = bench.sample.files([middle])
        removed = next(path for path in delivery if path.startswith(SOURCES["accelerometer_files"].path))
        events: dict[str, tuple[list[int], Callable[[], None]]] = {
            "a late delivery": ([day for day in days if day != middle], partial(places.put, LANDING, delivery)),
            "a withdrawal": (days, partial(places.put, LANDING, bench.sample.withdrawal(bench.scratch))),
            "a removed file": (days, partial(places.remove, LANDING, [removed])),
        }
        found = [self._differences_after(event, *each) for event, each in events.items()]
        theirs = [[f"dbt-duckdb: `{table}`", *(_text(each[table]) for each in found)] for table in TABLE_NAMES]
        return ["rows that are wrong after", *events], [*theirs, ["this project: any table", *(["0"] * len(events))]]

    def _differences_after(self, event: str, days: Iterable[int], change: Callable[[], None]) -> dict[str, Difference]:
        self._build_anew(days)
        change()
        for command in (self._bench.build(event, LANDING, OURS, prepare=_keep), self._dbt_build(event, _keep)):
            done(command)
        return self._differences()

    def _build_anew(self, days: Iterable[int]) -> None:
        """Lands days in an empty landing root, and builds all tables of both in full."""
        self._bench.land(LANDING, days)
        done(self._bench.build("full build", LANDING, OURS))
        done(self._dbt_build("full dbt build", partial(make_empty, self._scratch)))

    def _dbt_build(self, name: str, prepare: Callable[[], object]) -> Command:
        return Command(
            name=name,
            arguments=[
                *(str(self._programs / "dbt"), "build"),
                *("--project-dir", str(MODELS), "--profiles-dir", str(MODELS)),
                *("--target-path", str(self._scratch / "target"), "--log-path", str(self._scratch / "logs")),
            ],
            environment={
                "SCRATCH": str(self._scratch),
                "STEDI_LANDING": self._bench.places.location(LANDING),
            },
            prepare=prepare,
        )

    def _differences(self) -> dict[str, Difference]:
        """Compares dbt's tables with this project's, and these with a full build of the same files."""
        bench = self._bench
        done(bench.build("full build of the same files", LANDING, FULL))
        ours = bench.places.folder(OURS)
        require_same_rows(ours, bench.places.folder(FULL))
        with duckdb.connect() as connection:
            connection.execute(f"ATTACH '{self._database}' AS dbt (READ_ONLY)")
            return {
                table: difference(
                    connection, f"dbt.main.{table}", stored_rows(ours, table), columns_of(table, [SOURCE_FILE.name])
                )
                for table in TABLE_NAMES
            }


def _text(differs: Difference) -> str:
    counts = {"too many": differs.surplus, "missing": differs.missing}
    return ", ".join(f"{count:,} {what}" for what, count in counts.items() if count) or "0"


def _keep() -> None:
    """Leaves everything as it was before the run."""
