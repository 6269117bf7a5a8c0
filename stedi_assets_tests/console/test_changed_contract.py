"""Versions of a table from before and after a change of the contract, as the commands show them."""

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest

from stedi_assets.engines.engine import Engine
from stedi_assets_tests.support.contracts import BEFORE, CHANGES, ROWS_BEFORE, ContractShore
from stedi_assets_tests.support.places import Place
from stedi_assets_tests.support.projects import Project
from stedi_assets_tests.support.shell import stedi, succeeded

Changed = Callable[[str], Project]


@pytest.fixture
def changed(place: Place, computing: Engine, monkeypatch: pytest.MonkeyPatch) -> Changed:
    """Makes a table with a version from before a change of the contract and one from after it."""

    def make(change: str) -> Project:
        with closing(ContractShore(place, computing, monkeypatch)) as shore:
            shore.hold(["a.json"])
            shore.land()
            shore.use(CHANGES[change].columns)
            shore.land()
        return Project.at(place, "duckdb")

    return make


def rows_as_of(project: Project, version: int) -> list[dict[str, Any]]:
    select = "SELECT * EXCLUDE sourceFile FROM accelerometer_landing ORDER BY accelerometer_landing.timestamp"
    rows: list[dict[str, Any]] = json.loads(
        succeeded(stedi(project, "query", select, "--format", "json", "--as-of", str(version)))
    )
    return rows


@pytest.mark.parametrize(
    "change", ["column added", "column removed", "columns in another order", "VARCHAR to BIGINT", "BIGINT to VARCHAR"]
)
def test_each_version_is_read_with_its_own_columns(changed: Changed, change: str) -> None:
    project = changed(change)
    for version, columns, rows in ((0, BEFORE, ROWS_BEFORE), (1, CHANGES[change].columns, CHANGES[change].rows)):
        names = [column.name for column in columns]
        assert rows_as_of(project, version) == [dict(zip(names, row, strict=True)) for row in rows["a.json"]]


@pytest.mark.parametrize(
    ("change", "columns"),
    [
        ("column added", {"columns_added": ["model"], "columns_removed": [], "columns_retyped": {}}),
        ("column removed", {"columns_added": [], "columns_removed": ["x"], "columns_retyped": {}}),
        (
            "BIGINT to VARCHAR",
            {"columns_added": [], "columns_removed": [], "columns_retyped": {"timestamp": ["long", "string"]}},
        ),
    ],
)
def test_a_difference_tells_the_columns_and_compares_rows_by_what_both_have(
    changed: Changed, change: str, columns: dict[str, Any]
) -> None:
    project = changed(change)
    difference = json.loads(succeeded(stedi(project, "diff", "accelerometer_landing", "0", "1", "--json")))
    assert difference.items() >= columns.items()
    assert (difference["rows_added"], difference["rows_removed"]) == (0, 0)


def test_the_history_counts_the_rows_of_both_versions(changed: Changed) -> None:
    project = changed("BIGINT to VARCHAR")
    versions = json.loads(succeeded(stedi(project, "history", "accelerometer_landing", "--json")))
    assert [(version["version"], version["rows"], version["rows_removed"]) for version in versions] == [
        (1, 2, 2),
        (0, 2, 0),
    ]


def test_a_view_has_the_new_columns(changed: Changed, tmp_path: Path) -> None:
    project = changed("column added")
    file = tmp_path / "views.duckdb"
    succeeded(stedi(project, "duckdb", str(file)))
    with duckdb.connect(str(file), read_only=True) as connection:
        shown = connection.sql("SELECT model FROM accelerometer_landing ORDER BY ALL").fetchall()
    assert shown == [("m1",), (None,)]
