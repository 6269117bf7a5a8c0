"""Measure what it costs to read landing files without losing anything, inside one process.

    python -m benchmarks.bench_landing [--scale 100] [--runs 3]

Clean files are compared with DuckDB's reader alone (the contract's types, one commit a table, no quarantine, no
ledger, no proof); files without newlines and damaged files with the clean ones; and a second run with the first.
Run it in the project's own environment. Landing files are made once.
"""

import argparse
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from benchmarks.bench_peers import PACKAGES, PROJECT, TIMES, landing_root, make_empty, runs_from
from benchmarks.measure import Spread, describe_machine, format_seconds, print_markdown_table
from stedi_assets.contract import SOURCES
from stedi_assets.defs.assets import TABLE_ASSETS
from stedi_assets.engines.duckdb.engine import DuckDBEngine
from stedi_assets.lakehouse import land as landing_run
from stedi_assets.lakehouse.build import Builder
from stedi_assets.lakehouse.lakehouse import Lakehouse
from stedi_assets.storage import delta
from stedi_assets.storage.location import Location

QUERIES = {asset.name: asset.query for asset in TABLE_ASSETS}
DAMAGED_RECORDS = 100
"""Of how many records one is cut in the middle, in damaged files."""


def concatenated(line: bytes, _: int) -> bytes:
    """Take a record's newline away."""
    return line.rstrip()


def damaged(line: bytes, number: int) -> bytes:
    """Cut some records in the middle."""
    return line if number % DAMAGED_RECORDS else line[: len(line) // 2] + b"\n"


def rewritten(root: Path, clean: Path, rewrite: Callable[[bytes, int], bytes]) -> Path:
    """Give a landing root with every line of a clean one rewritten, writing it unless it exists."""
    if not root.exists():
        print(f"writing {root.name}", file=sys.stderr, flush=True)
        partial = root.with_suffix(".partial")
        make_empty(partial)
        for file in sorted(clean.rglob("*.json")):
            if file.name == "expected_counts.json":
                continue
            target = partial / file.relative_to(clean)
            target.parent.mkdir(parents=True, exist_ok=True)
            with file.open("rb") as lines, target.open("wb") as output:
                output.writelines(rewrite(line, number) for number, line in enumerate(lines))
        partial.rename(root)
    return root


def land(connection: duckdb.DuckDBPyConnection, landing: Path, root: Path) -> None:
    """Land what is new, as a run does."""
    lakehouse = Lakehouse(Location.parse(str(root)), Location.parse(str(landing)), DuckDBEngine(connection))
    for source in SOURCES.values():
        landing_run.land(Builder(lakehouse), source, QUERIES[source.landing], {}, "benchmark", full_refresh=False)


def land_plainly(connection: duckdb.DuckDBPyConnection, landing: Path, root: Path) -> None:
    """Store what DuckDB's reader gives of the contract's columns, a table in one commit each."""
    engine = DuckDBEngine(connection)
    for source in SOURCES.values():
        columns = ", ".join(f"'{column.name}': '{column.type}'" for column in source.columns)
        files = f"'{landing}/{source.path}/*.json'"
        reading = f"read_json({files}, format = 'newline_delimited', columns = {{{columns}}})"
        connection.execute(f"CREATE VIEW {source.name} AS SELECT * FROM {reading}")
        folder = Location.parse(str(root)) / source.path
        written = engine.write(QUERIES[source.landing], folder)
        delta.commit(None, folder, written.schema, written.files, {}, None)


def seconds(work: Callable[[duckdb.DuckDBPyConnection, Path, Path], None], landing: Path, root: Path) -> float:
    """Measure one piece of work in a fresh connection."""
    with duckdb.connect() as connection:
        started = time.perf_counter()
        work(connection, landing, root)
        return time.perf_counter() - started


def turn(roots: Mapping[str, Path], folder: Path) -> dict[str, float]:
    """Measure everything once, each into an empty lakehouse but the run that finds nothing new."""
    taken = {}
    with TemporaryDirectory(prefix="runs-", dir=folder) as outputs:
        output = Path(outputs)
        taken["plain"] = seconds(land_plainly, roots["clean"], output / "plain")
        taken["clean"] = seconds(land, roots["clean"], output / "clean")
        taken["nothing new"] = seconds(land, roots["clean"], output / "clean")
        taken["concatenated"] = seconds(land, roots["concatenated"], output / "concatenated")
        taken["damaged"] = seconds(land, roots["damaged"], output / "damaged")
        shutil.rmtree(output)
        output.mkdir()
    return taken


def megabytes(root: Path) -> float:
    """Add up the raw files of a landing root."""
    return sum(file.stat().st_size for file in root.rglob("*.json")) / 1e6


def rows(turns: list[dict[str, float]], roots: Mapping[str, Path]) -> Iterator[list[str]]:
    """Write the results, a row at a time."""

    def spread(name: str) -> Spread:
        return Spread.of(taken[name] for taken in turns)

    def ratio(name: str, other: str) -> str:
        found = Spread.of(taken[name] / taken[other] for taken in turns)
        return f"{found.median:.3f} ({found.minimum:.3f}–{found.maximum:.3f})"

    def speed(name: str) -> float:
        return megabytes(roots[name]) / spread(name).median

    yield ["DuckDB's reader alone: seconds", format_seconds(spread("plain")), "", ""]
    yield ["clean files, over that", format_seconds(spread("clean")), ratio("clean", "plain"), "≤ 1.15"]
    yield [
        "nothing new, over clean files",
        format_seconds(spread("nothing new")),
        ratio("nothing new", "clean"),
        "≤ 0.05",
    ]
    share = speed("concatenated") / speed("clean")
    yield ["concatenated, MB/s over clean files'", f"{speed('concatenated'):.0f} MB/s", f"{share:.2f}", "≥ 0.25"]
    yield ["1% damaged, on one core", f"{speed('damaged'):.0f} MB/s", "", "≥ 10 MB/s"]


def main() -> None:
    """Measure and print the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", type=int, default=100, help="size of the data; 100 by default")
    parser.add_argument("--runs", type=runs_from, default=3, help="runs after a warm-up; 3 by default")
    parser.add_argument("--folder", type=Path, default=PROJECT / ".bench", help="where data is kept; .bench by default")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    clean = landing_root(folder, arguments.scale)
    tenth = landing_root(folder, max(arguments.scale // 10, 1))
    roots = {
        "clean": clean,
        "concatenated": rewritten(folder / f"concatenated-{arguments.scale}", clean, concatenated),
        "damaged": rewritten(folder / f"damaged-{max(arguments.scale // 10, 1)}", tenth, damaged),
    }
    turns = [turn(roots, folder) for _ in range(arguments.runs + 1)][1:]
    print(f"\nMedian (minimum–maximum) of {arguments.runs} runs on {describe_machine(PACKAGES)}.\n")
    print_markdown_table([f"landing tables, {arguments.scale}{TIMES}", "measured", "ratio", "goal"], rows(turns, roots))


if __name__ == "__main__":
    main()
