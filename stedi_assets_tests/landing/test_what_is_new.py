"""A run reads new and changed landing files, and removes the rows of files that are gone."""

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from stedi_assets.contract import TABLES
from stedi_assets.engines.engine import Engine, LandingRead
from stedi_assets.errors import ConflictError
from stedi_assets.lakehouse.build import Builder
from stedi_assets.storage import delta
from stedi_assets_tests.support.grid import on_both_engines, on_both_engines_and_in_both_places, on_the_whole_grid
from stedi_assets_tests.support.places import Place
from stedi_assets_tests.support.raw_files import reading_record, row_of
from stedi_assets_tests.support.shore import Shore, expected_rows

pytestmark = on_both_engines_and_in_both_places


@on_the_whole_grid
def test_only_new_and_changed_files_are_read(shore: Shore) -> None:
    shore.put("a.json", reading_record(1) + b"\n")
    shore.put("b.json", reading_record(2) + b"\n")
    assert shore.land().files_read == ["a.json", "b.json"]
    shore.put("b.json", reading_record(3) + b"\n" + reading_record(4) + b"\n")
    shore.put("c.json", reading_record(5) + b"\n")
    landed = shore.land()
    assert landed.files_read == ["b.json", "c.json"]
    assert landed.files_kept == 1
    assert shore.lakehouse.rows("SELECT count(*) AS n FROM accelerometer_landing") == [{"n": 4}]


def test_the_rows_of_a_file_that_is_gone_are_removed(shore: Shore) -> None:
    shore.put("a.json", reading_record(1) + b"\n")
    shore.put("b.json", b"garbage")
    shore.land()
    (shore.folder / "b.json").unlink()
    shore.put("c.json", reading_record(2) + b"\n")
    (shore.folder / "a.json").unlink()
    landed = shore.land()
    assert landed.files_removed == ["a.json", "b.json"]
    assert shore.landed() == expected_rows([row_of(reading_record(2))], "c.json")
    assert not shore.quarantined()


@pytest.mark.parametrize("name", ["a.json", "it's.json", "a\\b.json", "a\\'b.json", "ü ☃.json"])
def test_the_quarantine_of_a_changed_file_is_replaced_whatever_its_name(shore: Shore, name: str) -> None:
    shore.put(name, b"garbage")
    shore.put("other.json", b"rubbish")
    shore.land()
    shore.put(name, reading_record(1) + b"\n")
    shore.land()
    assert [row["sourceFile"] for row in shore.lakehouse.rows("SELECT sourceFile FROM accelerometer_quarantine")] == [
        "other.json"
    ]


def test_nothing_is_committed_when_nothing_changed(shore: Shore) -> None:
    shore.put("a.json", reading_record(1) + b"garbage\n")
    first, second = shore.land(), shore.land()
    assert (first.is_changed, second.is_changed) == (True, False)
    assert (second.landing.version, second.quarantine.version) == (first.landing.version, first.quarantine.version)
    assert second.landing.stored is not None
    assert second.landing.stored.written.rows == 1


def test_a_full_refresh_reads_all_files_again(shore: Shore) -> None:
    shore.put("a.json", reading_record(1) + b"\n")
    shore.land()
    landed = shore.land(full_refresh=True)
    assert landed.files_read == ["a.json"]
    assert shore.landed().total() == 1


def test_a_table_that_another_program_wrote_last_is_read_again(shore: Shore) -> None:
    shore.put("a.json", reading_record(1) + b"\n" + reading_record(2) + b"\n")
    shore.land()
    table = delta.open_table(shore.place.location("lakehouse/accelerometer/landing"))
    assert table is not None
    table.delete("timestamp = 1")
    assert shore.land().files_read == ["a.json"]
    assert shore.landed().total() == 2


def test_where_the_quarantine_is_gone_all_files_are_read_again(shore: Shore) -> None:
    shore.put("a.json", reading_record(1) + b"garbage\n")
    shore.land()
    quarantined = shore.quarantined()
    folder = shore.place.location(f"lakehouse/{TABLES[shore.source.quarantine].path}")
    folder.files.delete(f"{folder}/_delta_log", "")
    later = shore.of_another_run()
    assert later.land().files_read == ["a.json"]
    assert later.quarantined() == quarantined
    assert (later.landed().total(), quarantined.total()) == (1, 1)


def test_vacuum_and_optimize_leave_the_ledger_valid(shore: Shore) -> None:
    shore.put("a.json", reading_record(1) + b"\n")
    shore.land()
    table = delta.open_table(shore.place.location("lakehouse/accelerometer/landing"))
    assert table is not None
    table.optimize.compact()
    table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    assert not shore.land().is_changed


CRASHES: Mapping[str, tuple[Any, str]] = {
    "before the quarantine": (delta, "commit"),
    "between quarantine and landing": (Builder, "rewrite"),
    "before the landing": (delta, "amend"),
}
"""From a moment to the function that crashes: its owner and its name."""


@pytest.mark.parametrize("moment", CRASHES)
def test_after_a_crash_at_any_moment_the_next_run_completes(
    shore: Shore, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    shore.put("a.json", reading_record(1) + b"garbage\n")
    shore.land()
    shore.put("a.json", reading_record(2) + b"other garbage\n")
    shore.put("b.json", b"more garbage" + reading_record(3))

    def crash(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(*CRASHES[moment], crash)
        shore.of_another_run().land()
    shore = shore.of_another_run()
    shore.land()
    rows = expected_rows([row_of(reading_record(2))], "a.json") + expected_rows([row_of(reading_record(3))], "b.json")
    assert shore.landed() == rows
    quarantined = shore.quarantined()
    shore.land(full_refresh=True)
    assert shore.quarantined() == quarantined
    assert quarantined.total() == 2


def test_of_two_runs_that_land_a_file_at_once_one_wins_and_no_row_is_there_twice(
    shore: Shore, monkeypatch: pytest.MonkeyPatch
) -> None:
    shore.put("a.json", reading_record(1) + b"\n")
    shore.land()
    shore.put("b.json", reading_record(2) + b"\n")
    amend = delta.amend

    def amend_after_another_run(*arguments: Any) -> int:
        monkeypatch.setattr(delta, "amend", amend)
        shore.of_another_run().land()
        return amend(*arguments)

    monkeypatch.setattr(delta, "amend", amend_after_another_run)
    with pytest.raises(ConflictError, match="Another run changed the table at"):
        shore.land()
    later = shore.of_another_run()
    assert not later.land().is_changed
    assert later.landed().total() == 2


def test_a_table_that_another_program_changes_while_files_are_read_is_a_conflict(
    shore: Shore, monkeypatch: pytest.MonkeyPatch
) -> None:
    shore.put("a.json", reading_record(1) + b"\n")
    shore.land()
    shore.put("b.json", reading_record(2) + b"\n")
    table, read_landing = shore.lakehouse.folder(shore.source.landing), shore.lakehouse.engine.read_landing

    def read_and_be_overtaken(*arguments: Any) -> LandingRead:
        read = read_landing(*arguments)
        theirs = delta.open_table(table)
        assert theirs is not None
        theirs.delete()
        return read

    monkeypatch.setattr(shore.lakehouse.engine, "read_landing", read_and_be_overtaken)
    with pytest.raises(ConflictError, match="Another run changed the table at"):
        shore.of_another_run().land()
    assert not shore.of_another_run().landed()


@on_both_engines
@pytest.mark.parametrize("seed", range(3))
def test_after_any_sequence_of_runs_the_table_equals_one_full_read(place: Place, computing: Engine, seed: int) -> None:
    chance = random.Random(seed)
    shore = Shore(place / "step by step", computing)
    contents: dict[str, bytes] = {}
    shapes: list[Callable[[Sequence[bytes]], bytes]] = [
        b"\n".join,
        b"".join,
        lambda records: b"garbage".join(records),
        lambda _: b"",
    ]
    shore.put("always.json", b"")
    for _ in range(5):
        for name in chance.sample(["a.json", "b.json", "c.json.gz", "d.json"], 2):
            if name in contents and chance.random() < 0.4:
                del contents[name]
                (shore.folder / name).unlink()
                continue
            records = [reading_record(chance.randrange(100)) for _ in range(chance.randrange(1, 20))]
            contents[name] = chance.choice(shapes)(records)
            shore.put(name, contents[name])
        shore.land()
    whole = Shore(place / "at once", computing)
    whole.put("always.json", b"")
    for name, content in contents.items():
        whole.put(name, content)
    whole.land()
    assert shore.landed() == whole.landed()
    assert shore.quarantined() == whole.quarantined()
