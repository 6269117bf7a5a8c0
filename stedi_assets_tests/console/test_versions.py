"""Versions of tables: time travel, `stedi tables`, `stedi history`, `stedi diff`."""

import json
import re
from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from stedi_assets.contract import TABLES
from stedi_assets_tests.support.projects import Project
from stedi_assets_tests.support.shell import BuiltTwice, built_twice, refused, stedi, succeeded


@pytest.mark.parametrize("place_kind", ["versitygw"], indirect=True)
def test_two_versions_in_a_bucket_are_compared(project: Project) -> None:
    built = built_twice(project)
    difference = json.loads(succeeded(built.stedi("diff", "accelerometer_trusted", "0", "1", "--json")))
    assert (difference["rows_added"], difference["rows_removed"]) == (3, 0)


REPLACED = "machine_learning_pseudonymized"
"""A table that each run without a key of the pseudonyms replaces."""


def history(built: BuiltTwice, table: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(succeeded(built.stedi("history", table, "--json")))
    return found


def count_as_of(built: BuiltTwice, moment: str) -> str:
    statement = "SELECT count(*) AS n FROM accelerometer_trusted"
    return succeeded(built.stedi("query", statement, "--format", "csv", "--as-of", moment)).splitlines()[1]


def test_a_query_reads_a_version_by_its_number(built: BuiltTwice) -> None:
    assert [count_as_of(built, version) for version in ("0", "1")] == ["4", "7"]


def test_a_query_reads_what_was_current_at_an_instant(built: BuiltTwice) -> None:
    second, first = (version["time"] for version in history(built, "accelerometer_trusted"))
    assert [count_as_of(built, instant) for instant in (first, second, "2999-01-01")] == ["4", "7", "7"]
    assert count_as_of(built, second.replace("Z", "+00:00")) == "7"


def test_an_instant_before_the_first_commit_is_an_error(built: BuiltTwice) -> None:
    line = refused(built.stedi("query", "FROM accelerometer_trusted", "--as-of", "2001-02-03T04:05"))
    assert line.startswith(
        "The table accelerometer_trusted did not exist at 2001-02-03T04:05:00.000Z: its first known commit"
    )


def test_a_version_that_does_not_exist_is_an_error_that_names_the_last(built: BuiltTwice) -> None:
    line = refused(built.stedi("query", "FROM accelerometer_trusted", "--as-of", "7"))
    assert line == (
        "The table accelerometer_trusted has no version 7; its current one is 1. "
        "stedi history accelerometer_trusted lists its versions."
    )


def test_a_version_whose_files_a_vacuum_removed_is_an_error_that_says_so(own_built: BuiltTwice) -> None:
    table = DeltaTable(own_built.lakehouse / TABLES[REPLACED].path)
    assert table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    expected = (
        f"Version 0 of {REPLACED} can no longer be read: a vacuum has deleted some of its files. "
        f"Choose a later version: stedi history {REPLACED} lists them."
    )
    assert refused(own_built.stedi("query", f"FROM {REPLACED}", "--as-of", "0")) == expected
    assert refused(own_built.stedi("diff", REPLACED, "0", "1")) == expected
    assert [version["version"] for version in history(own_built, REPLACED)][-2:] == [1, 0]


def test_tables_tells_what_each_table_holds(built: BuiltTwice) -> None:
    inventory = {entry["name"]: entry for entry in json.loads(succeeded(built.stedi("tables", "--json")))}
    assert list(inventory) == [*TABLES, "mine"]
    for name in TABLES:
        files = [Path(file) for file in built.project.files(name)]
        assert inventory[name] == {
            "name": name,
            "zone": TABLES[name].zone,
            "built": True,
            "rows": built.project.delta(name).count(),
            "bytes": sum(file.stat().st_size for file in files),
            "files": len(files),
            "version": built.project.delta(name).version(),
            "committed": history(built, name)[0]["time"],
            "path": str(built.lakehouse / TABLES[name].path),
        }


def test_tables_are_a_table_to_look_at(built: BuiltTwice) -> None:
    printed = succeeded(built.stedi("tables"))
    (line,) = (line for line in printed.splitlines() if "accelerometer_landing" in line)
    assert re.search(
        r"│ accelerometer_landing +│ landing +│ +9 │ +[\d.]+ kB │ +\d │ +1 │ +\d+ (second|minute)s? │", line
    )
    assert "\x1b" not in printed


def test_tables_that_do_not_exist_yet_are_listed_as_not_built(project: Project) -> None:
    assert project.materialize("customer_landing").success
    inventory = {entry["name"]: entry["built"] for entry in json.loads(succeeded(stedi(project, "tables", "--json")))}
    assert {name for name, is_built in inventory.items() if is_built} == {"customer_landing", "customer_quarantine"}
    assert inventory.keys() == TABLES.keys()
    assert succeeded(stedi(project, "tables")).count("not built") == len(TABLES) - 2


def test_history_lists_the_newest_version_first_with_its_run_and_rows(built: BuiltTwice) -> None:
    newest, oldest = history(built, "accelerometer_landing")
    assert (
        newest.items()
        >= {
            "version": 1,
            "operation": "WRITE",
            "rows": 9,
            "rows_added": 3,
            "rows_removed": 0,
            "run_id": built.runs[1],
        }.items()
    )
    assert (
        oldest.items()
        >= {
            "version": 0,
            "operation": "CREATE TABLE",
            "rows": 6,
            "rows_added": 6,
            "rows_removed": 0,
            "run_id": built.runs[0],
        }.items()
    )
    assert newest["time"] > oldest["time"]
    assert newest["engine"] == f"DuckDB {version('duckdb')}"
    assert newest["writer"].startswith("delta-rs")


def test_history_counts_a_replaced_table_as_removed_and_added(built: BuiltTwice) -> None:
    newest = history(built, REPLACED)[0]
    rows = built.project.delta(REPLACED).count()
    assert rows > 0
    assert (newest["rows"], newest["rows_added"], newest["rows_removed"]) == (rows, rows, rows)


def test_history_lists_no_version_for_a_run_that_left_a_table_as_it_was(built: BuiltTwice) -> None:
    assert [version["run_id"] for version in history(built, "customer_trusted")] == [built.runs[0]]


def test_history_lists_no_more_versions_than_its_limit(built: BuiltTwice) -> None:
    printed = succeeded(built.stedi("history", "accelerometer_landing", "--limit", "1"))
    assert f" {built.runs[1][:8]} " in printed
    assert built.runs[0][:8] not in printed


def test_the_history_of_an_unknown_table_is_an_error_that_names_those_that_exist(built: BuiltTwice) -> None:
    assert "The tables that exist are customer_landing" in refused(built.stedi("history", "../customer/landing"))


def test_rows_that_were_added_are_counted_as_often_as_they_are_there(built: BuiltTwice) -> None:
    difference = json.loads(succeeded(built.stedi("diff", "accelerometer_trusted", "0", "1", "--json")))
    assert Counter(row["timestamp"] for row in difference.pop("added_sample")) == {500: 2, 600: 1}
    assert difference == {
        "table": "accelerometer_trusted",
        "from_version": 0,
        "to_version": 1,
        "columns_added": [],
        "columns_removed": [],
        "columns_retyped": {},
        "rows_added": 3,
        "rows_removed": 0,
        "removed_sample": [],
    }


def test_rows_that_were_removed_are_those_that_only_the_first_version_has(built: BuiltTwice) -> None:
    difference = json.loads(succeeded(built.stedi("diff", "accelerometer_trusted", "1", "0", "--json")))
    assert (difference["rows_added"], difference["rows_removed"]) == (0, 3)


def test_a_table_that_was_replaced_by_the_same_rows_does_not_differ(own_built: BuiltTwice) -> None:
    assert own_built.project.materialize("accelerometer_trusted", full_refresh=True).success
    printed = succeeded(own_built.stedi("diff", "accelerometer_trusted", "1", "2"))
    assert printed.splitlines()[1:] == ["rows added: 0", "rows removed: 0"]


def test_the_sample_of_a_difference_masks_what_is_personal(built: BuiltTwice) -> None:
    for arguments in ((), ("--json",)):
        printed = succeeded(built.stedi("diff", "accelerometer_landing", "0", "1", *arguments))
        assert "***" in printed
        assert "example.com" not in printed


def test_a_personal_column_is_masked_in_the_tables_of_others_too(project: Project) -> None:
    folder = project.lakehouse / "assets/mine"
    write_deltalake(folder, pa.table({"EMAIL": ["ada@example.com"], "n": [1]}))
    write_deltalake(folder, pa.table({"EMAIL": [None, "eve@example.com"], "n": [2, 3]}), mode="overwrite")
    difference = json.loads(succeeded(stedi(project, "diff", "mine", "0", "1", "--json")))
    assert difference["removed_sample"] == [{"EMAIL": "***", "n": 1}]
    assert sorted(difference["added_sample"], key=lambda row: row["n"]) == [
        {"EMAIL": None, "n": 2},
        {"EMAIL": "***", "n": 3},
    ]


def test_a_sample_has_no_more_rows_than_asked_for(built: BuiltTwice) -> None:
    printed = succeeded(built.stedi("diff", "accelerometer_trusted", "0", "1", "--sample", "1"))
    assert "rows added: 3, of which 1 shown" in printed.splitlines()
    assert printed.count("***") == 1


def test_versions_with_other_columns_are_compared_by_those_that_both_have(project: Project) -> None:
    folder = project.lakehouse / "assets/mine"
    write_deltalake(folder, pa.table({"a": [1, 2], "gone": [1, 1]}))
    write_deltalake(folder, pa.table({"new": ["x", "x"], "a": [2, 3]}), mode="overwrite", schema_mode="overwrite")
    difference = json.loads(succeeded(stedi(project, "diff", "mine", "0", "1", "--json")))
    assert (difference["columns_added"], difference["columns_removed"]) == (["new"], ["gone"])
    assert (difference["added_sample"], difference["removed_sample"]) == ([{"a": 3}], [{"a": 1}])


def test_versions_without_a_common_column_differ_in_every_row(project: Project) -> None:
    folder = project.lakehouse / "assets/mine"
    write_deltalake(folder, pa.table({"a": [1, 2]}))
    write_deltalake(folder, pa.table({"b": [1, 2, 3]}), mode="overwrite", schema_mode="overwrite")
    difference = json.loads(succeeded(stedi(project, "diff", "mine", "0", "1", "--json")))
    assert (difference["columns_added"], difference["columns_removed"]) == (["b"], ["a"])
    assert (difference["rows_added"], difference["rows_removed"]) == (3, 2)


def test_a_column_of_another_type_is_named_with_both_types(project: Project) -> None:
    folder = project.lakehouse / "assets/mine"
    write_deltalake(folder, pa.table({"a": ["1", "2"], "b": [1, 1]}))
    write_deltalake(folder, pa.table({"a": [1, 3], "b": [1, 1]}), mode="overwrite", schema_mode="overwrite")
    printed = succeeded(stedi(project, "diff", "mine", "0", "1"))
    assert "columns of another type: a (string, now long)" in printed.splitlines()
    assert "rows added: 1" in printed.splitlines()
