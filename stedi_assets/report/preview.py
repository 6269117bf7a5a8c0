"""Rows without personal values, and a few of them as Markdown."""

import re
from collections.abc import Mapping, Sequence
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any

from stedi_assets.lakehouse.lineage import Lineage
from stedi_assets.privacy.masking import MASK, masked_columns

ROWS = 10
"""The most rows of a preview."""

CHARACTERS = 60
"""The most characters of a value in a preview."""

SCALARS = (str, int, float, Decimal, date, time, timedelta)
"""The types of values that can be shown. A nested value may contain a personal one, so it is masked."""

MARKDOWN = re.compile(r"([\\`*_\[\]<>|~&])")
"""The characters that have a meaning in Markdown."""


def masked_rows(rows: Sequence[Mapping[str, Any]], lineage: Lineage | None = None) -> list[dict[str, Any]]:
    """Returns rows with `MASK` in place of every personal or nested value; a missing value stays None.

    Args:
        rows: From column name to value.
        lineage: The lineage of the columns, where it is known.
    """
    masked = masked_columns(rows[0] if rows else (), _origins(lineage))
    return [{name: _masked_value(value, is_personal=name in masked) for name, value in row.items()} for row in rows]


def _masked_value(value: Any, *, is_personal: bool) -> Any:
    if value is None:
        return None
    return MASK if is_personal or not isinstance(value, SCALARS) else value


def preview(rows: Sequence[Mapping[str, Any]], lineage: Lineage | None = None) -> str:
    """Returns the first `ROWS` rows as a table in Markdown, without personal values. Personal columns are last.

    Args:
        rows: From column name to value.
        lineage: The lineage of the columns, where it is known.
    """
    if not rows:
        return "No rows."
    personal = masked_columns(rows[0], _origins(lineage))
    columns = sorted(rows[0], key=lambda name: name in personal)
    lines = [
        [_cell(name) for name in columns],
        ["---"] * len(columns),
        *([_cell(row[name]) for name in columns] for row in masked_rows(rows[:ROWS], lineage)),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _origins(lineage: Lineage | None) -> dict[str, list[str]]:
    return {column: [source.column for source in sources] for column, sources in (lineage or {}).items()}


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    shortened = text if len(text) <= CHARACTERS else f"{text[: CHARACTERS - 1]}…"
    return MARKDOWN.sub(r"\\\1", " ".join(shortened.split()))
