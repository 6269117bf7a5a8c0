"""Changes of the contract: what a developer makes of a source's columns, and what becomes of a few records then."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from stedi_assets.contract import SOURCE_FILE, TABLES, Column, ColumnType
from stedi_assets.engines.engine import Engine
from stedi_assets_tests.support.places import Place
from stedi_assets_tests.support.shore import PHONES, Shore, expected_rows

Columns = tuple[Column, ...]
Row = tuple[Any, ...]

BEFORE: Columns = (
    Column("user", "VARCHAR", "Who.", required=True, personal=True),
    Column("timestamp", "BIGINT", "When.", required=True),
    Column("x", "DOUBLE", "How much."),
)

RECORDS: Mapping[str, bytes] = {
    "a.json": b'{"user":"11","timestamp":1,"x":0.5,"model":"m1"}\n{"user":"12","timestamp":2,"x":2}\n',
    "b.json": b'{"user":"13","timestamp":3,"x":3}\n{"timestamp":4,"x":4}\n',
    "c.json": b'{"user":"15","timestamp":5,"x":null}\n',
}
"""Raw files. One record has no user, and one no x."""

ROWS_BEFORE: Mapping[str, list[Row]] = {
    "a.json": [("11", 1, 0.5), ("12", 2, 2.0)],
    "b.json": [("13", 3, 3.0)],
    "c.json": [("15", 5, None)],
}


@dataclass(frozen=True)
class Change:
    """What a developer makes of `BEFORE`.

    Attributes:
        columns: The new columns.
        rows: The rows that each of `RECORDS` then has.
    """

    columns: Columns
    rows: Mapping[str, list[Row]]


def changed_rows(change: Callable[[Row], Row]) -> dict[str, list[Row]]:
    return {name: [change(row) for row in rows] for name, rows in ROWS_BEFORE.items()}


def retyped(name: str, kind: ColumnType) -> Columns:
    return tuple(replace(column, type=kind) if column.name == name else column for column in BEFORE)


def required(name: str, *, is_required: bool) -> Columns:
    return tuple(replace(column, required=is_required) if column.name == name else column for column in BEFORE)


CHANGES: Mapping[str, Change] = {
    "column added": Change(
        (*BEFORE, Column("model", "VARCHAR", "Of the phone.")),
        {**changed_rows(lambda row: (*row, None)), "a.json": [("11", 1, 0.5, "m1"), ("12", 2, 2.0, None)]},
    ),
    "column removed": Change(BEFORE[:2], changed_rows(lambda row: row[:2])),
    "columns in another order": Change(BEFORE[::-1], changed_rows(lambda row: row[::-1])),
    "VARCHAR to BIGINT": Change(retyped("user", "BIGINT"), changed_rows(lambda row: (int(row[0]), *row[1:]))),
    "BIGINT to DOUBLE": Change(
        retyped("timestamp", "DOUBLE"), changed_rows(lambda row: (row[0], float(row[1]), row[2]))
    ),
    "BIGINT to VARCHAR": Change(
        retyped("timestamp", "VARCHAR"), changed_rows(lambda row: (row[0], str(row[1]), row[2]))
    ),
    "required switched on": Change(required("x", is_required=True), {**ROWS_BEFORE, "c.json": []}),
    "required switched off": Change(
        required("user", is_required=False), {**ROWS_BEFORE, "b.json": [("13", 3, 3.0), (None, 4, 4.0)]}
    ),
}
"""Each by what it does."""

CIRCUMSTANCES: Mapping[str, tuple[set[str], set[str]]] = {
    "without a new file": ({"a.json", "b.json", "c.json"}, {"a.json", "b.json", "c.json"}),
    "with a new file": ({"a.json", "b.json"}, {"a.json", "b.json", "c.json"}),
    "with a removed file": ({"a.json", "b.json", "c.json"}, {"b.json", "c.json"}),
}
"""From what happens to the raw files meanwhile to those that there are before and after."""


class ContractShore(Shore):
    """A landing folder whose contract changes."""

    def __init__(self, place: Place, engine: Engine, patch: pytest.MonkeyPatch) -> None:
        super().__init__(place, engine, tables="lakehouse", raw="landing")
        self._patch = patch
        self.use(BEFORE)

    def use(self, columns: Columns) -> None:
        """Gives the source and its table other columns, as an edit of `stedi_assets/contract.py` does."""
        self.source = replace(PHONES, columns=columns)
        self._patch.setitem(TABLES, PHONES.landing, replace(TABLES[PHONES.landing], columns=(*columns, SOURCE_FILE)))

    def hold(self, names: Iterable[str]) -> None:
        """Makes the folder hold some of `RECORDS` and nothing else."""
        for file in self.folder.iterdir():
            if file.name not in names:
                file.unlink()
        for name in sorted(set(names) - {file.name for file in self.folder.iterdir()}):
            self.put(name, RECORDS[name])

    def assert_holds(self, columns: Columns, rows: Mapping[str, list[Row]], names: Iterable[str]) -> None:
        """The table has these columns, in the log and in SQL, and of each file these rows."""
        stored = self.lakehouse.columns(PHONES.landing)
        types = {"VARCHAR": "string", "BIGINT": "long", "DOUBLE": "double"}
        assert list(stored.items()) == [(column.name, types[column.type]) for column in (*columns, SOURCE_FILE)]
        assert self.landed() == sum((expected_rows(rows[name], name) for name in names), Counter())


def assert_a_change_is_followed_there_and_back(shore: ContractShore, change: Change, circumstance: str) -> None:
    before, after = CIRCUMSTANCES[circumstance]
    shore.hold(before)
    shore.land()
    shore.assert_holds(BEFORE, ROWS_BEFORE, before)
    shore.use(change.columns)
    shore.hold(after)
    shore.land()
    shore.assert_holds(change.columns, change.rows, after)
    assert not shore.land().is_changed
    shore.use(BEFORE)
    shore.land()
    shore.assert_holds(BEFORE, ROWS_BEFORE, after)
