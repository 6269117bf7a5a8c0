"""A landing root that changes, the tables that runs make of it step by step, and those of a fresh build beside them."""

import json
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any, Protocol

from deltalake import DeltaTable

from stedi_assets.contract import SOURCES, TABLES, table_path
from stedi_assets.defs.assets import QUERIES
from stedi_assets.defs.checks.tables import table_checks
from stedi_assets.engines.engine import Engine
from stedi_assets.lakehouse.audit import full_audit
from stedi_assets.lakehouse.build import Builder
from stedi_assets.lakehouse.check import Check, Checks, Findings
from stedi_assets.lakehouse.forecast import forecast
from stedi_assets.lakehouse.lakehouse import Lakehouse
from stedi_assets.lakehouse.land import land
from stedi_assets.lakehouse.plan import Plan
from stedi_assets.lakehouse.stored import Built
from stedi_assets.privacy.pseudonyms import Pseudonyms
from stedi_assets.query import Query
from stedi_assets.storage.aws import Aws
from stedi_assets.storage.location import Location
from stedi_assets_tests.support.engines import KEY
from stedi_assets_tests.support.records import Record

CHECKS: Checks = {name: table_checks(table, {}, 0.9) for name, table in TABLES.items()}
FOLDERS = {name: source.path for name, source in SOURCES.items()}
ENTRY_TIMES = {"runId", "quarantinedAt"}
"""The columns of a quarantine that differ from run to run."""


class Opened(Protocol):
    """Opens an engine, such as `duckdb_engine`."""

    def __call__(self, aws: Aws | None) -> AbstractContextManager[Engine]: ...


class Changing:
    """A landing root and a lakehouse in one folder.

    Attributes:
        opened: Opens the engine of a run.
        opened_to_compare: Opens the engine that reads the tables, and builds those to compare them with.
    """

    def __init__(self, folder: Path, opened: Opened, opened_to_compare: Opened | None = None) -> None:
        self.folder = folder
        self.opened = opened
        self.opened_to_compare = opened_to_compare or opened
        self.queries: dict[str, Query] = dict(QUERIES)
        self.checks: dict[str, Sequence[Check]] = dict(CHECKS)
        self.pseudonyms = Pseudonyms(KEY)
        for path in FOLDERS.values():
            if not (folder / "landing" / path).exists():
                (folder / "landing" / path).mkdir(parents=True)
                self.put(path, "empty.json", [])

    def copied(self, folder: Path) -> "Changing":
        """A copy of the files and the tables, in an empty folder; each raw file counts as the same file."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        return Changing(folder, self.opened, self.opened_to_compare)

    def path(self, folder: str, name: str) -> Path:
        return self.folder / "landing" / folder / name

    def put(self, folder: str, name: str, records: Sequence[Record], damage: str = "") -> None:
        lines = [*map(json.dumps, records), *([damage] if damage else [])]
        self.path(folder, name).write_text("".join(f"{line}\n" for line in lines))

    def files(self, folder: str) -> list[Path]:
        """The raw files of a folder, sorted."""
        return sorted((self.folder / "landing" / folder).iterdir())

    def table_folder(self, table: str) -> Path:
        return self.folder / "lakehouse" / table_path(table)

    def unneeded_files(self, table: str) -> set[str]:
        """The Parquet files in a table's folder that no version of it names."""
        folder = self.table_folder(table)
        found = {path.name for path in folder.glob("*.parquet")}
        if not found or not DeltaTable.is_deltatable(str(folder)):
            return found
        stored = DeltaTable(folder)
        replaced = stored.vacuum(0, dry_run=True, enforce_retention_duration=False)
        return found - {*stored.get_add_actions().column("path").to_pylist(), *replaced}

    def lakehouse(self, engine: Engine, name: str = "lakehouse") -> Lakehouse:
        root, landing = Location(str(self.folder / name)), Location(str(self.folder / "landing"))
        return Lakehouse(root, landing, engine, pseudonyms=self.pseudonyms)

    @contextmanager
    def open(self, name: str = "lakehouse") -> Iterator[Lakehouse]:
        """The tables, to look at them, with an engine of their own."""
        with self.opened_to_compare(None) as engine, closing(self.lakehouse(engine, name)) as lakehouse:
            yield lakehouse

    def run(self, tables: Sequence[str] = tuple(QUERIES), *, full_refresh: bool = False) -> dict[str, Built]:
        """Builds tables until one is rejected, as a run does."""
        with self.opened(None) as engine, closing(self.lakehouse(engine)) as lakehouse:
            return self.build(lakehouse, tables, full_refresh=full_refresh)

    def build(
        self, lakehouse: Lakehouse, tables: Sequence[str] = tuple(QUERIES), *, full_refresh: bool = False
    ) -> dict[str, Built]:
        builder = Builder(lakehouse)
        sources = {source.landing: source for source in SOURCES.values()}
        built: dict[str, Built] = {}
        for table in tables:
            query = self.queries[table]
            if table in sources:
                landed = land(builder, sources[table], query, self.checks, "a run", full_refresh=full_refresh)
                built |= {table: landed.landing, sources[table].quarantine: landed.quarantine}
            else:
                built[table] = builder.build(table, query, self.checks[table], "a run", full_refresh=full_refresh)
            if built[table].is_rejected:
                break
        return built

    def plans(self, *, full_refresh: bool = False) -> dict[str, Plan]:
        """The plans of a run of all tables that begins now."""
        with self.open() as lakehouse:
            return forecast(lakehouse, self.queries, self.queries, full_refresh=full_refresh)

    def fresh(self) -> tuple[dict[str, Counter[str]], dict[str, Findings]]:
        """The rows of every table and the findings of every check of a full build of these raw files."""
        shutil.rmtree(self.folder / "fresh", ignore_errors=True)
        erasures = self.folder / "lakehouse/erasure"
        if erasures.exists():
            shutil.copytree(erasures, self.folder / "fresh/erasure")
        with self.open("fresh") as lakehouse:
            self.build(lakehouse)
            return rows_of_tables(lakehouse), whole_findings(lakehouse, self.checks)

    def rows(self) -> dict[str, Counter[str]]:
        """The rows of every table that exists."""
        with self.open() as lakehouse:
            return rows_of_tables(lakehouse)

    def whole_findings(self) -> dict[str, Findings]:
        """The findings of every check on the whole of the published tables."""
        with self.open() as lakehouse:
            return whole_findings(lakehouse, self.checks)


def rows_of_tables(lakehouse: Lakehouse) -> dict[str, Counter[str]]:
    return {name: rows_of(lakehouse, name) for name in TABLES if lakehouse.find(name) is not None}


def rows_of(lakehouse: Lakehouse, name: str) -> Counter[str]:
    """The rows of a table as a multiset."""
    columns = [column.name for column in TABLES[name].columns if column.name not in ENTRY_TIMES]
    found = lakehouse.rows(f"SELECT {', '.join(columns)} FROM {name}")
    return Counter(repr([row[column] for column in columns]) for row in found)


def whole_findings(lakehouse: Lakehouse, checks: Checks) -> dict[str, Findings]:
    return {
        f"{name}: {result.check.name}": result.findings
        for name in TABLES
        for result in full_audit(lakehouse, name, checks[name])
    }


def findings(built: Mapping[str, Built]) -> dict[str, Any]:
    """The findings of the checks of a run."""
    return {f"{name}: {result.check.name}": result.findings for name, each in built.items() for result in each.results}
