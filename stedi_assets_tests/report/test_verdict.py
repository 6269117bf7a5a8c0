"""The verdict of the report, which comes first: all is good, or links to where the page shows what is not."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from stedi_assets.contract import TABLES
from stedi_assets.defs.assets import QUERIES
from stedi_assets.defs.checks.tables import all_checks
from stedi_assets.report.contents import CheckResult, Report, gather
from stedi_assets.report.verdict import Point, check_place, verdict_of
from stedi_assets_tests.support.projects import Build, Project, opened_lakehouse
from stedi_assets_tests.support.records import EXPECTED_COUNTS, customer
from stedi_assets_tests.support.report_page import Page, written_page

pytestmark = pytest.mark.xdist_group("report")

WARNINGS = {
    "machine_learning_curated: has_no_mixed_customers",
    "machine_learning_curated: has_no_unconsented_row",
    "machine_learning_curated: has_no_serial_number",
}


@pytest.fixture(scope="module")
def gathered() -> Mapping[str, Report]:
    """What has been gathered, by the project's folder."""
    return {}


@pytest.fixture
def contents(built: Build, gathered: dict[str, Report]) -> Report:
    """What the page of a lakehouse shows whose checks pass, but for warnings."""
    if not gathered:
        with opened_lakehouse(built.project) as lakehouse:
            gathered["built"] = gather(lakehouse, QUERIES, all_checks(built.project.settings()))
    return gathered["built"]


def with_status(contents: Report, number: int, status: str) -> Report:
    """The same with another result of a check."""
    results: list[CheckResult] = list(contents.results)
    results[number] = replace(results[number], status=status)  # type: ignore[arg-type]
    return replace(contents, results=results)


def links(page: Page) -> dict[str, str]:
    """From the text of each link in the verdict to the place that it leads to."""
    found = re.findall(r'<a href="#([^"]+)">([^<]+)</a>', page.part("verdict").source)
    return {text: place for place, text in found}


def test_the_verdict_is_good_if_all_checks_passed(contents: Report) -> None:
    passed = [result for result in contents.results if result.status == "passed"]
    verdict = verdict_of(replace(contents, results=passed))
    assert verdict.status == "passed"
    assert verdict.sentence == f"All good: {len(passed)} checks passed"
    assert (verdict.problems, verdict.warnings) == ([], [])


def test_a_warning_is_no_failure_and_is_named(contents: Report) -> None:
    verdict = verdict_of(contents)
    assert verdict.status == "warned"
    assert re.fullmatch(r"No check failed: \d+ passed, with 3 warnings", verdict.sentence)
    assert {point.text for point in verdict.warnings} == WARNINGS


@pytest.mark.parametrize(("status", "sentence"), [("failed", "1 check failed"), ("not run", "1 check could not run")])
def test_a_check_that_failed_or_did_not_run_is_a_problem(contents: Report, status: str, sentence: str) -> None:
    verdict = verdict_of(with_status(contents, 0, status))
    first = contents.results[0]
    assert (verdict.status, verdict.sentence) == ("failed", sentence)
    assert verdict.problems == [Point(f"{first.table}: {first.name}", check_place(first))]


def test_the_page_begins_with_the_failed_checks_as_links_to_where_they_are_shown(
    built_project: Project, tmp_path: Path
) -> None:
    (built_project.landing / "expected_counts.json").write_text(json.dumps({**EXPECTED_COUNTS, "customer_curated": 3}))
    page = written_page(built_project, tmp_path)
    assert page.part("verdict").text.startswith(
        "✗ 1 check failed Look at: customer_curated: has_expected_rows Warnings:"
    )
    place = links(page)["customer_curated: has_expected_rows"]
    (row,) = re.findall(rf'<tr id="{place}">.*?</tr>', page.source, re.DOTALL)
    assert "customer_curated has_expected_rows ✗ failed Has exactly 3 rows." in Page(row).text
    assert "<details open><summary>1 failed</summary>" in page.source
    assert links(page).keys() == {"customer_curated: has_expected_rows", *WARNINGS}
    assert "<title>✗ 1 check failed – STEDI lakehouse</title>" in page.source


def test_the_verdict_names_the_run_the_engine_and_the_dates_of_the_readings(
    built_project: Project, tmp_path: Path
) -> None:
    result = built_project.materialize("accelerometer_trusted", full_refresh=True)
    verdict = written_page(built_project, tmp_path).part("verdict").text
    assert re.search(rf"Last run 20\d\d-\d\d-\d\d \d\d:\d\d UTC , {result.run_id.split('-')[0]} Engine", verdict)
    assert re.search(r"Engine DuckDB 1\.\S+ Readings of 1970-01-01 Checked 20\d\d-", verdict)


def test_the_tables_that_have_not_been_built_are_named_as_links(project: Project, tmp_path: Path) -> None:
    assert project.materialize("customer_landing", "customer_quarantine").success
    page = written_page(project, tmp_path)
    missing = [name for name in TABLES if name not in ("customer_landing", "customer_quarantine")]
    assert f"✗ {len(missing)} tables have not been built" in page.part("verdict").text
    assert {f"{name} has not been built": name for name in missing}.items() <= links(page).items()


def test_a_version_that_the_last_run_rejected_is_named_though_the_checks_of_the_published_one_pass(
    built_project: Project, tmp_path: Path
) -> None:
    (built_project.landing / "expected_counts.json").write_text(json.dumps(EXPECTED_COUNTS))
    built_project.land("customer", "later.json", [customer("fay")])
    result = built_project.materialize("customer_landing", "customer_quarantine")
    assert not result.success
    page = written_page(built_project, tmp_path)
    assert "✗ 1 new version was rejected" in page.part("verdict").text
    assert links(page)["customer_landing: a new version was rejected by has_expected_rows"] == "customer_landing"
    article = page.part("customer_landing").text
    assert f"The run {result.run_id} computed a new version, which was not published: has_expected_rows" in article
    assert "stedi query --rejected customer_landing" in article
