"""All tables and all checks of this project, in this one process without Dagster: what a run itself costs.

    python -m benchmarks.build_and_check LANDING_ROOT LAKEHOUSE [--engine spark] [--full-refresh] [--report FILE]

It prints a line for each table and the seconds, without those of the imports. The other settings are read from the
environment, as for `stedi run`.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from stedi_assets.contract import SOURCES
from stedi_assets.definitions import IO_MANAGERS
from stedi_assets.defs.assets import TABLE_ASSETS
from stedi_assets.defs.checks.tables import all_checks
from stedi_assets.errors import StediError
from stedi_assets.lakehouse.build import Builder
from stedi_assets.lakehouse.check import Checks
from stedi_assets.lakehouse.lakehouse import Lakehouse
from stedi_assets.lakehouse.land import land
from stedi_assets.lakehouse.stored import Built
from stedi_assets.privacy.pseudonyms import Pseudonyms
from stedi_assets.settings import read_settings
from stedi_assets.storage.location import Location

RUN_ID = "benchmark"


class Build(NamedTuple):
    """What one build of all tables did.

    Attributes:
        seconds: From the opening of the engine to its end.
        tables: From a table's name to what was done with it.
    """

    seconds: float
    tables: dict[str, Built]


def build_and_check(landing: str, root: str, engine: str = "duckdb", *, full_refresh: bool = False) -> Build:
    """Brings all tables up to date, with all their checks.

    Args:
        landing: The landing root.
        root: The folder that holds the tables.
        engine: What computes them, duckdb or spark.
        full_refresh: Whether to compute everything, whatever has changed.

    Raises:
        StediError: A blocking check failed, or a table cannot be built.
    """
    settings = read_settings()
    key = settings.pseudonym_key
    pseudonyms = Pseudonyms(bytes.fromhex(key.get_secret_value()) if key else None)
    checks, where = all_checks(settings), Location.parse(root)
    retention = timedelta(days=settings.retention_days) if settings.retention_days else None
    started = time.perf_counter()
    with IO_MANAGERS[engine](settings).engine(where.aws, pseudonyms) as opened:
        lakehouse = Lakehouse(where, Location.parse(landing, where.aws), opened, pseudonyms=pseudonyms)
        with closing(lakehouse):
            tables = dict(_built_tables(Builder(lakehouse, retention), checks, full_refresh=full_refresh))
    return Build(time.perf_counter() - started, tables)


def _built_tables(builder: Builder, checks: Checks, *, full_refresh: bool) -> Iterator[tuple[str, Built]]:
    sources = {source.landing: source for source in SOURCES.values()}
    for asset in TABLE_ASSETS:
        source, own_checks = sources.get(asset.name), checks[asset.name]
        if source is None:
            tables = {asset.name: builder.build(asset.name, asset.query, own_checks, RUN_ID, full_refresh=full_refresh)}
        else:
            landed = land(builder, source, asset.query, checks, RUN_ID, full_refresh=full_refresh)
            tables = {source.landing: landed.landing, source.quarantine: landed.quarantine}
        for name, built in tables.items():
            # A run of Dagster's would not build what is downstream either.
            if failed := [result for result in built.results if result.is_blocked]:
                findings = dict(failed[0].findings)
                raise StediError(
                    f"{name} was rejected: {failed[0].check.name} found {findings}.", "Correct the benchmark."
                )
            yield name, built


def main(arguments: Sequence[str] | None = None) -> None:
    """Build and check, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("landing", help="the landing root")
    parser.add_argument("lakehouse", help="the folder that holds the tables")
    parser.add_argument(
        "--engine", choices=list(IO_MANAGERS), default="duckdb", help="what computes; duckdb by default"
    )
    parser.add_argument("--full-refresh", action="store_true", help="compute everything, whatever has changed")
    parser.add_argument("--report", type=Path, help="a file for the seconds and the plans, as JSON")
    given = parser.parse_args(arguments)
    build = build_and_check(given.landing, given.lakehouse, given.engine, full_refresh=given.full_refresh)
    for name, built in build.tables.items():
        print(f"{name:32} +{built.rows_added:,} -{built.rows_removed:,} {built.plan}")
    print(f"{build.seconds:.3f} s")
    if given.report:
        plans = {name: built.plan.kind for name, built in build.tables.items()}
        given.report.write_text(json.dumps({"seconds": build.seconds, "plans": plans}))


if __name__ == "__main__":
    try:
        main()
    except StediError as error:
        sys.exit(f"build_and_check: {error}")
