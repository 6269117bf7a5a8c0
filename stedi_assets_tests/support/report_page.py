"""The page of `stedi report`: how a test gets one, and what a reader sees on it."""

import html
import re
from dataclasses import dataclass
from pathlib import Path

from stedi_assets_tests.support.commands import Finished, run
from stedi_assets_tests.support.projects import Project


@dataclass
class Page:
    """A page, as it was written."""

    source: str

    @property
    def text(self) -> str:
        """What a reader sees, with single spaces."""
        visible = re.sub(r"<(style|svg)\b.*?</\1>", " ", self.source, flags=re.DOTALL)
        return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", visible)).split())

    def part(self, name: str) -> "Page":
        """A section, or the article of a table."""
        found = re.search(rf'<(section|article) id="{name}".*?</\1>', self.source, re.DOTALL)
        assert found
        return Page(found[0])


def report(project: Project, folder: Path) -> Finished:
    """Runs `stedi report` on a project, in a folder."""
    return run("stedi", "report", "--output", "report.html", folder=folder, **project.variables)


def written_page(project: Project, folder: Path) -> Page:
    """The page that `stedi report` writes into a folder."""
    finished = report(project, folder)
    assert finished.exit_code == 0, finished.output
    return Page((folder / "report.html").read_text())
