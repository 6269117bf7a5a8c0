"""What is printed for people: tables, sizes, ages, and a sign of life on long work."""

from contextlib import AbstractContextManager
from datetime import timedelta

from rich.console import Console
from rich.text import Text

WIDTH_WITHOUT_TERMINAL = 1_000
"""Characters a line may have where no terminal sets a limit, so that nothing is folded in a log."""

UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))
"""The units of an age with their seconds, the largest first."""


def console() -> Console:
    """Returns what prints to standard output."""
    found = Console()
    return found if found.is_terminal else Console(width=WIDTH_WITHOUT_TERMINAL)


def working() -> AbstractContextManager[object]:
    """Shows on standard error, where that is a terminal, that work is going on."""
    return Console(stderr=True).status("Computing")


def shown(value: object) -> Text:
    """Writes a value for a terminal: what would steer the terminal is written as its escape.

    Args:
        value: Any.
    """
    characters = str(value)
    return Text(
        "".join(
            one if one.isprintable() or one == "\n" else one.encode("unicode_escape").decode() for one in characters
        )
    )


def age(elapsed: timedelta) -> str:
    """Writes how long ago something was, in its largest unit.

    Args:
        elapsed: The time since.
    """
    seconds = max(elapsed.total_seconds(), 0)
    unit, length = next(((unit, length) for unit, length in UNITS if seconds >= length), UNITS[-1])
    count = int(seconds // length)
    return f"{count} {unit}{'' if count == 1 else 's'}"
