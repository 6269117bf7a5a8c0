"""Output for people: text that is safe for a terminal, ages, and a spinner during long work."""

import os
import shlex
import shutil
import sys
from contextlib import AbstractContextManager
from datetime import timedelta

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from stedi_assets.privacy.masking import escaped

WIDTH_WITHOUT_TERMINAL = 1_000
"""The width of a line in characters if standard output is not a terminal, so that a log has no folded cells."""

PAGER = "less -RS"
"""The pager of a user who has chosen none: it keeps colours, and scrolls long lines to the side."""

WIDEST = 100_000
"""The most characters of a line that the pager shows."""

UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))
"""The units of an age in seconds, the largest first."""


def stdout_console() -> Console:
    """Returns a console that prints to standard output."""
    console = Console()
    return console if console.is_terminal else Console(width=WIDTH_WITHOUT_TERMINAL)


def stderr_console() -> Console:
    """Returns a console that prints to standard error."""
    console = Console(stderr=True)
    return console if console.is_terminal else Console(stderr=True, width=WIDTH_WITHOUT_TERMINAL)


def spinner() -> AbstractContextManager[object]:
    """Shows a spinner on standard error during the block, if standard error is a terminal."""
    return Console(stderr=True).status("Computing")


def print_or_page(table: Table, summary: str) -> None:
    """Prints a table and a line after it. A table that is wider than the terminal opens in the user's pager.

    Args:
        table: The table.
        summary: The line.
    """
    console = stdout_console()
    width = console.measure(table, options=console.options.update(max_width=WIDEST)).maximum
    # An empty variable counts as none, as for click.
    os.environ["PAGER"] = os.environ.get("PAGER", "").strip() or PAGER
    program, *_ = shlex.split(os.environ["PAGER"])
    is_paged = width > console.width and sys.stdin.isatty() and shutil.which(program)
    if not is_paged:
        console.print(table)
        console.print(summary, highlight=False, soft_wrap=True)
        return
    console.width = width
    with console.capture() as captured:
        console.print(table)
        console.print(summary, highlight=False)
    click.echo_via_pager(captured.get())


def printable_text(value: object) -> Text:
    """Returns a value as text for a terminal, with control characters as backslash escapes; newlines stay."""
    return Text(escaped(str(value), kept="\n"))


def format_age(elapsed: timedelta) -> str:
    """Returns an age in its largest unit, such as "3 days"; a negative age is "0 seconds"."""
    seconds = max(elapsed.total_seconds(), 0)
    unit, length = next(((unit, length) for unit, length in UNITS if seconds >= length), UNITS[-1])
    count = int(seconds // length)
    return f"{count} {unit}{'' if count == 1 else 's'}"
