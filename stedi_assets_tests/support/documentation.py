"""The documentation as it is written."""

import os
import re
import subprocess
from pathlib import Path

from stedi_assets_tests.support.checkout import PROJECT
from stedi_assets_tests.support.commands import PROGRAMS, environment

README = (PROJECT / "README.md").read_text()

DEPLOYMENT = (PROJECT / "docs/deploy.md").read_text()


def runnable(page: str) -> list[tuple[str, str]]:
    """Finds the blocks of a page that tests run: where each needs to run, and its text."""
    return re.findall(r"<!-- runnable(?:: (\w+))? -->\n```console\n(.*?)```", page, re.DOTALL)


RUNNABLE = runnable(README)


def execute(block: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Types a block into a shell, in which the first command that fails ends it."""
    path = f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block],
        cwd=folder,
        env=environment({**variables, "PATH": path, "PYTHONPATH": str(folder)}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
