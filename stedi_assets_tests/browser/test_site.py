"""The documentation's site in a real browser."""

import functools
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import expect

from stedi_assets_tests.support.browser import PATIENCE, Problems, chromium
from stedi_assets_tests.support.site import built_site

HOST = "127.0.0.1"


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Where the site is served."""
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(built_site(tmp_path)))
    with ThreadingHTTPServer((HOST, 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{HOST}:{server.server_port}"
        server.shutdown()


def test_a_reader_finds_a_page_and_the_site_asks_no_other_server(address: str) -> None:
    with chromium() as context:
        page = context.new_page()
        problems = Problems(page)
        page.goto(f"{address}/index.html")
        # The page ignores keys until it has loaded its index; only then does it make the field.
        page.get_by_role("combobox", include_hidden=True).wait_for(state="attached")
        page.keyboard.press("Control+k")
        page.keyboard.type("vacuum")
        expect(page.get_by_role("option", name="stedi vacuum")).to_be_visible(timeout=PATIENCE)
        assert problems.found == []
        assert [request for request in problems.requests if not request.startswith(address)] == []
