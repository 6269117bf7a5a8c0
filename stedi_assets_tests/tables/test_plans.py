"""What a run does with a table, nothing, a part or all of it, and the reason that it gives."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from deltalake import DeltaTable, write_deltalake

from stedi_assets.contract import TABLES, Column
from stedi_assets.lakehouse.plan import Plan
from stedi_assets.privacy.pseudonyms import Pseudonyms
from stedi_assets.query import Query
from stedi_assets.storage.tombstones import write_tombstones
from stedi_assets_tests.support.changing import Changing
from stedi_assets_tests.support.days import CUSTOMERS, DAY, PHONES, deliver_day, phones
from stedi_assets_tests.support.records import customer

Cause = Callable[[Changing], None]


def table_removed(table: str) -> Cause:
    return lambda changing: shutil.rmtree(changing.table_folder(table))


def edited(table: str) -> Cause:
    def edit(changing: Changing) -> None:
        changing.queries[table] = Query(f"{changing.queries[table].sql} -- edited")

    return edit


def another_key(changing: Changing) -> None:
    changing.pseudonyms = Pseudonyms(b"another key, of 32 bytes or more")


def random_key(changing: Changing) -> None:
    changing.pseudonyms = Pseudonyms()


def written_by_another_program(changing: Changing) -> None:
    path = changing.table_folder("step_trainer_trusted")
    write_deltalake(path, DeltaTable(path).to_pyarrow_table(), mode="overwrite")


def log_cut_off(changing: Changing) -> None:
    """Another delivery is landed, and then the log begins with a checkpoint of this version."""
    deliver_day(changing, 3)
    changing.run(["accelerometer_landing"])
    path = changing.table_folder("accelerometer_landing")
    DeltaTable(path).create_checkpoint()
    for commit in sorted(path.glob("_delta_log/*.json"))[:-1]:
        commit.unlink()


def created_anew(table: str) -> Cause:
    def create(changing: Changing) -> None:
        shutil.rmtree(changing.table_folder(table))
        changing.run([table])

    return create


def customer_erased(changing: Changing) -> None:
    with changing.open() as lakehouse:
        write_tombstones(lakehouse.root, changing.pseudonyms, ["0" * 64], {})


def landed_anew(changing: Changing) -> None:
    changing.run(["accelerometer_landing"], full_refresh=True)


def reads_a_foreign_table_that_changed(changing: Changing) -> None:
    query = changing.queries["accelerometer_trusted"].sql
    changing.queries["accelerometer_trusted"] = Query(f"{query} AND 1 IN (SELECT mine.a FROM mine)")
    with changing.open() as lakehouse:
        lakehouse.store("mine", Query("SELECT 1 AS a"), "a run")
    changing.run(["accelerometer_trusted"])
    with changing.open() as lakehouse:
        lakehouse.store("mine", Query("SELECT 1 AS a"), "a run")


def customers_changed(changing: Changing) -> None:
    changing.put(CUSTOMERS, "1.json", [customer("eve", research=1)])
    changing.run(["customer_landing"])


REASONS_FOR_ALL: Mapping[str, tuple[Cause, str, str]] = {
    "no table yet": (
        table_removed("step_trainer_trusted"),
        "step_trainer_trusted",
        "the table does not exist",
    ),
    "edited SELECT": (
        edited("step_trainer_trusted"),
        "step_trainer_trusted",
        "its SELECT or its columns were edited",
    ),
    "edited SELECT of a landing table": (
        edited("accelerometer_landing"),
        "accelerometer_landing",
        "the contract or the reader was edited, or another program wrote the table",
    ),
    "another key": (
        another_key,
        "machine_learning_pseudonymized",
        "the key of the pseudonyms is another one",
    ),
    "random key": (
        random_key,
        "machine_learning_pseudonymized",
        "without STEDI_PSEUDONYM_KEY, every build makes new pseudonyms",
    ),
    "another program's version": (
        written_by_another_program,
        "step_trainer_trusted",
        "its last commit does not say what it was computed from: another program wrote the table",
    ),
    "a log that no longer reaches back": (
        log_cut_off,
        "accelerometer_trusted",
        "the log of accelerometer_landing no longer reaches back to version 2",
    ),
    "an input created anew": (
        created_anew("accelerometer_landing"),
        "accelerometer_trusted",
        "accelerometer_landing was created anew",
    ),
    "customers erased": (
        customer_erased,
        "machine_learning_pseudonymized",
        "customers were erased",
    ),
    "most of an input written anew": (
        landed_anew,
        "accelerometer_trusted",
        "most of accelerometer_landing was written anew",
    ),
    "an input that is not of the contract": (
        reads_a_foreign_table_that_changed,
        "accelerometer_trusted",
        "mine is not a table of the contract",
    ),
    "a table without an event time": (
        customers_changed,
        "customer_trusted",
        "customer_landing is at version 1, after 0; a table without an event time is computed whole",
    ),
}
"""From a name to what happens, to a table that is therefore computed whole, and to the reason that its plan gives."""


@pytest.mark.parametrize(("cause", "table", "reason"), REASONS_FOR_ALL.values(), ids=REASONS_FOR_ALL.keys())
def test_a_table_that_is_computed_whole_says_why(changing: Changing, cause: Cause, table: str, reason: str) -> None:
    cause(changing)
    assert changing.plans()[table] == Plan("all", reason)
    assert changing.run([table])[table].plan == Plan("all", reason)


def test_edited_columns_are_a_reason_to_compute_a_table_whole(
    changing: Changing, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = TABLES["step_trainer_trusted"]
    columns = (*table.columns, Column("model", "VARCHAR", "Of the device."))
    monkeypatch.setitem(TABLES, table.name, replace(table, columns=columns))
    assert changing.plans()[table.name] == Plan("all", "its SELECT or its columns were edited")


def test_a_full_refresh_computes_every_table_whole(changing: Changing) -> None:
    asked_for = Plan("all", "a full refresh was asked for")
    assert changing.plans(full_refresh=True) == dict.fromkeys(changing.queries, asked_for)
    built = changing.run(full_refresh=True)
    assert {name: each.plan for name, each in built.items()} == dict.fromkeys(TABLES, asked_for)


def test_nothing_is_to_do_where_the_inputs_are_as_they_were(changing: Changing) -> None:
    plans = changing.plans()
    assert {name: plan.kind for name, plan in plans.items()} == dict.fromkeys(changing.queries, "nothing")
    assert plans["accelerometer_landing"].reason == "no raw file was added, changed or removed"
    assert plans["accelerometer_trusted"].reason == "its inputs are as they were"


def test_a_part_names_the_versions_between_which_an_input_changed(changing: Changing) -> None:
    deliver_day(changing, 3)
    assert str(changing.plans()["accelerometer_landing"]) == "part: 1 raw files are new or changed, 0 are gone"
    changing.run(["accelerometer_landing", "step_trainer_landing"])
    assert str(changing.plans()["accelerometer_trusted"]) == "part: accelerometer_landing is at version 3, after 2"
    built = changing.run()
    assert str(built["machine_learning_curated"].plan) == (
        "part: accelerometer_trusted is at version 3, after 2 and step_trainer_trusted is at version 3, after 2"
    )


def test_a_table_whose_inputs_are_about_to_change_says_so(changing: Changing) -> None:
    changing.put(PHONES, "3.json", phones(3))
    plans = changing.plans()
    assert str(plans["accelerometer_trusted"]) == "part: accelerometer_landing is about to change"
    assert str(plans["machine_learning_curated"]) == (
        "part: accelerometer_trusted is about to change and step_trainer_trusted is about to change"
    )
    assert plans["step_trainer_landing"].kind == "nothing"


def test_before_the_first_run_every_table_is_computed_whole(tmp_path: Path, built_by_day: Changing) -> None:
    plans = Changing(tmp_path, built_by_day.opened).plans()
    assert plans == dict.fromkeys(plans, Plan("all", "the table does not exist"))
    assert not (tmp_path / "lakehouse").exists()


def test_a_table_whose_input_does_not_exist_yet_says_so(changing: Changing) -> None:
    table_removed("customer_curated")(changing)
    assert changing.plans()["step_trainer_trusted"] == Plan("all", "customer_curated did not exist")


def test_planning_reads_logs_and_no_rows(changing: Changing) -> None:
    deliver_day(changing, 3)
    changing.run(["accelerometer_landing"])
    changing.put(CUSTOMERS, "1.json", [customer("cyd", research=DAY, lastUpdateDate=50)])
    plans = changing.plans()
    for file in (changing.folder / "lakehouse").rglob("*.parquet"):
        file.unlink()
    assert changing.plans() == plans
    assert {plan.kind for plan in plans.values()} == {"nothing", "part", "all"}


@pytest.mark.parametrize("name", [table.name for table in TABLES.values() if table.event_time])
def test_the_event_time_of_a_table_is_a_required_column_of_it(name: str) -> None:
    instants = [column.name for column in TABLES[name].columns if column.required and column.type == "BIGINT"]
    assert TABLES[name].event_time in instants
