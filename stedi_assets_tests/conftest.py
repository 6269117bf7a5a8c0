"""Which tests a tier holds, what each is run on, and the fixtures.

A tier is a mark. A test has the first of these marks that its folder or its fixtures give it, and none of them where it
needs Python alone; `pytest` runs the tests without a mark, `pytest -m spark` those of one tier.
"""

import functools
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import dagster
import hypothesis
import pytest

from stedi_assets.engines.engine import Engine
from stedi_assets.storage.aws import Aws
from stedi_assets_tests.support.checkout import PROJECT, cloned
from stedi_assets_tests.support.commands import PROGRAMS
from stedi_assets_tests.support.engines import KEY, OPENED, spark_started
from stedi_assets_tests.support.grid import DEFAULT, Cell
from stedi_assets_tests.support.places import NewPlace, Place
from stedi_assets_tests.support.processes import POSTGRES_FOLDERS
from stedi_assets_tests.support.projects import Build, Builds, Project, with_landing_files
from stedi_assets_tests.support.shore import Shore

if TYPE_CHECKING:
    from stedi_assets.engines.spark.session import Session
    from stedi_assets_tests.support.servers import MotoServer, Versitygw

FEW = hypothesis.settings(max_examples=50, deadline=None, derandomize=True)
hypothesis.settings.register_profile("few", FEW)
hypothesis.settings.register_profile("many", max_examples=500, deadline=None)
# A mistake is found by the first example that fails, whatever the smallest one is.
hypothesis.settings.register_profile("unshrunk", FEW, phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate])
hypothesis.settings.load_profile("few")

TESTS = Path(__file__).parent

MEMORY_DISK = Path("/dev/shm")
"""A disk of Linux that loses everything when the machine stops, and so need not wait for anything."""

MEMORY_DISK_BYTES = 2 * 1024**3
"""The room that the tests ask of it."""

FOLDERS = {"slow": "slow", "browser": "browser", "spark": "spark", "buckets": "bucket"}
"""From a folder to the mark of its tests."""

FIXTURES = {"spark": "spark", "gateway": "bucket", "moto": "bucket"}
"""From a fixture to the mark of the tests that need it."""

CELLS = {("engine", "spark"): "spark", ("place_kind", "versitygw"): "bucket", ("place_kind", "moto"): "bucket"}
"""From a parameter and its value to the mark of the test."""

TIERS = ("slow", "browser", "spark", "bucket")
"""The marks. Of several a test has the first: Spark in a bucket is a test of Spark."""


TOOLS = {"spark": ("java", "versitygw"), "bucket": ("versitygw",), "browser": ("chromium", "java")}
TOOLS["slow"] = ("java", "versitygw", "chromium", "pre-commit", "initdb", "systemd-analyze")
"""From a mark to the programs that its tests start."""

SOURCES_OF_TOOLS = {
    "java": "install openjdk-17-jre-headless",
    "versitygw": "make test-buckets builds it with Go, which golang-go installs",
    "chromium": "install chromium",
    "pre-commit": "make lint installs it",
    "initdb": "install postgresql",
    "systemd-analyze": "install systemd",
}


@pytest.hookimpl(trylast=True)  # when every plugin has registered its marks
def pytest_configure(config: pytest.Config) -> None:
    # A shell lets what it starts in the background ignore an interruption; some tests interrupt their own processes.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _keep_files_in_memory()
    path = os.pathsep.join([str(PROGRAMS), os.environ["PATH"], *POSTGRES_FOLDERS])
    for tier in filter(functools.partial(_is_selected, config), TIERS):
        for tool in TOOLS[tier]:
            if not shutil.which(tool, path=path):
                raise pytest.UsageError(f"The tests marked {tier} need {tool}: {SOURCES_OF_TOOLS[tool]}.")


def _keep_files_in_memory() -> None:
    """Puts `tmp_path` on a disk in memory, where there is one with room.

    Dagster's SQLite waits for the disk 975 times in one `dagster asset materialize` of two tables.
    """
    if MEMORY_DISK.is_dir() and shutil.disk_usage(MEMORY_DISK).free > MEMORY_DISK_BYTES:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY_DISK))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Imports no test of a tier that is not selected: the libraries it needs may be missing."""
    tier = FOLDERS.get(collection_path.name)
    return True if tier and not _is_selected(config, tier) else None


def _is_selected(config: pytest.Config, tier: str) -> bool:
    """Whether `-m` selects tests of a tier. A mark expression is an expression of Python's too."""
    expression: str = config.getoption("markexpr")
    marks = {line.split(":")[0].split("(")[0]: False for line in config.getini("markers")}
    try:
        return bool(eval(expression or "True", {}, {**marks, "hypothesis": True, tier: True}))
    except NameError as error:
        raise pytest.UsageError(f"-m names a mark that does not exist: {error.name}.") from error


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Runs a test on the engines and in the places that its mark `grid` names."""
    mark = metafunc.definition.get_closest_marker("grid")
    asked = [name for name in ("engine", "place_kind") if name in metafunc.fixturenames]
    if mark is None or not asked:
        return
    cells: tuple[Cell, ...] = mark.args[0]
    values = list(dict.fromkeys(tuple(getattr(cell, name) for name in asked) for cell in cells))
    metafunc.parametrize(asked, values, ids=["-".join(each) for each in values], indirect=True)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        tier = _tier(item)
        if tier:
            item.add_marker(tier)
        if tier == "spark" and not item.get_closest_marker("xdist_group"):
            # A worker builds with Spark what the tests of a file share, and no other worker does.
            item.add_marker(pytest.mark.xdist_group(str(item.path.relative_to(TESTS))))


def _tier(item: pytest.Item) -> str | None:
    """The first of `TIERS` that a test's folder, fixtures or parameters give it."""
    parameters = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    fixtures: list[str] = getattr(item, "fixturenames", [])
    given = {
        *(FOLDERS.get(part) for part in item.path.relative_to(TESTS).parts),
        *(FIXTURES.get(fixture) for fixture in fixtures),
        *(mark for (name, value), mark in CELLS.items() if parameters.get(name) == value),
    }
    return next((tier for tier in TIERS if tier in given), None)


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests set what they need themselves."""
    for name in os.environ:
        if name.startswith(("STEDI_", "DAGSTER_", "AWS_")):
            monkeypatch.delenv(name)


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> str:
    """An engine that can compute: DuckDB unless the test's grid says otherwise."""
    name: str = getattr(request, "param", DEFAULT.engine)
    if name == "spark":
        request.getfixturevalue("spark")
    return name


@pytest.fixture
def place_kind(request: pytest.FixtureRequest) -> str:
    """Local disk unless the test's grid says otherwise."""
    kind: str = getattr(request, "param", DEFAULT.place_kind)
    return kind


@pytest.fixture(scope="session")
def spark() -> "Iterator[Session]":
    """The session of all tests."""
    with spark_started() as shared:
        yield shared


@pytest.fixture(scope="session")
def moto() -> "Iterator[MotoServer]":
    from stedi_assets_tests.support.servers import moto_server

    with moto_server() as server:
        yield server


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Versitygw]":
    from stedi_assets_tests.support.servers import versitygw

    with versitygw(tmp_path_factory.mktemp("versitygw")) as server:
        yield server


@pytest.fixture(scope="session")
def new_place(request: pytest.FixtureRequest) -> NewPlace:
    def make(kind: str, folder: Path) -> Place:
        if kind == "local":
            return Place(folder, Aws(), {})
        server: MotoServer | Versitygw = request.getfixturevalue({"moto": "moto", "versitygw": "gateway"}[kind])
        return server.new_bucket(folder)

    return make


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's files as git would clone them, in a folder of their own."""
    return cloned(PROJECT, tmp_path_factory.mktemp("fresh") / "clone")


@pytest.fixture
def local_place(tmp_path: Path) -> Place:
    return Place(tmp_path, Aws(), {})


@pytest.fixture
def place(new_place: NewPlace, place_kind: str, tmp_path: Path) -> Place:
    """A place of the test's own."""
    return new_place(place_kind, tmp_path)


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
def project(empty_project: Project) -> Project:
    """A project with the landing files of `with_landing_files`."""
    return with_landing_files(empty_project)


@pytest.fixture(scope="session")
def builds(new_place: NewPlace, tmp_path_factory: pytest.TempPathFactory) -> Builds:
    """What tests may look at as often as they like is built once."""

    @functools.cache
    def build(kind: str, engine: str, with_files: Callable[[Project], Project]) -> Build:
        place = new_place(kind, tmp_path_factory.mktemp("built"))
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
def shore(place: Place, computing: Engine) -> Iterator[Shore]:
    """A landing folder with its tables, without Dagster."""
    with closing(Shore(place, computing)) as opened:
        yield opened


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dagster.DagsterInstance]:
    """Dagster's records on disk."""
    folder = tmp_path / "dagster"
    folder.mkdir()
    with dagster.DagsterInstance.local_temp(str(folder)) as instance:
        yield instance
