"""Pictures made of text, which Dagster shows where they stand: rows by day, and how measured values are spread."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from stedi_assets.contract import TABLES
from stedi_assets.report.instants import INSTANTS

NUMBERS = frozenset({"INTEGER", "BIGINT", "FLOAT", "DOUBLE"})

MEASURED = frozenset(
    column.name
    for table in TABLES.values()
    for column in table.columns
    if table.event_time and column.type in NUMBERS and column.name not in INSTANTS and not column.personal
)
"""The columns of measured values: the numbers of readings, without their instants. None of them is personal."""

HEIGHTS = "▁▂▃▄▅▆▇█"
"""From few values to the most."""

BARS = 24
"""The most bars of a column."""

LINES = 12
"""The most lines of the rows by day, so that Dagster does not fold them away. Neighbouring days then share a line."""

LENGTH = 20
"""The length of the longest bar of the rows by day, in characters."""

DAY = 86_400_000
"""A day in milliseconds."""

EPOCH = date(1970, 1, 1)


def rows_by_day(extents: Iterable[tuple[int, int, int]]) -> str:
    """Returns the rows of each day with a bar, as a block of Markdown; empty if there would be one line only.

    A file with rows of several days gives one line for these days: its statistics do not tell the rows of each.

    Args:
        extents: Of each file, its first and its last instant in milliseconds since 1970 UTC, and its rows.
    """
    counts: Counter[tuple[int, int]] = Counter()
    for first, last, rows in extents:
        counts[first // DAY, last // DAY] += rows
    if len(counts) < 2:
        return ""
    days = sorted(counts)
    size = -(-len(days) // LINES)
    groups = [days[start : start + size] for start in range(0, len(days), size)]
    lines = {_period(group): sum(counts[each] for each in group) for group in groups}
    width, most = max(map(len, lines)), max(lines.values())
    return _block(f"{period:{width}} {'█' * -(-rows * LENGTH // most)} {rows:,}" for period, rows in lines.items())


def _period(group: Sequence[tuple[int, int]]) -> str:
    first, last = group[0][0], max(end for _, end in group)
    return _day(first) if first == last else f"{_day(first)} to {_day(last)}"


def _day(number: int) -> str:
    try:
        return (EPOCH + timedelta(days=number)).isoformat()
    except OverflowError:
        return f"day {number:,} since 1970"


def measured_values(rows: Sequence[Mapping[str, Any]]) -> str:
    """Returns how the values of each measured column are spread, as a block of Markdown; empty if there are none.

    Args:
        rows: From column name to value.
    """
    columns = [name for name in (rows[0] if rows else ()) if name in MEASURED]
    values = {name: [row[name] for row in rows if row[name] is not None] for name in columns}
    finite = {name: [value for value in found if math.isfinite(value)] for name, found in values.items()}
    width = max(map(len, columns), default=0)
    return _block(f"{name:{width}} {_bars(found)}" for name, found in finite.items() if found)


def _bars(values: Sequence[float]) -> str:
    least, greatest = min(values), max(values)
    bars = min(BARS, greatest - least + 1) if isinstance(least, int) and isinstance(greatest, int) else BARS
    # Halves: the difference of two numbers may be larger than any number.
    extent = greatest / 2 - least / 2
    counts = Counter(min(int((value / 2 - least / 2) / extent * bars), bars - 1) if extent else 0 for value in values)
    most = max(counts.values())
    shown = (HEIGHTS[-(-counts[bar] * len(HEIGHTS) // most) - 1] if counts[bar] else " " for bar in range(bars))
    return f"{least:g} {''.join(shown)} {greatest:g}"


def _block(lines: Iterable[str]) -> str:
    text = "\n".join(lines)
    return f"```\n{text}\n```" if text else ""
