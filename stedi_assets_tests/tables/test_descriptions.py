"""The descriptions of columns: in the log of each table, and no reason to compute a row again."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from deltalake import DeltaTable

from stedi_assets.contract import TABLES, column_descriptions
from stedi_assets.errors import ConflictError
from stedi_assets.query import Query
from stedi_assets_tests.support.changing import Changing
from stedi_assets_tests.support.days import CUSTOMERS, deliver_day
from stedi_assets_tests.support.records import customer

UNITS = ("milliseconds", "bytes", "the phone's unit", "the device's unit")


def comments(changing: Changing, table: str) -> dict[str, str | None]:
    """From each column in a table's log to its comment."""
    fields = DeltaTable(changing.table_folder(table)).schema().fields
    return {field.name: field.metadata.get("comment") for field in fields}


def versions(changing: Changing) -> dict[str, int]:
    return {name: DeltaTable(changing.table_folder(name)).version() for name in TABLES}


@pytest.fixture
def reworded(monkeypatch: pytest.MonkeyPatch) -> Mapping[str, Mapping[str, str]]:
    """A contract that describes each column in other words; from a table to those of before."""
    before = {name: column_descriptions(name) for name in TABLES}
    for name, table in TABLES.items():
        columns = tuple(replace(column, description=f"{column.description} Indeed.") for column in table.columns)
        monkeypatch.setitem(TABLES, name, replace(table, columns=columns))
    return before


def test_the_log_of_each_table_has_the_descriptions_of_its_columns_for_every_reader_of_delta(
    changing: Changing,
) -> None:
    for name in TABLES:
        assert comments(changing, name) == column_descriptions(name)
        protocol = DeltaTable(changing.table_folder(name)).protocol()
        assert (protocol.min_reader_version, protocol.min_writer_version) == (1, 2)


def test_a_run_computes_and_commits_nothing_for_other_descriptions_alone(
    changing: Changing, reworded: Mapping[str, Mapping[str, str]]
) -> None:
    before = versions(changing)
    built = changing.run()
    assert {each.plan.kind for each in built.values()} == {"nothing"}
    assert versions(changing) == before
    assert {name: comments(changing, name) for name in TABLES} == reworded


def test_the_next_commit_of_a_table_brings_other_descriptions_and_a_part_stays_a_part(
    changing: Changing, reworded: Mapping[str, Mapping[str, str]]
) -> None:
    deliver_day(changing, 3)
    built = changing.run()
    assert {name for name, each in built.items() if each.plan.kind == "all"} <= {"customer_curated"}
    changed = {name for name, each in built.items() if each.rows_added}
    assert changed >= {"accelerometer_landing", "step_trainer_trusted", "machine_learning_pseudonymized"}
    for name in TABLES:
        assert comments(changing, name) == (column_descriptions(name) if name in changed else reworded[name])
    rows, _ = changing.fresh()
    assert changing.rows() == rows
    assert {each.plan.kind for each in changing.run().values()} == {"nothing"}


def test_the_commit_of_descriptions_counts_as_one_that_changes_no_row(
    changing: Changing, reworded: Mapping[str, Mapping[str, str]]
) -> None:
    before = versions(changing)
    changing.put(CUSTOMERS, "1.json", [customer("eve", research=1)])
    changing.run(["customer_landing"])
    assert versions(changing)["customer_landing"] == before["customer_landing"] + 2
    names, added = DeltaTable(changing.table_folder("customer_landing")).history(2)[::-1]
    assert names["stedi.same_rows"] == "true"
    assert names["operationMetrics"]["num_added_files"] == 0
    assert "stedi.contract" in added
    with changing.open() as lakehouse:
        assert "1.json" in lakehouse.ledger("customer_landing")


def test_a_table_whose_descriptions_are_as_they_were_gets_one_commit(changing: Changing) -> None:
    before = versions(changing)
    changing.put(CUSTOMERS, "1.json", [customer("eve", research=1)])
    changing.run(["customer_landing"])
    assert versions(changing) == before | {"customer_landing": before["customer_landing"] + 1}


def test_descriptions_do_not_hide_that_another_writer_committed_first(
    changing: Changing, reworded: Mapping[str, Mapping[str, str]]
) -> None:
    name = "customer_landing"
    with changing.open() as lakehouse:
        stale = lakehouse.table(name)
        DeltaTable(changing.table_folder(name)).delete("email = 'ada@example.com'")
        (file,) = lakehouse.write(name, Query(f"SELECT * FROM {name}")).files[:1]
        with pytest.raises(ConflictError, match=f"Another run changed the table at .*{TABLES[name].path}"):
            lakehouse.amend(name, stale, [file], [], {})
    assert comments(changing, name) == reworded[name]


def test_the_description_of_each_number_says_its_unit() -> None:
    numbers = {column for table in TABLES.values() for column in table.columns if column.type != "VARCHAR"}
    assert numbers
    for column in numbers:
        assert any(unit in column.description for unit in UNITS), column.name
