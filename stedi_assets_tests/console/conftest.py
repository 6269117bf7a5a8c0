"""Lakehouses to look at."""

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from stedi_assets.storage.aws import Aws
from stedi_assets_tests.support.places import Place
from stedi_assets_tests.support.projects import Project, with_landing_files
from stedi_assets_tests.support.shell import ESCAPE_SEQUENCE, BuiltTwice, built_twice


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> BuiltTwice:
    """A project on local disk, that tests only look at."""
    folder = tmp_path_factory.mktemp("built")
    place = Place(folder, Aws(), {})
    project = with_landing_files(Project.at(place, "duckdb"))
    write_deltalake(
        folder / "lakehouse/assets/mine",
        pa.table({"email": ["ada@example.com", None], "note": [f"{ESCAPE_SEQUENCE}gone", "ü, 'x'"]}),
    )
    return built_twice(project)


@pytest.fixture
def own_built(built: BuiltTwice, empty_project: Project) -> BuiltTwice:
    """A copy of the same, for a test that changes it."""
    built.project.place.copy_to(empty_project.place)
    return BuiltTwice(empty_project, built.runs)
