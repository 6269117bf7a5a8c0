"""The pages of the documentation, whose commands run and print what the pages show."""

import shutil
from pathlib import Path

import pytest

from stedi_assets_tests.support.checkout import PROJECT
from stedi_assets_tests.support.documentation import PAGES, Reader, blocks, follow


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    return Reader.at(tmp_path_factory.mktemp("reader"))


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES[1:] if blocks(page.read_text())],
    ids=lambda page: str(page.relative_to(PROJECT)),
)
def test_the_blocks_of_a_page_run_in_their_order_and_print_what_it_shows(
    page: Path, reader: Reader, tmp_path: Path
) -> None:
    follow(page, Path(shutil.copytree(reader.folder, tmp_path / "stedi_assets")))
