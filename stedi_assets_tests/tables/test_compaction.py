"""Compaction: small files are joined, and nobody notices who reads rows, versions or plans."""

import json
from collections.abc import Sequence

import pytest
from deltalake import DeltaTable

from stedi_assets.errors import ConflictError
from stedi_assets.lakehouse import build, compaction, land
from stedi_assets.lakehouse.build import Builder
from stedi_assets.lakehouse.compaction import compact
from stedi_assets_tests.support.changing import Changing
from stedi_assets_tests.support.days import CUSTOMERS, DAY, PHONES, deliver_day, phones
from stedi_assets_tests.support.records import customer

READINGS = ("accelerometer_landing", "accelerometer_trusted", "step_trainer_landing", "machine_learning_curated")
UNCHANGED = {"nothing"}


def files(changing: Changing, table: str) -> Sequence[str]:
    return DeltaTable(changing.table_folder(table)).file_uris()


def compact_all(changing: Changing, tables: Sequence[str] = READINGS) -> dict[str, int]:
    with changing.open() as lakehouse:
        lakehouse.hold("a test")
        builder = Builder(lakehouse)
        return {table: compact(builder, table, "a run", at_least=2) for table in tables}


def test_the_small_files_of_a_table_are_joined_and_its_rows_stay(changing: Changing) -> None:
    before = changing.rows()
    counts = {table: len(files(changing, table)) for table in READINGS}
    assert min(counts.values()) > 1
    assert compact_all(changing) == counts
    assert [len(files(changing, table)) for table in READINGS] == [1, 1, 1, 1]
    assert changing.rows() == before


def test_earlier_versions_stay_readable(changing: Changing) -> None:
    path = changing.table_folder("accelerometer_trusted")
    version = DeltaTable(path).version()
    rows = DeltaTable(path).to_pyarrow_table().num_rows
    compact_all(changing)
    assert DeltaTable(path).version() == version + 1
    assert DeltaTable(path, version=version).to_pyarrow_table().num_rows == rows


def test_a_log_says_that_no_row_changed(changing: Changing) -> None:
    compact_all(changing)
    path = changing.table_folder("accelerometer_trusted")
    log = (path / f"_delta_log/{DeltaTable(path).version():020}.json").read_text()
    actions = [action for line in log.splitlines() for action in json.loads(line).items()]
    changes = [action["dataChange"] for kind, action in actions if kind in {"add", "remove"}]
    assert len(changes) > 2
    assert not any(changes)


@pytest.mark.parametrize("tables", [READINGS, ("accelerometer_landing",), ("machine_learning_curated",)])
def test_after_a_compaction_nothing_is_computed_or_checked_again(changing: Changing, tables: Sequence[str]) -> None:
    compact_all(changing, tables)
    built = changing.run()
    assert {each.plan.kind for each in built.values()} == UNCHANGED
    with_statements = [result for each in built.values() for result in each.results if result.check.statements]
    assert {result.scope for result in with_statements} == {"kept"}


def test_after_a_compaction_by_another_program_nothing_is_computed_again(changing: Changing) -> None:
    for table in READINGS:
        DeltaTable(changing.table_folder(table)).optimize.compact()
    assert {each.plan.kind for each in changing.run().values()} == UNCHANGED


def test_the_delivery_after_a_compaction_is_computed_by_parts(changing: Changing) -> None:
    compact_all(changing)
    deliver_day(changing, 3)
    kinds = {table: built.plan.kind for table, built in changing.run().items()}
    assert {table: kinds[table] for table in READINGS} == dict.fromkeys(READINGS, "part")
    assert changing.rows() == changing.fresh()[0]


def test_a_run_joins_the_small_files_of_a_table_that_has_many_before_it_changes_the_table(
    changing: Changing, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (build, land):
        monkeypatch.setattr(module, "MANY_SMALL_FILES", 3)
    built = changing.run()
    assert {each.plan.kind for each in built.values()} == UNCHANGED
    assert len(files(changing, "accelerometer_trusted")) == 3
    deliver_day(changing, 3)
    kinds = {table: built.plan.kind for table, built in changing.run().items()}
    assert {table: kinds[table] for table in READINGS} == dict.fromkeys(READINGS, "part")
    assert [len(files(changing, table)) for table in READINGS] == [2, 2, 2, 2]
    assert changing.rows() == changing.fresh()[0]


def test_files_that_are_not_small_stay(changing: Changing, monkeypatch: pytest.MonkeyPatch) -> None:
    table = DeltaTable(changing.table_folder("accelerometer_trusted"))
    sizes = table.get_add_actions().column("size_bytes").to_pylist()
    monkeypatch.setattr(compaction, "SMALL_FILE_BYTES", min(sizes))
    assert compact_all(changing)["accelerometer_trusted"] == 0
    assert len(files(changing, "accelerometer_trusted")) == len(sizes)


def test_a_table_without_rows_keeps_a_file(changing: Changing) -> None:
    changing.put(CUSTOMERS, "1.json", [customer(name, lastUpdateDate=5) for name in ("ada", "bob", "cyd")])
    changing.run()
    compact_all(changing)
    assert len(files(changing, "accelerometer_trusted")) == 1
    assert changing.rows() == changing.fresh()[0]


def test_rows_that_another_program_adds_meanwhile_are_not_lost(changing: Changing) -> None:
    with changing.open() as lakehouse:
        lakehouse.hold("a test")
        stored = DeltaTable(changing.table_folder("accelerometer_trusted"))
        lakehouse.table("accelerometer_trusted")
        stored.delete(f"timestamp >= {2 * DAY}")
        left = stored.to_pyarrow_table().num_rows
        with pytest.raises(ConflictError):
            compact(Builder(lakehouse), "accelerometer_trusted", "a run", at_least=2)
    assert DeltaTable(changing.table_folder("accelerometer_trusted")).to_pyarrow_table().num_rows == left


def test_a_late_delivery_after_a_compaction_is_right(changing: Changing) -> None:
    compact_all(changing)
    changing.put(PHONES, "late.json", phones(0, ["ada"], [5]))
    changing.run()
    assert changing.rows() == changing.fresh()[0]
