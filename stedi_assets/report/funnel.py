"""The funnel: how many rows of each landing table come through to the tables after it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stedi_assets.contract import SOURCES, TABLES

QUARANTINES = frozenset(source.quarantine for source in SOURCES.values())

SUBJECTS = tuple(dict.fromkeys(table.path.partition("/")[0] for table in TABLES.values()))
"""The subjects of the tables, such as customer: the first part of their paths."""

FUNNEL = tuple(
    name
    for subject in SUBJECTS
    for name, table in TABLES.items()
    if name not in QUARANTINES and table.path.startswith(f"{subject}/")
)
"""The tables from landing to training, one subject after the other, without the quarantines."""


@dataclass(frozen=True)
class Part:
    """The tables of a funnel whose rows are of one kind, and so have an axis of their own.

    Attributes:
        title: What a row is.
        counts: From a table to its number of rows.
    """

    title: str
    counts: Mapping[str, int]

    def width(self, name: str) -> float:
        """The length of a table's bar, from 0 to 1."""
        return self.counts[name] / max([*self.counts.values(), 1])

    def share(self, name: str) -> float | None:
        """A table's share of the rows of its subject's landing table; None for that table, and where there is none."""
        landed = self.counts.get(f"{TABLES[name].path.partition('/')[0]}_landing", 0)
        return self.counts[name] / landed if landed and TABLES[name].zone != "landing" else None

    def share_text(self, name: str) -> str:
        """The share in parentheses, after a space; empty where there is none."""
        share = self.share(name)
        return "" if share is None else f" ({share:.0%})"


def funnel_parts(counts: Mapping[str, int]) -> Sequence[Part]:
    """Returns the customers and the readings: tables without and with the instant of an event.

    Args:
        counts: From a table to its number of rows.
    """
    known = {name: counts[name] for name in FUNNEL if name in counts}
    return [
        Part("Customers", {name: count for name, count in known.items() if TABLES[name].event_time is None}),
        Part("Readings", {name: count for name, count in known.items() if TABLES[name].event_time is not None}),
    ]
