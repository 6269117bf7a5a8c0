"""The course's own data, where it lies beside the checkout: the counts that everyone who took the course knows."""

from collections.abc import Callable
from pathlib import Path

import dagster
import pytest

from stedi_assets.settings import Settings
from stedi_assets_tests.support.checkout import PROJECT
from stedi_assets_tests.support.grid import on_both_engines, on_spark, on_the_whole_grid
from stedi_assets_tests.support.projects import KEY, Build, Builds, Project
from stedi_assets_tests.support.runs import evaluations

pytestmark = on_the_whole_grid

COURSE_DATA = PROJECT.parent / "shared" / "stedi-landing"

TRAINING_TABLE = "machine_learning_curated"

COURSE_COUNTS = {
    "customer_landing": 956,
    "accelerometer_landing": 81_273,
    "step_trainer_landing": 28_680,
    "customer_trusted": 482,
    "accelerometer_trusted": 40_981,
    "customer_curated": 482,
    "step_trainer_trusted": 14_460,
    "machine_learning_curated": 43_681,
    "machine_learning_pseudonymized": 32_025,
}

GENERATED_COUNTS = {**COURSE_COUNTS, "machine_learning_pseudonymized": 27_190}
"""What data/ gives: the same, but for the readings before consent, which chance decided otherwise."""


def with_files_of(project: Project, folder: Path) -> Project:
    for file in folder.glob("*/landing/*.json"):
        copy = project.landing / file.relative_to(folder).as_posix()
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(file.read_bytes())
    return project


def with_course_data(project: Project) -> Project:
    if not COURSE_DATA.is_dir():
        pytest.skip("the course's data, whose licence keeps it out of this project, is not beside the checkout")
    return with_files_of(project, COURSE_DATA)


def with_generated_data(project: Project) -> Project:
    return with_files_of(project, Settings().landing.local_path)


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
        "has_no_pair_of_different_customers": 2_700,
        "has_no_row_before_consent": 9_244,
        "has_no_serial_number_that_names_a_customer": 43_681,
    }


@on_both_engines
def test_the_generated_data_gives_its_counts_and_leaks(generated: Build) -> None:
    assert generated.project.counts() == GENERATED_COUNTS
    assert leaks(generated.result) == {
        "has_no_pair_of_different_customers": 2_700,
        "has_no_row_before_consent": 14_698,
        "has_no_serial_number_that_names_a_customer": 43_681,
    }


@on_spark
@pytest.mark.parametrize("with_files", [with_course_data, with_generated_data])
def test_spark_gives_the_rows_that_duckdb_gives(
    place_kind: str, engine: str, builds: Builds, with_files: Callable[[Project], Project]
) -> None:
    mine, twin = (builds(place_kind, each, with_files).project for each in (engine, "duckdb"))
    for table in COURSE_COUNTS:
        assert mine.rows(table) == twin.rows(table)
