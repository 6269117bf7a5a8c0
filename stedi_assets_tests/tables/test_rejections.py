"""A table whose audit fails keeps its published version, and what it would have become is kept beside it."""

import shutil
import threading
from collections import Counter
from collections.abc import Callable

import pytest
from deltalake import DeltaTable

from stedi_assets.contract import TABLES
from stedi_assets.errors import StediError
from stedi_assets.lakehouse.check import Check
from stedi_assets.query import Query
from stedi_assets_tests.support.changing import Changing, findings
from stedi_assets_tests.support.days import DAY, DEVICES, PHONES, deliver_day, phones
from stedi_assets_tests.support.records import device_reading, phone_reading
from stedi_assets_tests.support.rejecting import (
    BREAKING,
    allow_in_quarantine,
    break_table,
    mend_table,
    rejection,
)


def names_below(changing: Changing, table: str) -> set[str]:
    return {path.name for path in changing.table_folder(table).iterdir()}


@pytest.mark.parametrize("table", BREAKING)
def test_a_table_whose_rows_break_a_blocking_check_stays_as_it_was(changing: Changing, table: str) -> None:
    before = changing.rows()[table]
    break_table(changing, table)
    built = changing.run()
    assert built[table].is_rejected
    assert list(built)[-1] == table
    assert changing.rows()[table] == before
    found = rejection(changing, table)
    assert found and found.checks == [each.check.name for each in built[table].results if each.is_blocked]
    assert changing.unneeded_files(table) == set(found.staged)


def test_the_tables_before_the_rejected_one_are_published(changing: Changing) -> None:
    break_table(changing, "step_trainer_trusted")
    deliver_day(changing, 3)
    built = changing.run()
    assert built["step_trainer_trusted"].plan.reason == "its SELECT or its columns were edited"
    with changing.open() as lakehouse:
        assert lakehouse.table("accelerometer_trusted").version() == 3
        assert lakehouse.table("step_trainer_trusted").version() == 2
        assert lakehouse.table("machine_learning_curated").version() == 2


def reject_a_part(changing: Changing, distance: int) -> None:
    """Rejects a part of step_trainer_trusted, by a rule that its rows break."""
    sql = "SELECT count(*) AS found FROM step_trainer_trusted WHERE distanceFromObject = {}"

    changing.put(DEVICES, "late.json", [device_reading("ada", DAY + 3, distance)])
    rule = Check(
        "has_no_such_distance",
        "No distance is such. Correct it.",
        True,
        lambda lakehouse: {"found": lakehouse.rows(sql.format(distance))[0]["found"]},
        lambda found: not found["found"],
        [sql.format(distance)],
    )
    changing.checks["step_trainer_trusted"] = [*changing.checks["step_trainer_trusted"], rule]
    assert changing.run()["step_trainer_trusted"].is_rejected


def test_a_rejected_part_would_have_kept_the_other_files(changing: Changing) -> None:
    reject_a_part(changing, 7)
    found = rejection(changing, "step_trainer_trusted")
    assert found
    with changing.open() as lakehouse:
        published = {file.path for file in lakehouse.content("step_trainer_trusted").files}
    assert len(published) == 3
    assert set(found.kept) < published
    assert len(found.kept) == 2
    assert changing.unneeded_files("step_trainer_trusted") == set(found.staged)


def test_a_second_rejection_replaces_the_first_and_its_files(changing: Changing) -> None:
    reject_a_part(changing, 7)
    first = rejection(changing, "step_trainer_trusted")
    reject_a_part(changing, 9)
    second = rejection(changing, "step_trainer_trusted")
    assert first and second and not set(first.staged) & set(second.staged)
    assert changing.unneeded_files("step_trainer_trusted") == set(second.staged)


def test_the_next_success_removes_the_rejected_version(changing: Changing) -> None:
    reject_a_part(changing, 7)
    changing.checks["step_trainer_trusted"] = changing.checks["step_trainer_trusted"][:-1]
    built = changing.run()
    assert built["step_trainer_trusted"].plan.kind == "part"
    assert rejection(changing, "step_trainer_trusted") is None
    assert changing.unneeded_files("step_trainer_trusted") == set()
    rows, checks = changing.fresh()
    assert (changing.rows(), findings(built)) == (rows, checks)


def test_a_success_that_needs_no_commit_removes_the_rejected_version_too(changing: Changing) -> None:
    reject_a_part(changing, 7)
    changing.path(DEVICES, "late.json").unlink()
    assert changing.run()["step_trainer_trusted"].rows_added == 0
    assert rejection(changing, "step_trainer_trusted") is None
    assert changing.unneeded_files("step_trainer_trusted") == set()


def test_a_table_whose_first_version_is_rejected_does_not_exist(changing: Changing) -> None:
    shutil.rmtree(changing.table_folder("customer_curated"))
    break_table(changing, "customer_curated")
    built = changing.run()
    assert built["customer_curated"].stored is None
    assert built["customer_curated"].version == ""
    found = rejection(changing, "customer_curated")
    assert found and found.kept == []
    assert names_below(changing, "customer_curated") == {"_stedi_rejected.json", *found.staged}
    mend_table(changing, "customer_curated")
    changing.run()
    rows, _ = changing.fresh()
    assert changing.rows() == rows
    assert not names_below(changing, "customer_curated") & {"_stedi_rejected.json", *found.staged}


def test_a_version_that_breaks_a_rule_without_a_change_of_its_own_stays_and_fails(changing: Changing) -> None:
    before = changing.rows()
    changing.checks["customer_trusted"] = [
        *changing.checks["customer_trusted"],
        Check(
            "has_3_rows", "Has 3 rows. Find the third.", True, lambda _: {"rows": 2}, lambda found: found["rows"] == 3
        ),
    ]
    built = changing.run()
    assert built["customer_trusted"].plan.kind == "nothing"
    assert built["customer_trusted"].is_rejected
    assert list(built)[-1] == "customer_trusted"
    assert rejection(changing, "customer_trusted") is None
    assert changing.rows() == before


def test_a_check_that_cannot_be_computed_leaves_the_table_and_no_file(changing: Changing) -> None:
    changing.checks["accelerometer_trusted"] = [
        Check(
            "has_sense",
            "Has sense. Find it.",
            True,
            lambda lakehouse: {"found": lakehouse.rows("SELECT nothing FROM accelerometer_trusted")[0]["nothing"]},
            lambda found: True,
            ["SELECT nothing FROM accelerometer_trusted"],
        )
    ]
    deliver_day(changing, 3)
    before = changing.rows()["accelerometer_trusted"]
    with pytest.raises(StediError, match="The check has_sense failed: "):
        changing.run()
    assert changing.rows()["accelerometer_trusted"] == before
    assert changing.unneeded_files("accelerometer_trusted") == set()
    assert rejection(changing, "accelerometer_trusted") is None


# A landing table with its quarantine.


def damaged_delivery(changing: Changing) -> None:
    """A raw file with one record that is none."""
    changing.put(PHONES, "bad.json", [phone_reading("ada", 3 * DAY)], damage='{"user": ')


def quarantined(changing: Changing) -> list[str]:
    with changing.open() as lakehouse:
        rows = lakehouse.rows("SELECT entry.sourceFile FROM accelerometer_quarantine AS entry")
    return sorted(row["sourceFile"] for row in rows)


def test_the_quarantine_is_published_although_its_landing_table_is_rejected(changing: Changing) -> None:
    allow_in_quarantine(changing, 0)
    before = changing.rows()["accelerometer_landing"]
    damaged_delivery(changing)
    built = changing.run()
    assert built["accelerometer_landing"].is_rejected
    assert not built["accelerometer_quarantine"].is_rejected
    assert quarantined(changing) == ["bad.json"]
    assert changing.rows()["accelerometer_landing"] == before


def removed(changing: Changing) -> None:
    changing.path(PHONES, "bad.json").unlink()


def corrected(changing: Changing) -> None:
    changing.put(PHONES, "bad.json", [phone_reading("ada", 3 * DAY)])


def corrected_under_another_name(changing: Changing) -> None:
    removed(changing)
    changing.put(PHONES, "good.json", [phone_reading("ada", 3 * DAY)])


def allowed(changing: Changing) -> None:
    allow_in_quarantine(changing, 0.9)


@pytest.mark.parametrize("mend", [removed, corrected, corrected_under_another_name, allowed])
def test_a_damaged_delivery_that_was_rejected_can_be_mended(
    changing: Changing, mend: Callable[[Changing], None]
) -> None:
    allow_in_quarantine(changing, 0)
    damaged_delivery(changing)
    assert changing.run()["accelerometer_landing"].is_rejected
    mend(changing)
    built = changing.run()
    assert len(built) == len(TABLES)
    rows, checks = changing.fresh()
    assert changing.rows() == rows
    assert findings(built) == checks
    assert {each.plan.kind for each in changing.run().values()} == {"nothing"}


def a_file_damaged(changing: Changing) -> None:
    changing.put(PHONES, "1.json", phones(1), damage='{"user": ')


def a_file_replaced_by_a_damaged_one(changing: Changing) -> None:
    changing.path(PHONES, "1.json").unlink()
    damaged_delivery(changing)


@pytest.mark.parametrize("damage", [a_file_damaged, a_file_replaced_by_a_damaged_one])
def test_files_that_are_put_back_as_they_were_are_read_again(
    changing: Changing, damage: Callable[[Changing], None]
) -> None:
    allow_in_quarantine(changing, 0.05)
    changing.put(PHONES, "1.json", phones(1), damage="[1, 2]")
    changing.run()
    rows = changing.rows()
    backup = shutil.copytree(changing.folder / "landing", changing.folder / "backup")
    damage(changing)
    allow_in_quarantine(changing, 0)
    assert changing.run()["accelerometer_landing"].is_rejected
    shutil.rmtree(changing.folder / "landing")
    backup.rename(changing.folder / "landing")
    allow_in_quarantine(changing, 0.05)
    assert len(changing.run()) == len(TABLES)
    assert changing.rows() == rows


def test_an_edit_of_the_reader_that_was_rejected_can_be_undone(changing: Changing) -> None:
    rows = changing.rows()
    query = changing.queries["accelerometer_landing"]
    changing.queries["accelerometer_landing"] = Query(f"{query.sql} LIMIT 3")
    assert changing.run()["accelerometer_landing"].is_rejected
    changing.queries["accelerometer_landing"] = query
    assert len(changing.run()) == len(TABLES)
    assert changing.rows() == rows
    assert {each.plan.kind for each in changing.run().values()} == {"nothing"}


# Readers.


class Reader(threading.Thread):
    """Reads tables in a loop, as a program that knows nothing of this one does."""

    def __init__(self, changing: Changing) -> None:
        super().__init__()
        self.paths = {
            name: changing.table_folder(name) for name in ("step_trainer_trusted", "machine_learning_curated")
        }
        self.seen: dict[str, Counter[tuple[int, int]]] = {name: Counter() for name in self.paths}
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.is_set():
            for name, path in self.paths.items():
                table = DeltaTable(path)
                self.seen[name][table.version(), table.to_pyarrow_table().num_rows] += 1

    def __enter__(self) -> "Reader":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.join()


def test_a_reader_sees_published_versions_only_while_audits_fail(changing: Changing) -> None:
    with Reader(changing) as reader:
        for day in (3, 4):
            break_table(changing, "step_trainer_trusted")
            deliver_day(changing, day)
            assert changing.run()["step_trainer_trusted"].is_rejected
            mend_table(changing, "step_trainer_trusted")
            changing.run()
    # Two devices of consenting customers read at eight instants a day, and each meets two phones.
    assert set(reader.seen["step_trainer_trusted"]) == {(version, 16 * (version + 1)) for version in (2, 3, 4)}
    assert set(reader.seen["machine_learning_curated"]) == {(version, 32 * (version + 1)) for version in (2, 3, 4)}
