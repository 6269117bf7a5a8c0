"""Projects from which a customer is erased."""

import functools
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from stedi_assets.engines.engine import Engine
from stedi_assets.lakehouse.lakehouse import Lakehouse
from stedi_assets_tests.support.engines import OPENED
from stedi_assets_tests.support.erasing import Erased, erased, opened
from stedi_assets_tests.support.places import NewPlace
from stedi_assets_tests.support.projects import Builds, Project, with_landing_files


@pytest.fixture
def lakehouse(built_project: Project, computing: Engine) -> Iterator[Lakehouse]:
    """The project's tables as an erasure reaches them."""
    with closing(opened(built_project, computing)) as tables:
        yield tables


@pytest.fixture(scope="session")
def erasures(
    new_place: NewPlace, tmp_path_factory: pytest.TempPathFactory, builds: Builds
) -> Callable[[str, str], Erased]:
    """Erases the customer once in each kind of place with each engine."""

    @functools.cache
    def erase_once(kind: str, engine: str) -> Erased:
        build = builds(kind, engine, with_landing_files)
        place = new_place(kind, tmp_path_factory.mktemp("erased"))
        project = build.copy_to(Project.at(place, engine))
        with OPENED[engine](place.location("").aws) as computing:
            certificate = erased(opened(project, computing))
        return Erased(build.project, project, certificate)

    return erase_once


@pytest.fixture
def erasure(erasures: Callable[[str, str], Erased], place_kind: str, engine: str) -> Erased:
    """An erasure, for tests that change nothing."""
    return erasures(place_kind, engine)


@pytest.fixture
def erased_project(erasure: Erased, empty_project: Project) -> Project:
    """A copy of what it leaves, of the test's own."""
    erasure.after.place.copy_to(empty_project.place)
    return empty_project
