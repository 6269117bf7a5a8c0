"""The course's own data, where it lies beside the checkout: the counts that everyone who took the course knows."""

import pytest

from stedi_assets.settings import Settings
from stedi_assets_tests.conftest import PROJECT, Project, evaluations

COURSE_DATA = PROJECT.parent / "shared" / "stedi-landing"

COURSE_COUNTS = {
    "customer_landing": 956,
    "accelerometer_landing": 81_273,
    "step_trainer_landing": 28_680,
    "customer_trusted": 482,
    "accelerometer_trusted": 40_981,
    "customer_curated": 482,
    "step_trainer_trusted": 14_460,
    "machine_learning_curated": 43_681,
}


@pytest.fixture
def course(empty_project: Project) -> Project:
    if not COURSE_DATA.is_dir():
        pytest.skip("the course's data, whose licence keeps it out of this project, is not beside the checkout")
    empty_project.landing = COURSE_DATA
    return empty_project


def test_the_course_data_gives_the_counts_of_the_course_run_after_run(course: Project) -> None:
    for _ in range(2):
        assert course.materialize().success
        assert course.counts() == COURSE_COUNTS


def test_the_course_data_pairs_2700_rows_with_a_stranger(course: Project) -> None:
    evaluation = evaluations(course.materialize())["machine_learning_curated", "has_no_pair_of_different_customers"]
    assert not evaluation.passed
    assert evaluation.metadata["pairs_of_different_customers"].value == 2_700


def test_the_generated_data_gives_the_same_counts(empty_project: Project) -> None:
    empty_project.landing = Settings().landing.local_path
    assert empty_project.materialize().success
    assert empty_project.counts() == COURSE_COUNTS
