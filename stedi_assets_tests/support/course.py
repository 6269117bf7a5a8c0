"""The course's own data, where it lies beside the checkout, and the data of this project, which has the same counts."""

from pathlib import Path

import pytest

from stedi_assets.settings import Settings
from stedi_assets_tests.support.checkout import PROJECT
from stedi_assets_tests.support.projects import Project

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
    "machine_learning_pseudonymized": 32_025,
}


def available(folder: Path) -> Path:
    """Returns the folder, or skips the test where the course's data is not there."""
    if not folder.is_dir():
        pytest.skip("the course's data, whose licence keeps it out of this project, is not beside the checkout")
    return folder


def with_files_of(project: Project, folder: Path) -> Project:
    for file in folder.glob("*/landing/*.json"):
        copy = project.landing / file.relative_to(folder).as_posix()
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(file.read_bytes())
    return project


def with_course_data(project: Project) -> Project:
    return with_files_of(project, available(COURSE_DATA))


def with_generated_data(project: Project) -> Project:
    return with_files_of(project, Settings().landing.local_path)
