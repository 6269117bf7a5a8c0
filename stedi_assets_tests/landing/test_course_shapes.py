"""The course's data, in all shapes that its published history has at once."""

from stedi_assets_tests.support.course_shapes import (
    COURSE_SOURCES,
    LANDING_COUNTS,
    REWRITTEN,
    course_lines,
    landed_counts,
)
from stedi_assets_tests.support.grid import on_both_engines_and_in_both_places
from stedi_assets_tests.support.projects import Project
from stedi_assets_tests.support.raw_files import SUFFIXES

SMALL_FILES = 100
"""How many a source's files become."""


@on_both_engines_and_in_both_places
def test_the_course_data_gives_its_landing_counts_in_all_shapes_at_once(empty_project: Project) -> None:
    for source in COURSE_SOURCES:
        lines = course_lines(source)
        for number, rewrite in enumerate(REWRITTEN.values()):
            content = rewrite(lines[number :: len(REWRITTEN)])
            empty_project.land_text(source, f"{number}.json", content.decode())
    assert landed_counts(empty_project) == LANDING_COUNTS


@on_both_engines_and_in_both_places
def test_the_course_data_gives_its_landing_counts_as_hundreds_of_small_files(empty_project: Project) -> None:
    for source in COURSE_SOURCES:
        lines = course_lines(source)
        for number in range(SMALL_FILES):
            content = b"\n".join(lines[number::SMALL_FILES])
            empty_project.land_text(source, f"{number}{SUFFIXES[number % 2]}", content.decode())
    assert landed_counts(empty_project) == LANDING_COUNTS
