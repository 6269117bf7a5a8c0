"""A commit of a landing table writes the entries that it changes, whatever the ledger holds."""

import json
import math
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stedi_assets.landing.ledger import LedgerEntry
from stedi_assets.landing.ledger_files import Part, read_ledger, write_ledger
from stedi_assets.storage.attempt import LEDGER_FOLDER, LEDGER_KEY
from stedi_assets.storage.delta import newest_metadata, open_table
from stedi_assets.storage.location import Location
from stedi_assets.storage.vacuum import vacuum
from stedi_assets_tests.support.grid import in_both_places, on_duckdb
from stedi_assets_tests.support.shore import Shore

RECORD = b'{"user":"ada@example.com","timestamp":%d,"x":0.5,"y":0.5,"z":0.5}\n'


def entry(name: str, rows: int = 1) -> LedgerEntry:
    return LedgerEntry(name, 100, "1700000000000000000", "strict", rows)


def parts_on_disk(shore: Shore) -> set[str]:
    folder = shore.lakehouse.folder(shore.source.landing)
    return {file.name for file in folder.files.walk(f"{folder}/{LEDGER_FOLDER}")}


def metadata_of(shore: Shore) -> str:
    table = open_table(shore.lakehouse.folder(shore.source.landing))
    assert table is not None
    return str(newest_metadata(table)[LEDGER_KEY])


@on_duckdb
@given(
    st.lists(
        st.tuples(
            st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(1, 9))), st.lists(st.sampled_from("abcdef"))
        ),
        max_size=12,
    )
)
def test_the_parts_give_the_ledger_of_each_commit(
    tmp_path_factory: pytest.TempPathFactory, commits: Sequence[tuple[list[tuple[str, int]], list[str]]]
) -> None:
    table = Location(str(tmp_path_factory.mktemp("table")))
    ledger: dict[str, LedgerEntry] = {}
    parts = write_ledger(table, None, ledger, Part([], []))
    for read, gone in commits:
        changed = {name: entry(name, rows) for name, rows in read}
        for name in gone:
            ledger.pop(name, None)
            changed.pop(name, None)
        ledger |= changed
        before, parts = parts, write_ledger(table, parts, ledger, Part(list(changed.values()), gone))
        assert read_ledger(table, parts) == ledger
        assert read_ledger(table, before) is not None


@on_duckdb
def test_a_commit_names_few_parts_after_a_thousand_deliveries(tmp_path: Path) -> None:
    table = Location(str(tmp_path))
    ledger: dict[str, LedgerEntry] = {}
    parts = write_ledger(table, None, ledger, Part([], []))
    for number in range(1_000):
        new = entry(f"{number:04}.json")
        ledger[new.name] = new
        parts = write_ledger(table, parts, ledger, Part([new], []))
    assert len(json.loads(parts)) <= math.log2(1_000) + 1
    assert read_ledger(table, parts) == ledger


@on_duckdb
def test_a_commit_after_50_000_files_is_small_and_writes_its_own_entry_alone(tmp_path: Path) -> None:
    table = Location(str(tmp_path))
    ledger = {name: entry(name) for name in (f"accelerometer-{number:06}.json" for number in range(50_000))}
    before = write_ledger(table, None, ledger, Part([], []))
    known = {path.name for path in (tmp_path / LEDGER_FOLDER).iterdir()}
    new = entry("one-more.json")
    parts = write_ledger(table, before, {**ledger, new.name: new}, Part([new], []))
    (written,) = (path for path in (tmp_path / LEDGER_FOLDER).iterdir() if path.name not in known)
    assert len(parts) < 10_000
    assert written.stat().st_size < 1_000


@in_both_places
def test_a_landing_table_keeps_its_ledger_beside_the_log(shore: Shore) -> None:
    for number in range(3):
        shore.put(f"{number}.json", RECORD % number)
        shore.land()
    assert {name for name, _ in json.loads(metadata_of(shore))} <= parts_on_disk(shore)
    assert [found.rows for found in shore.ledger().values()] == [1, 1, 1]


@on_duckdb
def test_where_a_part_of_the_ledger_is_gone_all_files_are_read_again(shore: Shore) -> None:
    shore.put("a.json", RECORD % 1)
    shore.land()
    for file in Path(str(shore.lakehouse.folder(shore.source.landing)), LEDGER_FOLDER).iterdir():
        file.unlink()
    landed = shore.land()
    assert (landed.landing.plan.kind, landed.landing.plan.reason) == ("all", "a part of the ledger is gone")
    assert landed.files_read == ["a.json"]
    assert shore.entry("a.json").rows == 1


@on_duckdb
def test_a_ledger_of_an_earlier_release_is_read(tmp_path: Path) -> None:
    text = '[{"name":"a.json","size":5,"modified":"1","reader":"strict","rows":2,"unknown_keys":{}}]'
    assert read_ledger(Location(str(tmp_path)), text) == {"a.json": LedgerEntry("a.json", 5, "1", "strict", 2)}


@in_both_places
def test_a_vacuum_keeps_the_parts_of_versions_within_its_retention(shore: Shore) -> None:
    folder = shore.lakehouse.folder(shore.source.landing)
    for number in range(5):
        shore.put(f"{number}.json", RECORD % number)
        shore.land()
    before = parts_on_disk(shore)
    vacuum(folder, timedelta(days=7))
    assert parts_on_disk(shore) == before
    vacuum(folder, timedelta(0))
    assert parts_on_disk(shore) == {name for name, _ in json.loads(metadata_of(shore))} < before
