"""Made-up landing files that arrive day by day, and a customer who withdraws."""

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from stedi_assets.contract import CUSTOMERS
from stedi_assets.landing.expected import EXPECTED_COUNTS, read_counts
from stedi_assets.landing.sample_data import write_sample_data
from stedi_assets.landing.sample_days import day_files

WITHDRAWAL = f"{CUSTOMERS.path}/withdrawal.json"
"""The path, below a landing root, of the record by which a customer withdraws."""


@dataclass(frozen=True)
class DailySample:
    """A sample that is spread over days.

    Attributes:
        root: The folder with the files of all days.
        days: The number of days.
    """

    root: Path
    days: int

    @classmethod
    def written(cls, folder: Path, scale: int, days: int) -> Self:
        """Returns a sample, which is written unless it exists.

        Args:
            folder: Where landing roots are kept.
            scale: How many times the data of scale 1 it holds.
            days: The number of days.
        """
        root = folder / f"landing-{scale}-days-{days}"
        if not (root / EXPECTED_COUNTS).exists():
            print(f"writing landing files of {days} days at scale {scale}", file=sys.stderr, flush=True)
            write_sample_data(root, scale, days)
        return cls(root, days)

    @property
    def expected_counts(self) -> dict[str, int]:
        """The rows of each table when all days have landed."""
        return dict(read_counts(self.root / EXPECTED_COUNTS).rows)

    def files(self, days: Iterable[int]) -> dict[str, Path]:
        """Returns the files of some days, from the path below a landing root to the file."""
        return {path: self.root / path for day in days for path in day_files(day).values()}

    def withdrawal(self, folder: Path) -> dict[str, Path]:
        """Returns a file with a later record of one customer, who no longer shares with research.

        Args:
            folder: Where the file is written.
        """
        with (self.root / day_files(1)["customer"]).open(encoding="utf-8") as lines:
            consenting = (record for record in map(json.loads, lines) if record.get("shareWithResearchAsOfDate"))
            # Every customer of a sample has readings.
            record = min(consenting, key=lambda record: record["email"])
        del record["shareWithResearchAsOfDate"]
        record["lastUpdateDate"] += 1
        file = folder / "withdrawal.json"
        file.write_text(json.dumps(record) + "\n", encoding="utf-8")
        return {WITHDRAWAL: file}
