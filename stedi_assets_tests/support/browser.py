"""A real browser, and Dagster's pages in it as a user sees them."""

import json
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, expect, sync_playwright

from stedi_assets_tests.support.checkout import PROJECT, cloned
from stedi_assets_tests.support.commands import MATERIALIZE_ALL, run, serving

CHROMIUM = shutil.which("chromium")

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

PATIENCE = 90_000
"""Milliseconds that a page may take on a busy machine."""

GROUPS = ("landing", "trusted", "curated", "machine_learning", "report")

TOLERANCE = 10
"""How far from a box, in the graph's own units, the end of an arrow may be."""


@contextmanager
def chromium() -> Iterator[BrowserContext]:
    """A browser with a profile of its own."""
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as profile:
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=CHROMIUM, headless=True, args=FLAGS
        )
        context.set_default_timeout(PATIENCE)
        context.add_init_script("localStorage.setItem('dagster-nav-collapsed', 'true')")
        yield context
        context.close()


@dataclass
class Problems:
    """What went wrong on a page: requests that failed, and errors in its console."""

    page: Page

    def __post_init__(self) -> None:
        self.found: list[str] = []
        self.requests: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("requestfailed", lambda request: self.found.append(f"request failed: {request.url}"))
        self.page.on("response", lambda answer: self.found.append(answer.url) if answer.status >= 400 else None)
        self.page.on("console", lambda line: self.found.append(line.text))
        self.page.on("pageerror", lambda error: self.found.append(str(error)))


@dataclass(frozen=True)
class Box:
    """An asset in the graph: its place in the graph's own units, and what it shows."""

    left: float
    top: float
    right: float
    bottom: float
    text: str

    def is_near(self, x: float, y: float) -> bool:
        return (
            self.left - TOLERANCE <= x <= self.right + TOLERANCE
            and self.top - TOLERANCE <= y <= self.bottom + TOLERANCE
        )


def open_graph(context: BrowserContext, address: str, width: int, height: int) -> Page:
    """Opens the graph of all assets with every group unfolded, and room for it."""
    page = context.new_page()
    page.set_viewport_size({"width": width, "height": height})
    groups = ",".join(f"global@global:{group}" for group in GROUPS)
    page.goto(f"{address}/asset-groups?expanded={groups}")
    page.locator("foreignObject", has_text="customer_files").first.wait_for()
    # The list of groups beside the graph.
    page.get_by_role("img", name="panel_show_right").click()
    expect(page.locator("foreignObject", has_text="Loading")).to_have_count(0, timeout=PATIENCE)
    return page


def boxes(page: Page) -> list[Box]:
    """The assets that the graph shows."""
    found = page.locator("foreignObject").evaluate_all(
        """nodes => nodes.map(node => [
            ...["x", "y", "width", "height"].map(name => Number(node.getAttribute(name))), node.textContent
        ])"""
    )
    shown = [Box(x, y, x + width, y + height, text or "") for x, y, width, height, text in found]
    return [box for box in shown if "_" in box.text and box.text not in GROUPS]


def arrows(page: Page, names: Sequence[str]) -> list[tuple[str, str]]:
    """Which asset each arrow of the graph leaves and which it reaches."""
    placed = {name: next(box for box in boxes(page) if box.text.startswith(name)) for name in names}
    ways = page.locator("path[marker-end]").evaluate_all("paths => paths.map(path => path.getAttribute('d'))")
    ends = [[float(number) for number in re.findall(r"-?[\d.]+", way)] for way in ways]
    return [
        (
            next((name for name, box in placed.items() if box.is_near(*numbers[:2])), ""),
            next((name for name, box in placed.items() if box.is_near(*numbers[-2:])), ""),
        )
        for numbers in ends
    ]


def open_asset(context: BrowserContext, address: str, name: str) -> Page:
    """Opens the page of an asset."""
    page = context.new_page()
    page.set_viewport_size({"width": 1440, "height": 1100})
    page.goto(f"{address}/assets/{name}")
    page.get_by_text("Latest materialization").wait_for()
    page.get_by_text("Column name", exact=True).or_(page.get_by_text("path", exact=True)).first.wait_for()
    return page


def entries(page: Page) -> list[str]:
    """The names of the entries in the metadata of an asset's page, in the order of the page."""
    page.get_by_text("Timestamp", exact=True).first.wait_for()
    table = page.locator("table", has=page.get_by_text("Timestamp", exact=True))
    return [name.strip() for name in table.locator("> tbody > tr > td:first-child").all_inner_texts()]


def search_catalogue(context: BrowserContext, address: str, text: str) -> Page:
    """Types a text into the search of the catalogue."""
    page = context.new_page()
    page.set_viewport_size({"width": 1440, "height": 1600})
    page.goto(f"{address}/assets")
    page.get_by_role("link", name="customer_trusted").first.wait_for()
    page.locator(".CodeMirror").first.click()
    page.keyboard.type(text)
    return page


def open_report(context: BrowserContext, file: Path, width: int) -> tuple[Page, Problems]:
    """Opens a report from its file."""
    page = context.new_page()
    page.set_viewport_size({"width": width, "height": 1100})
    problems = Problems(page)
    page.goto(file.as_uri())
    return page, problems


@dataclass(frozen=True)
class Built:
    """Dagster's pages over a lakehouse that is built, with a report."""

    address: str
    report: Path


OWNER = "data"
"""The team that owns the tables."""

COMMIT = "0123456789abcdef0123456789abcdef01234567"
"""The commit that an image of these pages would have."""

REJECTED = "customer_trusted"
"""The table of which the first run expected another number of rows."""


@contextmanager
def built_lakehouse(folder: Path) -> Iterator[Built]:
    """Builds every asset from a clone of the project, after a run that fails, and serves Dagster's pages over both."""
    checkout = cloned(PROJECT, folder / "stedi_assets")
    home = folder / "dagster_home"
    home.mkdir()
    shutil.copyfile(checkout / ".dagster/dagster.yaml", home / "dagster.yaml")
    variables = {"PYTHONPATH": str(checkout), "DAGSTER_HOME": str(home)}
    counts = folder / "counts.json"
    counts.write_text(json.dumps({REJECTED: 1}))
    select = (f"+key:{REJECTED}" if word == "*" else word for word in MATERIALIZE_ALL)
    failed = run(*select, folder=checkout, STEDI_EXPECTED_COUNTS=str(counts), **variables)
    assert failed.exit_code == 1, failed.output
    finished = run(*MATERIALIZE_ALL, folder=checkout, **variables)
    assert finished.exit_code == 0, finished.output
    with serving(checkout, STEDI_OWNERS=f"team:{OWNER}", STEDI_COMMIT=COMMIT, **variables) as address:
        yield Built(address, checkout / "lakehouse/report/lakehouse_report.html")
