"""Fixtures: a project on every engine and location, and landing files small enough to reason about."""

import gzip
import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import dagster
import duckdb
import pytest
from deltalake import DeltaTable

from stedi_assets.definitions import build_definitions
from stedi_assets.settings import Settings
from stedi_assets.tables import SOURCES, TABLES

PROJECT = Path(__file__).resolve().parent.parent

QUARANTINES = {source.quarantine for source in SOURCES.values()}

SELECTED_TABLES = [table for table in TABLES if table not in QUARANTINES]
"""The tables that a SELECT fills."""

Record = dict[str, Any]
Records = Mapping[str, Sequence[Record]]


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests set what they need themselves."""
    for name in os.environ:
        if name.startswith(("STEDI_", "DAGSTER_", "AWS_")):
            monkeypatch.delenv(name)


@dataclass
class Project:
    """A landing root and a lakehouse, with what a user does to them."""

    landing: Path
    lakehouse: Path
    engine: str

    def settings(self, **choices: Any) -> Settings:
        return Settings(landing=self.landing, lakehouse=self.lakehouse, engine=self.engine, **choices)

    def definitions(self, **choices: Any) -> dagster.Definitions:
        return build_definitions(self.settings(**choices))

    def materialize(self, *assets: str, **choices: Any) -> dagster.ExecuteInProcessResult:
        job = self.definitions(**choices).resolve_job_def("lakehouse")
        selection = [dagster.AssetKey(asset) for asset in assets or TABLES]
        with dagster.DagsterInstance.ephemeral() as instance:
            return job.execute_in_process(instance=instance, asset_selection=selection, raise_on_error=False)

    def delta(self, table: str) -> DeltaTable:
        return DeltaTable(self.lakehouse / TABLES[table].path)

    def files(self, table: str) -> list[str]:
        """The Parquet files of a table's current version."""
        return [unquote(uri) for uri in self.delta(table).file_uris()]

    def rows(self, table: str) -> Counter[tuple[Any, ...]]:
        """A table's rows as a multiset, read by DuckDB from the files of its current version."""
        return Counter(duckdb.sql(f"FROM read_parquet({self.files(table)})").fetchall())

    def counts(self) -> dict[str, int]:
        """The rows of every table but the quarantines."""
        return {table: self.rows(table).total() for table in SELECTED_TABLES}

    def land(self, source: str, name: str, records: Iterable[Record]) -> Path:
        return self.land_text(source, name, "".join(json.dumps(record) + "\n" for record in records))

    def land_text(self, source: str, name: str, text: str) -> Path:
        file = self.landing / source / "landing" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
        return file


@pytest.fixture(params=["duckdb"])
def engine(request: pytest.FixtureRequest) -> str:
    """Every engine."""
    name: str = request.param
    return name


@pytest.fixture
def empty_project(tmp_path: Path, engine: str) -> Project:
    """A project without a landing file."""
    return Project(tmp_path / "landing", tmp_path / "lakehouse", engine)


def customer(name: str, research: int | None = None, **others: Any) -> Record:
    """A customer record; the key of a consent that was not given is missing."""
    consent = {} if research is None else {"shareWithResearchAsOfDate": research}
    return {
        "customerName": f"{name.title()} Example",
        "email": f"{name}@example.com",
        "phone": "2065550100",
        "birthDay": "1980-02-03",
        "serialNumber": f"serial-{name}",
        "registrationDate": 10,
        "lastUpdateDate": 20,
        **consent,
        **others,
    }


def phone_reading(name: str, instant: int, x: float = 0.0) -> Record:
    return {"user": f"{name}@example.com", "timestamp": instant, "x": x, "y": -1.0, "z": 0.5}


def device_reading(name: str, instant: int, distance: int = 250) -> Record:
    return {"sensorReadingTime": instant, "serialNumber": f"serial-{name}", "distanceFromObject": distance}


CUSTOMERS = [
    customer("ada", research=100),
    customer("eve", research=150),
    customer("dan", research=100),  # consents, has no phone readings
    customer("bob"),  # the key is missing
    customer("cyd", research=0),
]
PHONE_READINGS = [
    phone_reading("ada", 100, x=0.25),
    phone_reading("ada", 100, x=0.75),
    phone_reading("ada", 200),
    phone_reading("eve", 100),
    phone_reading("bob", 100),
    phone_reading("cyd", 300),
]
DEVICE_READINGS = [
    device_reading("ada", 100, distance=201),
    device_reading("ada", 300),
    device_reading("eve", 100, distance=300),
    device_reading("dan", 100),
    device_reading("bob", 100),
]
EXPECTED_COUNTS = {
    "customer_landing": 5,
    "accelerometer_landing": 6,
    "step_trainer_landing": 5,
    "customer_trusted": 3,
    "accelerometer_trusted": 4,
    "customer_curated": 2,
    "step_trainer_trusted": 3,
    "machine_learning_curated": 6,
}


@pytest.fixture
def project(empty_project: Project) -> Project:
    """A project with the landing files above."""
    empty_project.land("customer", "customer-1.json", CUSTOMERS)
    empty_project.land("accelerometer", "accelerometer-1.json", PHONE_READINGS[:4])
    empty_project.land("accelerometer", "accelerometer-2.json.gz", PHONE_READINGS[4:])
    empty_project.land("step_trainer", "step_trainer-1.json", DEVICE_READINGS)
    return empty_project


def evaluations(result: dagster.ExecuteInProcessResult) -> dict[tuple[str, str], dagster.AssetCheckEvaluation]:
    """The checks of a run, by table and check."""
    return {
        (evaluation.asset_key.to_user_string(), evaluation.check_name): evaluation
        for evaluation in result.get_asset_check_evaluations()
    }


def failed_checks(result: dagster.ExecuteInProcessResult) -> set[tuple[str, str]]:
    return {key for key, evaluation in evaluations(result).items() if not evaluation.passed}


def failure(result: dagster.ExecuteInProcessResult, step: str) -> str:
    """The message that a failed step shows."""
    data = result.failure_data_for_node(step)
    assert data is not None
    if data.user_failure_data is not None:
        return str(data.user_failure_data.description)
    assert data.error is not None
    return data.error.message
