"""The page of `stedi report` in a real browser: on a wide and a narrow screen, in the dark, on paper, by keyboard."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect

from stedi_assets.contract import TABLES
from stedi_assets_tests.support.browser import chromium, open_report
from stedi_assets_tests.support.places import NewPlace
from stedi_assets_tests.support.projects import Builds, Project, with_landing_files
from stedi_assets_tests.support.report_page import written_page

# One browser for all.
pytestmark = pytest.mark.xdist_group("report_page")

PHONE, DESK = 390, 1280

PAPER = {"width": 703, "height": 1017}
"""A page of A4 without its margins, in CSS pixels."""

SCREENS = [(width, scheme) for width in (PHONE, DESK) for scheme in ("light", "dark")]

CLIPPED = """elements => elements
    .filter(element => element.scrollWidth > element.clientWidth + 1 && element.clientWidth > 1
        && !element.classList.contains("hidden") && getComputedStyle(element).overflowX !== "visible")
    .map(element => element.outerHTML.slice(0, 300))"""
"""Elements that hide a part of their content, or show it only to those who scroll."""


@pytest.fixture(scope="module")
def report(builds: Builds, new_place: NewPlace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with a check that failed."""
    folder = tmp_path_factory.mktemp("report_page")
    built = builds("local", "duckdb", with_landing_files)
    project = built.copy_to(Project.at(new_place("local", folder), "duckdb"))
    (project.landing / "expected_counts.json").write_text(json.dumps({"customer_curated": 3}))
    assert "1 check failed" in written_page(project, folder).text
    return folder / "report.html"


@pytest.fixture(scope="module")
def browser() -> Iterator[BrowserContext]:
    with chromium() as context:
        yield context


@pytest.fixture
def page(browser: BrowserContext, report: Path) -> Iterator[Page]:
    """The report on a desk."""
    page, _ = open_report(browser, report, DESK)
    yield page
    page.close()


def on_screen(page: Page, width: int, scheme: str = "light") -> None:
    page.set_viewport_size({"width": width, "height": 1100})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")


def unfold(page: Page) -> None:
    page.locator("details").evaluate_all("parts => parts.forEach(part => { part.open = true })")


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_axe_finds_nothing_that_keeps_people_from_reading_it(page: Page, width: int, scheme: str) -> None:
    on_screen(page, width, scheme)
    unfold(page)
    found: list[dict[str, Any]] = Axe().run(page).response["violations"]
    assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found] == []


def test_a_failed_check_in_the_verdict_leads_to_its_row(page: Page) -> None:
    page.get_by_role("link", name="customer_curated: has_expected_rows").click()
    row = page.locator("tr:target")
    expect(row).to_contain_text("actual: 2, expected: 3")
    expect(row).to_be_in_viewport()


def test_a_link_to_a_folded_check_unfolds_it(page: Page) -> None:
    page.evaluate("location.hash = 'check-customer_trusted-has_contract_columns'")
    expect(page.locator("tr:target")).to_be_in_viewport()


@pytest.mark.parametrize("width", [PHONE, DESK])
@pytest.mark.parametrize("name", TABLES)
def test_a_box_of_the_lineage_is_a_link_to_its_table(page: Page, width: int, name: str) -> None:
    on_screen(page, width)
    page.locator(f'.graph svg:visible a[href="#{name}"]', has_text=re.compile(rf"^{name}\W")).click()
    expect(page.locator(f"article#{name}")).to_be_in_viewport()


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_the_names_of_the_lineage_are_whole_and_large_enough_to_read(page: Page, width: int) -> None:
    on_screen(page, width)
    page.locator("#lineage").scroll_into_view_if_needed()
    names = page.locator(".graph svg:visible text:not(.detail)")
    assert len(names.all()) == len(TABLES) + 3
    for name in names.all():
        text = name.bounding_box()
        box = name.locator("..").locator("rect").bounding_box()
        assert text is not None
        assert box is not None
        assert text["height"] >= 12
        assert 0 <= box["x"] < text["x"]
        assert text["x"] + text["width"] < box["x"] + box["width"] <= width


def test_the_drawings_follow_the_dark_mode(page: Page) -> None:
    inks = {}
    for scheme in ("light", "dark"):
        on_screen(page, DESK, scheme)
        inks[scheme] = [
            page.locator(where).first.evaluate("text => getComputedStyle(text).fill")
            for where in (".graph .across text", "#pictures svg text")
        ]
    assert inks == {"light": ["rgb(31, 35, 40)"] * 2, "dark": ["rgb(230, 237, 243)"] * 2}


def test_the_first_key_offers_to_skip_to_the_content(page: Page) -> None:
    page.keyboard.press("Tab")
    link = page.get_by_role("link", name="Skip to the rows")
    expect(link).to_be_focused()
    expect(link).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_everything_that_scrolls_has_a_label_and_is_reached_by_keyboard(page: Page, width: int) -> None:
    on_screen(page, width)
    unfold(page)
    scrolling = page.locator("body *").evaluate_all(CLIPPED)
    assert scrolling
    unlabelled = re.compile(r'^<(?!(div class="scroll( graph)?"|pre) role="region" tabindex="0" aria-label="[^"]+")')
    assert [each for each in scrolling if unlabelled.match(each)] == []


def test_on_paper_nothing_is_clipped(page: Page) -> None:
    page.set_viewport_size({"width": PAPER["width"], "height": PAPER["height"]})
    page.emulate_media(media="print", color_scheme="dark")
    assert page.locator("body *").evaluate_all(CLIPPED) == []
    assert page.evaluate("document.documentElement.scrollWidth") == PAPER["width"]
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_on_paper_every_folded_part_is_open_and_every_character_lies_on_its_page(page: Page, tmp_path: Path) -> None:
    parts = page.locator("summary, summary ~ * td, summary ~ * th, summary ~ pre, svg.down text").all_text_contents()
    expected = [line for part in parts for line in part.splitlines()]
    file = tmp_path / "report.pdf"
    page.pdf(path=file, format="A4")
    document = pypdfium2.PdfDocument(file)
    texts = [sheet.get_textpage() for sheet in document]
    printed = joined("".join(text.get_text_range() for text in texts))
    assert len(expected) > 400
    assert [text for text in expected if joined(text) not in printed] == []
    for sheet, text in zip(document, texts, strict=True):
        width, height = sheet.get_size()
        boxes = [text.get_charbox(index) for index in range(text.count_chars())]
        assert [box for box in boxes if box[0] < 0 or box[1] < 0 or box[2] > width or box[3] > height] == []


def joined(text: str) -> str:
    """A text without the places where a printer may break it: spaces, and the ends of lines within a word."""
    return re.sub(r"[\s\ufffe\u00ad-]+", "", text)
