"""The course's own data, where it lies beside the checkout: the counts that everyone who took the course knows."""

from collections.abc import Callable

import dagster
import pytest

from stedi_assets_tests.support.course import COURSE_COUNTS, with_course_data, with_generated_data
from stedi_assets_tests.support.engines import KEY
from stedi_assets_tests.support.grid import on_both_engines, on_spark, on_the_whole_grid
from stedi_assets_tests.support.projects import Build, Builds, Project
from stedi_assets_tests.support.runs import evaluations

pytestmark = on_the_whole_grid

TRAINING_TABLE = "machine_learning_curated"


@pytest.fixture
def course(place_kind: str, engine: str, builds: Builds) -> Build:
    """The course's data with its tables, for tests that change nothing."""
    return builds(place_kind, engine, with_course_data)


@pytest.fixture
def generated(place_kind: str, engine: str, builds: Builds) -> Build:
    """The same of data/."""
    return builds(place_kind, engine, with_generated_data)


def test_the_course_data_gives_the_counts_of_the_course(course: Build) -> None:
    assert course.project.counts() == COURSE_COUNTS


def test_a_second_run_gives_the_counts_of_the_course_again(course: Build, empty_project: Project) -> None:
    project = course.copy_to(empty_project)
    assert project.materialize(pseudonym_key=KEY.hex()).success
    assert project.counts() == COURSE_COUNTS


def leaks(result: dagster.ExecuteInProcessResult) -> dict[str, int]:
    """What the warnings of the course's training table count."""
    found = {check: evaluation for (table, check), evaluation in evaluations(result).items() if table == TRAINING_TABLE}
    counted = {check: evaluation.metadata.values() for check, evaluation in found.items() if not evaluation.passed}
    return {check: value.value for check, values in counted.items() for value in values if isinstance(value.value, int)}


def test_the_leaks_of_the_course_data_are_warned_of_and_counted(course: Build) -> None:
    assert leaks(course.result) == {
        "has_no_mixed_customers": 2_700,
        "has_no_unconsented_row": 9_244,
        "has_no_serial_number": 43_681,
    }


@on_both_engines
def test_the_generated_data_gives_its_counts_and_leaks(generated: Build) -> None:
    assert generated.project.counts() == COURSE_COUNTS
    assert leaks(generated.result) == {
        "has_no_mixed_customers": 2_700,
        "has_no_unconsented_row": 9_537,
        "has_no_serial_number": 43_681,
    }


@on_spark
@pytest.mark.parametrize("with_files", [with_course_data, with_generated_data])
def test_spark_gives_the_rows_that_duckdb_gives(
    place_kind: str, engine: str, builds: Builds, with_files: Callable[[Project], Project]
) -> None:
    mine, twin = (builds(place_kind, each, with_files).project for each in (engine, "duckdb"))
    for table in COURSE_COUNTS:
        assert mine.rows(table) == twin.rows(table)
