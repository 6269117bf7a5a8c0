"""The documentation as it is written."""

import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from stedi_assets_tests.support.checkout import PROJECT, cloned, tracked_files
from stedi_assets_tests.support.commands import PROGRAMS, environment, run

MARKDOWN = sorted(PROJECT / name for name in tracked_files(PROJECT) if name.endswith(".md"))
"""All of it, for users and for those who change the project."""

PAGES = [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]
"""What users read, and the site shows."""

MARKED = re.compile(r"<!-- (runnable|output)(?:: (\w+))? -->\n```\w+\n(.*?)```", re.DOTALL)


@dataclass
class Block:
    """A block of commands that the tests run.

    Attributes:
        text: The commands.
        kind: What the mark says of the block: `s3` for one that needs a bucket, `fails` for one that exits with 1.
        shown: What its output holds, as the page has it.
    """

    text: str
    kind: str = ""
    shown: list[str] = field(default_factory=list)


def blocks(page: str) -> list[Block]:
    """Finds the blocks of a page that tests run, in their order."""
    found: list[Block] = []
    for mark, kind, text in MARKED.findall(page):
        if mark == "runnable":
            found.append(Block(text, kind))
        else:
            found[-1].shown.append(text)
    return found


@dataclass(frozen=True)
class Reader:
    """Someone who has cloned the project and run the README's first command.

    Attributes:
        folder: The clone.
        printed: What the command printed.
    """

    folder: Path
    printed: str

    @classmethod
    def at(cls, folder: Path) -> Self:
        """Clones into a folder, and runs."""
        clone = cloned(PROJECT, folder / "stedi_assets")
        finished = run("stedi", "run", folder=clone, PYTHONPATH=str(clone))
        assert finished.exit_code == 0, finished.output
        return cls(clone, finished.output)


def follow(page: Path, folder: Path) -> None:
    """Runs the blocks of a page in their order, and compares what they print with what the page shows.

    Args:
        page: The page.
        folder: The clone of a reader, which the blocks change.
    """
    for block in blocks(page.read_text()):
        if block.kind == "s3":
            continue
        finished = execute(block.text, folder)
        assert finished.returncode == (1 if block.kind == "fails" else 0), finished.stdout
        assert "Error" not in finished.stdout
        for shown in block.shown:
            assert shows(finished.stdout, shown), finished.stdout


def shows(output: str, shown: str) -> bool:
    """Whether an output holds what a page shows of it.

    The page may leave out the rest of a line, or the lines between two, and has … there.
    """
    lines = (r"(?:.*\n)*?" if line == "…" else rf"{_pattern(line)} *\n" for line in shown.splitlines())
    return re.search(f"^{''.join(lines)}", output, re.MULTILINE) is not None


def _pattern(line: str) -> str:
    return ".*".join(re.escape(part) for part in line.split("…"))


def anchors(page: str) -> set[str]:
    """The anchors of a page's headings, as GitHub and the site make them."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```", "", page, flags=re.DOTALL | re.MULTILINE), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def execute(block: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Types a block into a shell, in which the first command that fails ends it."""
    path = f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block],
        cwd=folder,
        env=environment({"PYTHONPATH": str(folder), **variables, "PATH": path}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
