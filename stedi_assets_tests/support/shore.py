"""A landing folder with its tables, without Dagster."""

import copy
import gzip
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

from stedi_assets.contract import SOURCES, Source
from stedi_assets.engines.engine import Engine
from stedi_assets.lakehouse.build import Builder
from stedi_assets.lakehouse.check import Checks
from stedi_assets.lakehouse.lakehouse import Lakehouse
from stedi_assets.lakehouse.land import land
from stedi_assets.lakehouse.stored import Landed
from stedi_assets.landing.ledger import LedgerEntry
from stedi_assets.query import Query
from stedi_assets_tests.support.places import Place

PHONES = SOURCES["accelerometer_files"]


class Shore:
    """A landing folder with its tables, without Dagster, for what is tried a hundred times."""

    def __init__(
        self, place: Place, engine: Engine, source: Source = PHONES, *, tables: str = "lakehouse", raw: str = "raw"
    ) -> None:
        self.place = place
        self.folder = place.root / raw / source.path
        self.folder.mkdir(parents=True, exist_ok=True)
        self.source = source
        self.lakehouse = Lakehouse(place.location(tables), place.location(raw), engine)
        self._opened = [self.lakehouse]

    def close(self) -> None:
        """Releases the leases: a later test may get a folder of the same name."""
        for lakehouse in self._opened:
            lakehouse.close()

    def of_another_run(self) -> "Shore":
        """The same folders and engine, with tables that another run opens."""
        other = copy.copy(self)
        other.lakehouse = Lakehouse(
            self.lakehouse.root,
            self.lakehouse.landing,
            self.lakehouse.engine,
            keeps_gone_files=self.lakehouse.keeps_gone_files,
        )
        self._opened.append(other.lakehouse)
        return other

    def put(self, name: str, content: bytes) -> None:
        (self.folder / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)

    def land(
        self, *, full_refresh: bool = False, retention: timedelta | None = None, checks: Checks = MappingProxyType({})
    ) -> Landed:
        query = Query(f"SELECT * FROM {self.source.name}")
        return land(Builder(self.lakehouse, retention), self.source, query, checks, "a run", full_refresh=full_refresh)

    def rows(self, name: str) -> Counter[tuple[Any, ...]]:
        """A table's rows as a multiset, with 1 and 1.0 told apart, and 0.0 and -0.0."""
        return Counter(tuple(map(shown, row.values())) for row in self.lakehouse.rows(f"SELECT * FROM {name}"))

    def landed(self) -> Counter[tuple[Any, ...]]:
        return self.rows(self.source.landing)

    def quarantined(self) -> Counter[tuple[Any, ...]]:
        """What is in the quarantine, without the run and the time."""
        return Counter(row[:-2] for row in self.rows(self.source.quarantine).elements())

    def ledger(self) -> Mapping[str, LedgerEntry]:
        return self.lakehouse.ledger(self.source.landing)

    def told(self) -> dict[str, tuple[int, int, Mapping[str, int]]]:
        """What the ledger says of each file on every engine."""
        return {name: (entry.rows, entry.quarantined, entry.unknown_keys) for name, entry in self.ledger().items()}

    def entry(self, name: str) -> LedgerEntry:
        return self.ledger()[name]


def shown(value: Any) -> str:
    """A value as text. DuckDB and Python have classes of their own for UTC."""
    return repr(value.astimezone(UTC) if isinstance(value, datetime) else value)


def expected_rows(rows: Sequence[Sequence[Any]], file: str) -> Counter[tuple[str, ...]]:
    return Counter(tuple(map(shown, (*row, file))) for row in rows)


@dataclass
class Found:
    """What became of one file."""

    rows: Counter[tuple[Any, ...]]
    quarantined: list[tuple[Any, ...]]
    entry: LedgerEntry


def found_by_file(shore: Shore) -> dict[str, Found]:
    """What became of each file of a folder that was read at once."""
    shore.land()
    quarantined: defaultdict[str, list[tuple[Any, ...]]] = defaultdict(list)
    columns = "byteOffset, byteLength, reasonCode, columnName, sourceFile"
    for row in shore.lakehouse.rows(f"SELECT {columns} FROM {shore.source.quarantine} ORDER BY byteOffset"):
        *found, file = row.values()
        quarantined[file].append(tuple(found))
    rows: defaultdict[str, Counter[tuple[Any, ...]]] = defaultdict(Counter)
    for stored, count in shore.landed().items():
        rows[stored[-1]][stored] = count
    return {name: Found(rows[repr(name)], quarantined[name], entry) for name, entry in shore.ledger().items()}


def assert_equal(shore: Shore, twin: Shore) -> None:
    """Two engines made the same of one landing folder."""
    assert shore.rows(shore.source.landing) == twin.rows(twin.source.landing)
    assert shore.quarantined() == twin.quarantined()
    assert shore.told() == twin.told()
