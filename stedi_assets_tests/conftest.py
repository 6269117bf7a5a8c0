"""Fixtures: a project on every engine and location, and landing files small enough to reason about."""

import functools
import gzip
import json
import os
import shutil
import signal
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote

import boto3
import dagster
import duckdb
import pytest
from cloudpathlib import S3Client, S3Path
from deltalake import DeltaTable
from pydantic import SecretStr

from stedi_assets.definitions import build_definitions
from stedi_assets.engines import Engine
from stedi_assets.engines.duckdb.engine import DuckDBEngine
from stedi_assets.engines.spark.engine import SparkEngine
from stedi_assets.engines.spark.jars import s3_jars
from stedi_assets.engines.spark.session import Session
from stedi_assets.lakehouse import Lakehouse
from stedi_assets.pseudonyms import Pseudonyms
from stedi_assets.settings import Settings
from stedi_assets.storage.aws import Aws
from stedi_assets.storage.location import Location
from stedi_assets.tables import SOURCES, TABLES
from stedi_assets_tests.servers import MotoServer, Versitygw, moto_server, versitygw

PROJECT = Path(__file__).resolve().parent.parent

QUARANTINES = {source.quarantine for source in SOURCES.values()}

SELECTED_TABLES = [table for table in TABLES if table not in QUARANTINES]
"""The tables that a SELECT fills."""

REGION = "us-east-1"

KEY = bytes(range(32))
"""Under which the tables of `built` have their pseudonyms."""

SPARK_ON_FEW_ROWS = {
    "spark.sql.shuffle.partitions": "1",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.adaptive.enabled": "false",
}
"""What makes Spark start on a query sooner, where there is little to compute."""

JAVA_FOR_FEW_ROWS = "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m -XX:+UseSerialGC"
"""What makes Java compile soon rather than well, and collect garbage without threads of their own."""

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}

AT_DEBUG_LEVEL = {"loggers": {"console": {"config": {"log_level": "DEBUG"}}}}

Record = dict[str, Any]
Records = Mapping[str, Sequence[Record]]


of_duckdb = pytest.mark.parametrize("engine", ["duckdb"], indirect=True)
"""Marks what DuckDB alone has: its SQL, its types, its own reader; test_spark has Spark's."""


def pytest_configure() -> None:
    # What a shell starts in the background ignores an interruption, and so do its children: some tests interrupt them.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left_out = {item for item in items if not _is_run(item)}
    config.hook.pytest_deselected(items=list(left_out))
    items[:] = [item for item in items if item not in left_out]
    for item in items:
        if _parameters(item).get("engine") == "spark":
            # A session for those on local disk and one for those in a bucket, so that two workers have as much to do.
            item.add_marker(pytest.mark.xdist_group(f"spark-{_parameters(item).get('place_kind', 'local')}"))


def _is_run(item: pytest.Item) -> bool:
    """Spark meets one kind of bucket, that of a server which keeps what it is given."""
    return _parameters(item).get("engine") != "spark" or _parameters(item).get("place_kind") != "moto"


def _parameters(item: pytest.Item) -> Mapping[str, Any]:
    return item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests set what they need themselves."""
    for name in os.environ:
        if name.startswith(("STEDI_", "DAGSTER_", "AWS_")):
            monkeypatch.delenv(name)


@dataclass(frozen=True)
class Place:
    """A folder of a test's own, on local disk or in a bucket.

    Attributes:
        root: The folder. In a bucket it is an `S3Path`, which offers what a `Path` does.
        aws: How the bucket is reached.
        variables: The environment variables that say so.
        copy_bucket: Copies a bucket into another by their names, where the server can.
    """

    root: Path
    aws: Aws
    variables: Mapping[str, str]
    copy_bucket: Callable[[str, str], None] | None = field(default=None, compare=False)

    def __truediv__(self, name: str) -> "Place":
        """A folder of this one."""
        return replace(self, root=self.root / name)

    def copy_to(self, other: "Place") -> None:
        """Copies everything to another place of the same kind, where a raw file counts as the same file."""
        if not isinstance(self.root, S3Path):
            shutil.copytree(self.root, other.root, dirs_exist_ok=True)
            return
        bucket, copy = (str(root).removeprefix("s3://") for root in (self.root, other.root))
        if self.copy_bucket:
            self.copy_bucket(bucket, copy)
            return
        listed = self.aws.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        for key in [entry["Key"] for page in listed for entry in page.get("Contents", [])]:
            self.aws.s3.copy_object(Bucket=copy, Key=key, CopySource={"Bucket": bucket, "Key": key})

    def location(self, path: str) -> Location:
        """A folder of this one, as the program knows it."""
        return Location.parse(str(self.root), self.aws) / path


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


@pytest.fixture(params=["duckdb", "spark"])
def engine(request: pytest.FixtureRequest) -> str:
    """Every engine."""
    name: str = request.param
    if name == "spark":
        request.getfixturevalue("spark")
    return name


@contextmanager
def spark_started() -> Iterator[Session]:
    """Starts Spark; whatever else asks for a session runs beside this one, on the same application."""
    with Session(jars=str(s3_jars()[0].parent)) as shared:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SPARK_SUBMIT_OPTS", JAVA_FOR_FEW_ROWS)
            shared.spark.range(1).count()
        yield shared


@pytest.fixture(scope="session")
def spark() -> Iterator[Session]:
    """The session of all tests."""
    with spark_started() as shared:
        yield shared


@pytest.fixture(scope="session")
def moto() -> Iterator[MotoServer]:
    with moto_server() as server:
        yield server


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Versitygw]:
    with versitygw(tmp_path_factory.mktemp("versitygw")) as server:
        yield server


@pytest.fixture
def local_place(tmp_path: Path) -> Place:
    return Place(tmp_path, Aws(), {})


@pytest.fixture(params=["local", "moto", "versitygw"])
def place_kind(request: pytest.FixtureRequest) -> str:
    """Every location: local disk, and a bucket of two kinds of server."""
    kind: str = request.param
    return kind


@pytest.fixture
def place(request: pytest.FixtureRequest, place_kind: str) -> Place:
    """A place of the test's own."""
    return made_place(request, place_kind)


def made_place(request: pytest.FixtureRequest, kind: str) -> Place:
    """Makes a place of the test's own, of a kind that the test chooses."""
    return new_place(request, kind, request.getfixturevalue("tmp_path"))


def new_place(request: pytest.FixtureRequest, kind: str, folder: Path) -> Place:
    """Makes a place with nothing in it.

    Args:
        request: Has the servers.
        kind: Of place.
        folder: An empty local folder.
    """
    if kind == "local":
        return Place(folder, Aws(), {})
    server: MotoServer | Versitygw = request.getfixturevalue({"moto": "moto", "versitygw": "gateway"}[kind])
    if isinstance(server, MotoServer):
        return bucket(server.endpoint, "any", "any", folder)
    made = bucket(server.endpoint, server.access_key_id, server.secret_access_key, folder)
    return replace(made, copy_bucket=server.copy_bucket)


def bucket(endpoint: str, access_key_id: str, secret_access_key: str, scratch: Path) -> Place:
    """Makes a bucket.

    Args:
        endpoint: The server's.
        access_key_id: Whose it is to be.
        secret_access_key: Of the same.
        scratch: Where local copies may lie while a test looks at objects.
    """
    variables = {
        "AWS_ACCESS_KEY_ID": access_key_id,
        "AWS_SECRET_ACCESS_KEY": secret_access_key,
        "AWS_REGION": REGION,
        "AWS_ENDPOINT_URL": endpoint,
    }
    aws = Aws(
        access_key_id=access_key_id,
        secret_access_key=SecretStr(secret_access_key),
        region=REGION,
        endpoint_url=endpoint,
    )
    name = f"stedi-{uuid.uuid4()}"
    aws.s3.create_bucket(Bucket=name)
    session = boto3.Session(access_key_id, secret_access_key, region_name=REGION)
    client = S3Client(boto3_session=session, endpoint_url=endpoint, local_cache_dir=scratch / "copies")
    return Place(cast("Path", S3Path(f"s3://{name}", client=client)), aws, variables)


@contextmanager
def duckdb_engine(aws: Aws | None) -> Iterator[Engine]:
    with duckdb.connect() as connection:
        yield DuckDBEngine(connection, aws, Pseudonyms())


@contextmanager
def spark_engine(aws: Aws | None) -> Iterator[Engine]:
    with Session(conf=SPARK_ON_FEW_ROWS, aws=aws) as session:
        yield SparkEngine(session, Pseudonyms())


OPENED = {"duckdb": duckdb_engine, "spark": spark_engine}


@contextmanager
def opened_lakehouse(project: Project) -> Iterator[Lakehouse]:
    """A project's tables, without Dagster, with an engine of their own."""
    root = project.location()
    with OPENED[project.engine](root.aws) as computing:
        yield Lakehouse(root, Location.parse(str(project.landing), root.aws), computing)


@pytest.fixture
def computing(engine: str, place: Place) -> Iterator[Engine]:
    """The engine at work, without Dagster."""
    with OPENED[engine](place.location("").aws) as opened:
        yield opened


@pytest.fixture
def empty_project(place: Place, engine: str) -> Project:
    """A project without a landing file."""
    return Project.at(place, engine)


@pytest.fixture
def empty_local_project(local_place: Place, engine: str) -> Project:
    """The same on local disk, for what only local disk has: rights, a working folder."""
    return Project.at(local_place, engine)


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
    "machine_learning_pseudonymized": 2,
}


def with_landing_files(project: Project) -> Project:
    project.land("customer", "customer-1.json", CUSTOMERS)
    project.land("accelerometer", "accelerometer-1.json", PHONE_READINGS[:4])
    project.land("accelerometer", "accelerometer-2.json.gz", PHONE_READINGS[4:])
    project.land("step_trainer", "step_trainer-1.json", DEVICE_READINGS)
    return project


@pytest.fixture
def project(empty_project: Project) -> Project:
    """A project with the landing files above."""
    return with_landing_files(empty_project)


@pytest.fixture
def local_project(empty_local_project: Project) -> Project:
    """The same on local disk."""
    return with_landing_files(empty_local_project)


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


@pytest.fixture(scope="session")
def builds(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Builds:
    """What tests may look at as often as they like is built once."""

    @functools.cache
    def build(kind: str, engine: str, with_files: Callable[[Project], Project]) -> Build:
        place = new_place(request, kind, tmp_path_factory.mktemp("built"))
        project = with_files(Project.at(place, engine))
        result = project.materialize(pseudonym_key=KEY.hex())
        assert result.success
        return Build(project, result)

    return build


@pytest.fixture
def built(place_kind: str, engine: str, builds: Builds) -> Build:
    """The project above with its tables, for tests that change nothing."""
    return builds(place_kind, engine, with_landing_files)


@pytest.fixture
def built_project(empty_project: Project, built: Build) -> Project:
    """The same as a copy of the test's own."""
    return built.copy_to(empty_project)


@pytest.fixture
def built_local_project(empty_local_project: Project, builds: Builds) -> Project:
    """The same on local disk."""
    return builds("local", empty_local_project.engine, with_landing_files).copy_to(empty_local_project)


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
