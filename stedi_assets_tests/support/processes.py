"""Processes that end with the tests."""

import shutil


def ended_with_us() -> list[str]:
    """What to put before a command so that it ends when we are killed: a crashed test leaves no server behind."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []
