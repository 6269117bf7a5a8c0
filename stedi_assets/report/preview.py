"""A few rows of a table as Markdown, without the values that identify a person."""

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any

from stedi_assets.privacy.masking import MASK, PERSONAL

ROWS = 10
"""How many rows a preview has, at most."""

CHARACTERS = 60
"""How much of a text a preview shows."""

PLAIN = (str, int, float, Decimal, date, time, timedelta)
"""The types of values that hold nothing but themselves; what is nested may name a person further in."""

MARKDOWN = re.compile(r"([\\`*_\[\]<>|~&])")
"""What Markdown would take for its own."""


def preview(rows: Sequence[Mapping[str, Any]], personal: Collection[str] = ()) -> str:
    """Writes rows as a table in Markdown.

    Args:
        rows: From column name to value; only the first `ROWS` are shown.
        personal: The names of columns to mask besides those of the contract's personal columns, which are masked in
            whatever table they are.

    Returns:
        The table. A missing value is an empty cell, masked column or not.
    """
    if not rows:
        return "No rows."
    masked = PERSONAL | {name.casefold() for name in personal}
    lines = [
        [_text(name) for name in rows[0]],
        ["---"] * len(rows[0]),
        *([_cell(value, is_masked=name.casefold() in masked) for name, value in row.items()] for row in rows[:ROWS]),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: Any, *, is_masked: bool) -> str:
    if value is None:
        return ""
    return _text(MASK if is_masked or not isinstance(value, PLAIN) else str(value))


def _text(text: str) -> str:
    shown = text if len(text) <= CHARACTERS else f"{text[: CHARACTERS - 1]}…"
    return MARKDOWN.sub(r"\\\1", " ".join(shown.split()))
