"""The course's data, all of it in each shape that its published history has."""

from collections.abc import Callable, Sequence

import pytest

from stedi_assets_tests.support.course_shapes import (
    COURSE_SOURCES,
    LANDING_COUNTS,
    REWRITTEN,
    course_files,
    landed_counts,
)
from stedi_assets_tests.support.projects import Project


@pytest.mark.parametrize("rewrite", REWRITTEN.values(), ids=REWRITTEN.keys())
def test_the_course_data_gives_its_landing_counts_in_every_shape(
    empty_project: Project, rewrite: Callable[[Sequence[bytes]], bytes]
) -> None:
    for source in COURSE_SOURCES:
        for file in course_files(source):
            content = rewrite(file.read_bytes().splitlines())
            empty_project.land_text(source, file.name, content.decode())
    assert landed_counts(empty_project) == LANDING_COUNTS
