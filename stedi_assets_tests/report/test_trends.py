"""The trends of the report: the rows and the checks of the last versions of each table."""

import re
from pathlib import Path

import pytest

from stedi_assets.lakehouse.check import Check, CheckResult
from stedi_assets.lakehouse.state import OUTCOMES, State, read_state, with_outcome
from stedi_assets_tests.support.projects import Project, opened_lakehouse
from stedi_assets_tests.support.records import phone_reading
from stedi_assets_tests.support.report_page import written_page

pytestmark = pytest.mark.xdist_group("report")

LANDED = "accelerometer_landing"


def test_the_page_has_the_rows_and_the_checks_of_the_last_versions(built_project: Project, tmp_path: Path) -> None:
    for instant in (400, 500):
        built_project.land("accelerometer", f"{instant}.json", [phone_reading("ada", instant)])
        assert built_project.materialize(LANDED, "accelerometer_quarantine").success
    page = written_page(built_project, tmp_path)
    trends = page.part("trends")
    assert 'aria-label="Rows of the last 3 versions, the oldest first: 6; 7; 8"' in trends.source
    assert re.search(
        rf"{LANDED} 8 \+1 The oldest first: 6 passed; 6 passed; 6 passed ✓ ✓ ✓ 20\d\d-\d\d-\d\d \d\d:\d\d UTC",
        trends.text,
    )
    assert "11 tables have one version. A trend begins with the second." in trends.text
    assert "version committed rows added removed checks run 2 20" in page.part(LANDED).text


def test_a_version_that_no_run_has_checked_is_not_called_good(built_project: Project, tmp_path: Path) -> None:
    delta = built_project.delta(LANDED)
    delta.delete("x > 0.5")
    trends = written_page(built_project, tmp_path).part("trends")
    assert re.search(rf"{LANDED} 5 -1 The oldest first: 6 passed; not checked ✓ · ", trends.text)


def outcomes(project: Project, table: str) -> list[dict[str, int]]:
    with opened_lakehouse(project) as lakehouse:
        state = read_state(lakehouse, table)
        assert state is not None
        return [dict(outcome) for outcome in state.outcomes.values()]


def test_a_run_that_changes_nothing_adds_no_outcome(built_project: Project) -> None:
    before = outcomes(built_project, LANDED)
    assert built_project.materialize().success
    assert outcomes(built_project, LANDED) == before == [{"passed": 6}]


def test_the_outcomes_before_the_commit_of_another_program_stay(built_project: Project) -> None:
    built_project.delta(LANDED).delete("x > 0.5")
    assert built_project.materialize(LANDED, "accelerometer_quarantine").success
    assert outcomes(built_project, LANDED) == [{"passed": 6}, {"passed": 6}]


def test_the_state_keeps_the_outcomes_of_the_last_versions() -> None:
    check = Check("has_rows", "Has rows.", True, lambda lakehouse: {}, lambda findings: True)
    state = State("id:0", "run", None)
    for version in range(2 * OUTCOMES):
        state = State(f"id:{version}", "run", None, outcomes=state.outcomes)
        state = State(f"id:{version}", "run", None, outcomes=with_outcome(state, [CheckResult(check, {}, "whole")]))
    assert list(state.outcomes) == [f"id:{version}" for version in range(OUTCOMES, 2 * OUTCOMES)]


def test_a_commit_without_checks_has_no_outcome() -> None:
    state = State("id:1", "run", None, outcomes={"id:0": {"passed": 2}})
    assert with_outcome(state, []) == {"id:0": {"passed": 2}}
