"""Dagster's pages and the report in a real browser: what a user sees and clicks."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, expect

from stedi_assets.contract import SOURCES, TABLES
from stedi_assets.defs.report import REPORT
from stedi_assets_tests.support.browser import (
    CHROMIUM,
    COMMIT,
    OWNER,
    PATIENCE,
    REJECTED,
    Built,
    arrows,
    boxes,
    built_lakehouse,
    chromium,
    entries,
    open_asset,
    open_graph,
    open_report,
    search_catalogue,
)
from stedi_assets_tests.support.graph import CHECKS, COMMON_CHECKS, GRAPH
from stedi_assets_tests.support.screenshots import take_screenshots

# One server and one browser for all.
pytestmark = pytest.mark.xdist_group("browser")

CURATED = ("customer_curated", "machine_learning_curated", "machine_learning_pseudonymized")

EDGES = {
    *((start, end) for end, (_, starts) in GRAPH.items() for start in starts),
    *((name, source.quarantine) for name, source in SOURCES.items()),
    *((name, REPORT) for name in CURATED),
}

WARNED = "machine_learning_curated"
"""The table that the course defines as it is, with checks that warn of it."""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    if CHROMIUM is None:
        reason = "there is no chromium: apt-get install chromium"
        pytest.fail(reason) if "CI" in os.environ else pytest.skip(reason)
    with built_lakehouse(tmp_path_factory.mktemp("ui")) as served:
        yield served


@pytest.fixture(scope="module")
def browser(built: Built) -> Iterator[BrowserContext]:
    with chromium() as context:
        yield context


@pytest.fixture(autouse=True)
def one_page_at_a_time(browser: BrowserContext) -> Iterator[None]:
    """A page that nobody looks at any more would go on asking the server."""
    yield
    for page in browser.pages:
        page.close()


def test_the_graph_shows_every_asset_and_every_edge(browser: BrowserContext, built: Built) -> None:
    page = open_graph(browser, built.address, 3000, 2600)
    names = [*SOURCES, *TABLES, REPORT]
    shown = [box.text for box in boxes(page)]
    assert len(shown) == len(names)
    assert all(any(text.startswith(name) for text in shown) for name in names)
    assert sorted(arrows(page, names)) == sorted(EDGES)


def test_the_graph_begins_at_the_files_and_every_edge_goes_to_the_right(browser: BrowserContext, built: Built) -> None:
    page = open_graph(browser, built.address, 3000, 2600)
    names = [*SOURCES, *TABLES, REPORT]
    placed = {name: next(box for box in boxes(page) if box.text.startswith(name)) for name in names}
    assert [(start, end) for start, end in EDGES if placed[start].right >= placed[end].left] == []
    assert min(placed.values(), key=lambda box: box.left) in [placed[source] for source in SOURCES]


def test_the_graph_shows_that_all_checks_passed_but_those_of_the_table_that_warns(
    browser: BrowserContext, built: Built
) -> None:
    page = open_graph(browser, built.address, 3000, 2600)
    for name in (*TABLES, REPORT):
        box = page.locator("foreignObject", has_text=name).first
        expect(box).to_contain_text("Materialized", timeout=PATIENCE)
        icons = box.get_by_role("img").evaluate_all("icons => icons.map(icon => icon.getAttribute('aria-label'))")
        assert ("warning_outline" in icons) == (name == WARNED), (name, icons)
        assert not [icon for icon in icons if "fail" in icon or "error" in icon or "cancel" in icon]
    expect(page.locator("foreignObject", has_text="customer_trusted").first).to_contain_text("5 / 5 Passed")
    expect(page.locator("foreignObject", has_text=WARNED).first).to_contain_text("6 / 9 Passed")


def test_a_click_on_materialize_ends_in_success(browser: BrowserContext, built: Built) -> None:
    page = open_asset(browser, built.address, "customer_trusted")
    page.get_by_role("button", name="Materialize").first.click()
    launched = page.get_by_text(re.compile("^Launched run [0-9a-f]{8}")).inner_text().split()[2]
    page.goto(f"{built.address}/runs")
    page.get_by_role("link", name=launched).first.click()
    page.wait_for_url("**/runs/*")
    expect(page.get_by_text("Success", exact=True).first).to_be_visible(timeout=PATIENCE)


def test_the_page_of_an_asset_shows_its_rule_schema_query_and_lineage(browser: BrowserContext, built: Built) -> None:
    page = open_asset(browser, built.address, "customer_trusted")
    expect(page.get_by_text("Customers who share their data with research").first).to_be_visible()
    row = page.locator("tr", has_text="Email address, by which a customer is known.")
    expect(row).to_contain_text("email")
    expect(row).to_contain_text("personal")
    expect(page.locator("tr", has_text="When the customer registered").first).to_contain_text("registrationDate")
    expect(page.locator("tr", has_text="When the customer registered").first).to_contain_text("BIGINT")
    expect(page.locator("pre", has_text="FROM customer_landing AS customer").first).to_be_visible()
    sources = page.locator("tr", has_text="column_sources").locator("tr", has_text="customer_landing.email")
    expect(sources).to_have_text(re.compile(r"^email\s*customer_landing\.email$"))


def test_the_page_of_an_asset_shows_rows_without_personal_values(browser: BrowserContext, built: Built) -> None:
    page = open_asset(browser, built.address, "customer_trusted")
    page.locator("tr", has_text="preview").get_by_text("Show Markdown").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("registrationDate")
    expect(dialog).to_contain_text("***")
    expect(dialog).not_to_contain_text("@")


def test_the_page_of_an_asset_begins_with_its_preview_and_its_query(browser: BrowserContext, built: Built) -> None:
    page = open_asset(browser, built.address, "step_trainer_trusted")
    names = entries(page)
    assert names[:2] == ["preview", "query"]
    assert names.index("measured_values") < names.index("plan") < names.index("delta_version") < names.index("seconds")
    expect(page.locator("tr", has_text="measured_values").first).to_contain_text("█")


def test_the_list_of_checks_shows_whole_names(browser: BrowserContext, built: Built) -> None:
    page = browser.new_page()
    for table, checks in CHECKS.items():
        page.goto(f"{built.address}/assets/{table}?view=checks")
        for name in (*checks, *COMMON_CHECKS):
            expect(page.get_by_text(name, exact=True).first).to_be_visible(timeout=PATIENCE)


def test_the_failure_of_a_step_begins_with_the_check_what_it_found_and_what_to_do(
    browser: BrowserContext, built: Built
) -> None:
    page = browser.new_page()
    page.goto(f"{built.address}/runs?q[]=status:FAILURE")
    page.locator("a[href*='/runs/']").first.click()
    page.wait_for_url("**/runs/*")
    said = (
        f"dagster._core.definitions.events.Failure: {REJECTED}: the check has_expected_rows failed: actual 482, "
        "expected 1. If the landing files differ on purpose, correct or remove the expected counts.\n"
        f"The table {REJECTED} was not changed. Look at the rejected version: stedi query --rejected {REJECTED}"
    )
    # Dagster's name of the error, and then the message: no stack trace comes before it.
    expect(page.get_by_text(said).first).to_be_visible(timeout=PATIENCE)


@pytest.mark.parametrize(
    ("tag", "found", "not_found"),
    [
        ("personal", "customer_landing", "machine_learning_pseudonymized"),
        ("consent", "machine_learning_pseudonymized", "customer_landing"),
    ],
)
def test_the_search_of_the_catalogue_finds_tables_by_a_tag(
    browser: BrowserContext, built: Built, tag: str, found: str, not_found: str
) -> None:
    page = search_catalogue(browser, built.address, tag)
    page.get_by_text(f"tag:{tag}").first.click()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name=not_found)).to_have_count(0, timeout=PATIENCE)
    expect(page.get_by_role("link", name=found).first).to_be_visible()


def test_the_page_of_an_asset_shows_its_owner(browser: BrowserContext, built: Built) -> None:
    page = open_asset(browser, built.address, "customer_trusted")
    expect(page.get_by_text("Owners", exact=True)).to_be_visible()
    expect(page.get_by_text(OWNER, exact=True).first).to_be_visible()


def test_the_page_of_the_code_location_shows_the_version_and_the_commit(browser: BrowserContext, built: Built) -> None:
    page = browser.new_page()
    page.goto(f"{built.address}/locations/stedi_assets.definitions/")
    row = page.locator("tr", has_text=re.compile("^stedi_assets"))
    expect(row).to_have_text(re.compile(rf"\d+\.\d+\.\d+ \(commit {COMMIT[:12]}\)"), timeout=PATIENCE)


def test_the_launchpad_of_an_erasure_takes_the_request_and_no_lakehouse(browser: BrowserContext, built: Built) -> None:
    page = browser.new_page()
    page.goto(f"{built.address}/locations/stedi_assets.definitions/jobs/erase_customer/playground")
    expect(page.get_by_text("requested_by: String")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text("io_manager")).to_have_count(0)


def test_the_page_of_the_report_shows_a_picture(browser: BrowserContext, built: Built) -> None:
    page = open_asset(browser, built.address, REPORT)
    page.locator("tr", has_text="funnel").get_by_text("Show Markdown").first.click()
    picture = page.get_by_role("dialog").get_by_role("img", name="Rows from landing to training: customer_landing 956")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.naturalWidth") == 640


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_the_report_opens_without_a_failed_request_or_a_message_and_does_not_scroll_sideways(
    browser: BrowserContext, built: Built, width: int, scheme: str
) -> None:
    page, problems = open_report(browser, built.report, width)
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.locator("summary", has_text="59 passed").click()
    assert problems.found == []
    assert [request for request in problems.requests if not request.startswith(("data:", built.report.as_uri()))] == []
    assert page.evaluate("[document.documentElement.scrollWidth, innerWidth]") == [width, width]
    assert (
        page.locator("#pictures figure > svg").evaluate_all("drawn => drawn.map(each => each.clientWidth > 300)")
        == [True] * 3
    )
    is_dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(13, 17, 23)"
    assert is_dark == (scheme == "dark")


def test_the_report_scrolls_what_is_wide_by_itself(browser: BrowserContext, built: Built) -> None:
    page, _ = open_report(browser, built.report, 390)
    table = page.locator("#customer_landing .scroll").first
    assert table.evaluate("part => part.scrollWidth > part.clientWidth")


def test_the_pictures_of_the_documentation_are_small(browser: BrowserContext, built: Built, tmp_path: Path) -> None:
    taken = take_screenshots(browser, built, tmp_path)
    assert [file.name for file in taken] == ["lineage.svg", "lineage_dark.svg", "asset.png", "report.png"]
    for file in taken[2:]:
        assert 10_000 < file.stat().st_size < 300_000
        assert len(set(Image.open(file).convert("RGB").get_flattened_data())) > 8
    light, dark = (ElementTree.parse(file) for file in taken[:2])
    for drawing in (light, dark):
        texts = ["".join(text.itertext()) for text in drawing.iter("{http://www.w3.org/2000/svg}text")]
        assert {*SOURCES, *TABLES} <= set(texts)
    assert ElementTree.tostring(light.getroot()) != ElementTree.tostring(dark.getroot())
