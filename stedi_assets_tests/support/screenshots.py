"""The pictures of the documentation, made by what the tests of the browser do.

Usage: python -m stedi_assets_tests.screenshots docs/images
"""

import io
import sys
import tempfile
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import BrowserContext, Page

from stedi_assets_tests.support.browser import Built, built_lakehouse, chromium, open_asset, open_report

COLOURS = 128

STANDALONE = """svg => {
    const copy = svg.cloneNode(true);
    const styled = "path, rect, text, tspan";
    const ofText = ["fill", "font-family", "font-size"];
    const ofShapes = ["fill", "stroke", "stroke-width", "stroke-dasharray"];
    const copies = copy.querySelectorAll(styled);
    svg.querySelectorAll(styled).forEach((element, number) => {
        const style = getComputedStyle(element);
        const names = element.matches("text, tspan") ? ofText : ofShapes;
        names.forEach(name => copies[number].setAttribute(name, style.getPropertyValue(name).replaceAll('"', "'")));
    });
    copy.querySelectorAll("a").forEach(link => link.replaceWith(...link.childNodes));
    copy.setAttribute("role", "img");
    return new XMLSerializer().serializeToString(copy);
}"""
"""Returns a drawing of a page as SVG of its own, with the colours that it has on the page now."""


def take_screenshots(context: BrowserContext, built: Built, folder: Path) -> list[Path]:
    """Takes a picture of the lineage, of an asset and of the report.

    The lineage is the drawing of the report, for light and dark pages. Dagster's graph of all assets is three times as
    wide as a page of documentation, and cuts the names as soon as all of it fits on a screen.

    Args:
        context: The browser.
        built: What to show.
        folder: Where to write them.

    Returns:
        The pictures.
    """
    folder.mkdir(parents=True, exist_ok=True)
    asset = open_asset(context, built.address, "machine_learning_pseudonymized")
    asset.wait_for_timeout(3_000)
    report, _ = open_report(context, built.report, 1440)
    return [
        _drawn(report, folder / "lineage.svg", "light"),
        _drawn(report, folder / "lineage_dark.svg", "dark"),
        _taken(asset, folder / "asset.png"),
        _taken(report, folder / "report.png"),
    ]


def _drawn(report: Page, file: Path, scheme: Literal["light", "dark"]) -> Path:
    report.emulate_media(color_scheme=scheme)
    file.write_text(report.locator(".graph .across").evaluate(STANDALONE) + "\n")
    report.emulate_media(color_scheme="light")
    return file


def _taken(page: Page, file: Path) -> Path:
    image: Image.Image = Image.open(io.BytesIO(page.screenshot()))
    image.quantize(COLOURS).save(file, optimize=True)
    return file


def main(folder: Path) -> None:
    """Builds a lakehouse and takes the pictures of it.

    Args:
        folder: Where to write them.
    """
    with (
        tempfile.TemporaryDirectory() as scratch,
        built_lakehouse(Path(scratch)) as built,
        chromium() as context,
    ):
        for file in take_screenshots(context, built, folder):
            print(f"{file}: {file.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
