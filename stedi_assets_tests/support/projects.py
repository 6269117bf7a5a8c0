"""A landing root and a lakehouse, with what a user does to them."""

import gzip
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import dagster
from deltalake import DeltaTable

from stedi_assets.contract import SOURCES, TABLES
from stedi_assets.definitions import build_definitions
from stedi_assets.lakehouse.lakehouse import Lakehouse
from stedi_assets.settings import Settings
from stedi_assets.storage.location import Location
from stedi_assets_tests.support.engines import OPENED, SPARK_ON_FEW_ROWS
from stedi_assets_tests.support.places import Place
from stedi_assets_tests.support.records import CUSTOMERS, DEVICE_READINGS, PHONE_READINGS, Record
from stedi_assets_tests.support.runs import QUIET

QUARANTINES = {source.quarantine for source in SOURCES.values()}

SELECTED_TABLES = [table for table in TABLES if table not in QUARANTINES]
"""The tables that a SELECT fills."""

COMPUTED_TABLES = [name for name, table in TABLES.items() if table.zone != "landing"]

REPLACED_TABLES = [name for name, table in TABLES.items() if table.zone == "landing" or table.event_time]
"""The tables that a full refresh replaces. It commits the others, those of customers, only if a row differs."""


@dataclass
class Project:
    """A landing root and a lakehouse, with what a user does to them."""

    place: Place
    landing: Path
    lakehouse: Path
    engine: str

    @classmethod
    def at(cls, place: Place, engine: str) -> "Project":
        """A project with both roots in one place."""
        return cls(place, place.root / "landing", place.root / "lakehouse", engine)

    def settings(self, **choices: Any) -> Settings:
        roots = {"landing": str(self.landing), "lakehouse": str(self.lakehouse)}
        spark = {"spark_conf": SPARK_ON_FEW_ROWS} if self.engine == "spark" else {}
        return Settings(**{**roots, "engine": self.engine, "aws": self.place.aws, **spark, **choices})

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables by which a command finds the project."""
        roots = {"STEDI_LANDING": str(self.landing), "STEDI_LAKEHOUSE": str(self.lakehouse)}
        return {**roots, "STEDI_ENGINE": self.engine, **self.place.variables}

    def location(self, path: str = "") -> Location:
        """The lakehouse, or a folder of it."""
        root = Location.parse(str(self.lakehouse), self.place.aws)
        return root / path if path else root

    def definitions(self, **choices: Any) -> dagster.Definitions:
        return build_definitions(self.settings(**choices))

    def materialize(self, *assets: str, **choices: Any) -> dagster.ExecuteInProcessResult:
        job = self.definitions(**choices).resolve_job_def("lakehouse")
        selection = [dagster.AssetKey(asset) for asset in assets or TABLES]
        with dagster.DagsterInstance.ephemeral() as instance:
            return job.execute_in_process(QUIET, instance, asset_selection=selection, raise_on_error=False)

    def materialize_others(self, *assets: dagster.AssetsDefinition) -> dagster.ExecuteInProcessResult:
        """Materializes a user's assets beside those of the project, with the project's I/O manager."""
        definitions = self.definitions()
        return dagster.materialize(
            [*(definitions.assets or []), *assets],  # type: ignore[list-item]
            resources=definitions.resources,
            selection=dagster.AssetSelection.assets(*assets),
            raise_on_error=False,
        )

    def delta(self, table: str, version: int | None = None) -> DeltaTable:
        folder = self.location(TABLES[table].path if table in TABLES else f"assets/{table}")
        return DeltaTable(folder.path, version=version, storage_options=folder.delta_options)

    def files(self, table: str) -> list[str]:
        """The Parquet files of a table's current version."""
        return [unquote(uri) for uri in self.delta(table).file_uris()]

    def rows(self, table: str) -> Counter[tuple[Any, ...]]:
        """A table's rows as a multiset, as deltalake reads them."""
        return Counter(tuple(row.values()) for row in self.delta(table).to_pyarrow_table().to_pylist())

    def counts(self) -> dict[str, int]:
        """The rows of every table but the quarantines."""
        return {table: self.delta(table).count() for table in SELECTED_TABLES}

    def land(self, source: str, name: str, records: Iterable[Record]) -> Path:
        return self.land_text(source, name, "".join(json.dumps(record) + "\n" for record in records))

    def land_text(self, source: str, name: str, text: str) -> Path:
        file = self.landing / source / "landing" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
        return file


@contextmanager
def opened_lakehouse(project: Project) -> Iterator[Lakehouse]:
    """A project's tables, without Dagster, with an engine of their own."""
    root = project.location()
    with (
        OPENED[project.engine](root.aws) as computing,
        closing(Lakehouse(root, Location.parse(str(project.landing), root.aws), computing)) as lakehouse,
    ):
        yield lakehouse


def with_landing_files(project: Project) -> Project:
    project.land("customer", "customer-1.json", CUSTOMERS)
    project.land("accelerometer", "accelerometer-1.json", PHONE_READINGS[:4])
    project.land("accelerometer", "accelerometer-2.json.gz", PHONE_READINGS[4:])
    project.land("step_trainer", "step_trainer-1.json", DEVICE_READINGS)
    return project


@dataclass(frozen=True)
class Build:
    """The tables of a project, and the run that built them."""

    project: Project
    result: dagster.ExecuteInProcessResult

    def copy_to(self, project: Project) -> Project:
        """Makes an empty project a copy of this one."""
        self.project.place.copy_to(project.place)
        return project


Builds = Callable[[str, str, Callable[[Project], Project]], Build]
"""Builds a project in a kind of place with an engine from the landing files that a function puts there, once."""
