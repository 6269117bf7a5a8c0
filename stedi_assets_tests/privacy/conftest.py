"""Projects that several files of these tests build."""

from collections import Counter

import pytest

from stedi_assets_tests.support.projects import Builds, Project
from stedi_assets_tests.support.training import TABLE, with_readings_of_one_customer, with_tempting_files


@pytest.fixture
def ada(empty_project: Project, place_kind: str, engine: str, builds: Builds) -> Project:
    """A project of one customer, built."""
    return builds(place_kind, engine, with_readings_of_one_customer).copy_to(empty_project)


@pytest.fixture
def tempting(empty_project: Project, place_kind: str, engine: str, builds: Builds) -> Project:
    project = builds(place_kind, engine, with_tempting_files).copy_to(empty_project)
    assert Counter(row[1:] for row in project.rows(TABLE)) == {(100, 250, 0.25, -1.0, 0.5): 1}
    return project
