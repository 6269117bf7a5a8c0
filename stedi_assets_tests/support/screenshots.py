"""The pictures of the documentation, made by what the tests of the browser do.

Usage: python -m stedi_assets_tests.screenshots docs/images
"""

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import BrowserContext, Page

from stedi_assets_tests.support.browser import Built, built_lakehouse, chromium, open_asset, open_graph, open_report

MARGIN = 24
COLOURS = 128


def take_screenshots(context: BrowserContext, built: Built, folder: Path) -> list[Path]:
    """Takes a picture of the asset graph, of an asset and of the report.

    Args:
        context: The browser.
        built: What to show.
        folder: Where to write them.

    Returns:
        The pictures.
    """
    folder.mkdir(parents=True, exist_ok=True)
    graph = open_graph(context, built.address, 1500, 1500)
    # A box turns green when its latest event has been looked up, which nothing else tells.
    graph.wait_for_timeout(8_000)
    asset = open_asset(context, built.address, "machine_learning_pseudonymized")
    asset.wait_for_timeout(3_000)
    report, _ = open_report(context, built.report, 1440)
    return [
        _taken(graph, folder / "asset_graph.png", around_boxes=True),
        _taken(asset, folder / "asset.png"),
        _taken(report, folder / "report.png"),
    ]


def _taken(page: Page, file: Path, *, around_boxes: bool = False) -> Path:
    image: Image.Image = Image.open(io.BytesIO(page.screenshot()))
    if around_boxes:
        image = image.crop(_extent(page))
    image.quantize(COLOURS).save(file, optimize=True)
    return file


def _extent(page: Page) -> tuple[int, int, int, int]:
    places = [place for node in page.locator("foreignObject").all() if (place := node.bounding_box())]
    return (
        max(int(min(place["x"] for place in places)) - MARGIN, 0),
        max(int(min(place["y"] for place in places)) - MARGIN, 0),
        int(max(place["x"] + place["width"] for place in places)) + MARGIN,
        int(max(place["y"] + place["height"] for place in places)) + MARGIN,
    )


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
