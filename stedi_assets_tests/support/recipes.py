"""The edits that a page of the documentation describes, and a copy of the package in which a reader makes them."""

import re
import shutil
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stedi_assets_tests.support.checkout import PROJECT
from stedi_assets_tests.support.documentation import execute

BLOCK = re.compile(
    r"^ *<!-- (?P<kind>write|insert|run)(?:: (?P<file>\S+?)(?:, (?P<where>below|before|after): (?P<text>.*?))?)? -->\n"
    r" *```\w+\n(?P<content>.*?) *```$",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True)
class Step:
    """A block of a page.

    Attributes:
        kind: `write` a file, whole or below a line; `insert` before or after a line; `run` commands.
        file: The file that is edited.
        where: Where in the file.
        text: The beginning of the line, which may continue on the next ones.
        content: The block.
    """

    kind: str
    file: str | None
    where: str | None
    text: str | None
    content: str

    def make(self, folder: Path) -> None:
        """Does in a copy of the package what the block says."""
        if self.kind == "run":
            finished = execute(self.content, folder)
            assert finished.returncode == 0, finished.stdout
            return
        assert self.file
        path = folder / self.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self._edited(path.read_text()) if self.where else self.content)

    def _edited(self, text: str) -> str:
        assert self.text
        # A formatter may have broken the line.
        anchor = r"\s*".join(map(re.escape, re.findall(r"\w+|[^\w\s]", self.text)))
        (found,) = re.finditer(anchor, text)
        start, end = text.rfind("\n", 0, found.start()) + 1, text.index("\n", found.end()) + 1
        if self.where == "below":
            return f"{text[:end]}\n{self.content}"
        place = start if self.where == "before" else end
        # The page leaves out the comma after an entry, which would make it a tuple.
        entry = f"{self.content.rstrip().rstrip(',')},\n"
        return text[:place] + textwrap.indent(entry, " " * (found.start() - start)) + text[place:]


def steps(page: str) -> Sequence[Step]:
    """Returns the marked blocks of a page of Markdown, in order."""
    found = [Step(**match.groupdict()) for match in BLOCK.finditer(page)]
    assert len(found) == len(re.findall(r"<!-- (?:write|insert|run)\b[^a-z]", page))
    return [Step(step.kind, step.file, step.where, step.text, textwrap.dedent(step.content)) for step in found]


def section(page: str, heading: str) -> str:
    """Returns the part of a page from a heading to the next one of its level."""
    (found,) = re.findall(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", page, re.DOTALL | re.MULTILINE)
    return str(found)


def copied_package(folder: Path) -> Path:
    """Copies the package with its documentation, and without its tests and data."""
    shutil.copytree(PROJECT / "stedi_assets", folder / "stedi_assets", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("README.md", "pyproject.toml"):
        shutil.copyfile(PROJECT / name, folder / name)
    return folder
