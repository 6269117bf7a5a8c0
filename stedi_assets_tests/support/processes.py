"""Processes that end with the tests."""

import shutil
from pathlib import Path

POSTGRES_FOLDERS = [str(folder) for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
"""Where Debian keeps the programs of PostgreSQL's server: below the version, and not on PATH."""


def ended_with_us() -> list[str]:
    """What to put before a command so that it ends when we are killed: a crashed test leaves no server behind."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []
