"""The documentation as a site."""

import subprocess
from pathlib import Path

from stedi_assets_tests.support.checkout import PROJECT, cloned
from stedi_assets_tests.support.commands import PROGRAMS

SOURCES = "https://sources.example.com/blob/main"
"""Where the site looks for files that are no pages."""


def built_site(folder: Path) -> Path:
    """Builds the site as `make docs` does, in a clone of the project, with the programs of this environment.

    Args:
        folder: Where to make the clone.

    Returns:
        The folder of the site.
    """
    clone = cloned(PROJECT, folder / "stedi_assets")
    command = ["make", "--old-file=.venv/docs", "docs", f"BIN={PROGRAMS}", f"SOURCES={SOURCES}"]
    finished = subprocess.run(command, cwd=clone, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    return clone / "build/docs/site"
