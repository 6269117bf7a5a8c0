"""Every column says which columns it is computed from."""

from collections.abc import Sequence

import dagster
import pandas as pd
import pytest

from stedi_assets.contract import SOURCES, TABLES
from stedi_assets.lakehouse.lineage import ColumnSource, column_lineage
from stedi_assets.query import Query
from stedi_assets_tests.support.grid import on_both_engines
from stedi_assets_tests.support.projects import (
    QUARANTINES,
    SELECTED_TABLES,
    Project,
)
from stedi_assets_tests.support.shown import Metadata, metadata_by_asset

pytestmark = on_both_engines

CUSTOMER_COLUMNS = (
    "customerName",
    "email",
    "phone",
    "birthDay",
    "serialNumber",
    "registrationDate",
    "lastUpdateDate",
    "shareWithResearchAsOfDate",
    "shareWithPublicAsOfDate",
    "shareWithFriendsAsOfDate",
)


READING_COLUMNS = ("user", "timestamp", "x", "y", "z")


DEVICE_COLUMNS = ("sensorReadingTime", "serialNumber", "distanceFromObject")


def same_columns_of(table: str, columns: Sequence[str]) -> dict[str, list[str]]:
    return {column: [f"{table}.{column}"] for column in columns}


LINEAGE = {
    "customer_landing": same_columns_of("customer_files", CUSTOMER_COLUMNS),
    "accelerometer_landing": same_columns_of("accelerometer_files", READING_COLUMNS),
    "step_trainer_landing": same_columns_of("step_trainer_files", DEVICE_COLUMNS),
    "customer_trusted": same_columns_of("customer_landing", CUSTOMER_COLUMNS),
    "accelerometer_trusted": same_columns_of("accelerometer_landing", READING_COLUMNS),
    "customer_curated": same_columns_of("customer_trusted", CUSTOMER_COLUMNS),
    "step_trainer_trusted": same_columns_of("step_trainer_landing", DEVICE_COLUMNS),
    "machine_learning_curated": {
        **same_columns_of("step_trainer_trusted", DEVICE_COLUMNS),
        **same_columns_of("accelerometer_trusted", ("timestamp", "x", "y", "z")),
    },
    "machine_learning_pseudonymized": {
        "subject": ["customer_landing.email"],
        **same_columns_of("step_trainer_trusted", ("sensorReadingTime", "distanceFromObject")),
        **same_columns_of("accelerometer_trusted", ("x", "y", "z")),
    },
}


def test_every_column_says_which_columns_it_is_computed_from(shown: dict[str, Metadata]) -> None:
    found = {
        table: {
            column: [f"{source.asset_key.to_user_string()}.{source.column_name}" for source in sources]
            for column, sources in metadata["dagster/column_lineage"].deps_by_column.items()
        }
        for table, metadata in shown.items()
        if table not in QUARANTINES
    }
    assert found == LINEAGE


def test_a_column_names_only_columns_that_exist(shown: dict[str, Metadata]) -> None:
    contract = {
        **{name: table.columns for name, table in TABLES.items()},
        **{name: source.columns for name, source in SOURCES.items()},
    }
    columns = {name: {column.name for column in found} for name, found in contract.items()}
    for table in SELECTED_TABLES:
        for column, sources in shown[table]["dagster/column_lineage"].deps_by_column.items():
            assert column in columns[table]
            assert all(source.column_name in columns[source.asset_key.to_user_string()] for source in sources)


def test_where_columns_come_from_can_be_read_as_a_table_too(shown: dict[str, Metadata]) -> None:
    lines = shown["machine_learning_pseudonymized"]["column_sources"].splitlines()
    assert lines[0] == "| column | computed from |"
    assert lines[2] == "| `subject` | `customer_landing.email` |"


def test_a_quarantine_which_no_query_fills_names_no_sources_of_columns(shown: dict[str, Metadata]) -> None:
    assert not any("dagster/column_lineage" in shown[table] for table in QUARANTINES)


QUERIES = {
    "an expression is computed from all its columns": (
        "SELECT a.x + a.y AS total FROM a",
        {"total": [("a", "x"), ("a", "y")]},
    ),
    "names have no case": ("SELECT A.X AS Total FROM A", {"Total": [("a", "x")]}),
    "a constant is computed from nothing": ("SELECT 1 AS one FROM a", {"one": []}),
    "a filter is not a source": ("SELECT x FROM a WHERE y IN (SELECT k FROM b)", {"x": [("a", "x")]}),
    "nor is what rows are joined by": ("SELECT a.x FROM a INNER JOIN b ON a.y = b.k", {"x": [("a", "x")]}),
    "every branch of a union is": ("SELECT x FROM a UNION ALL SELECT k FROM b", {"x": [("a", "x"), ("b", "k")]}),
    "a name of a subquery is followed to its table": (
        "WITH c AS (SELECT max(x) AS most FROM a) SELECT d.most AS top FROM (SELECT c.most FROM c) AS d",
        {"top": [("a", "x")]},
    ),
}


@pytest.mark.parametrize(("sql", "expected"), QUERIES.values(), ids=QUERIES.keys())
def test_lineage_follows_a_query(sql: str, expected: dict[str, list[tuple[str, str]]]) -> None:
    found = column_lineage(Query(sql), {"a": ["x", "y"], "b": ["k"]}, expected)
    assert found == {
        column: [ColumnSource(table, name) for table, name in sources] for column, sources in expected.items()
    }


@pytest.mark.parametrize("sql", ["SELECT x + 1 FROM a", "SELECT * FROM VALUES_OF(3)", "SELECT a.* FROM b"])
def test_a_column_that_cannot_be_followed_has_no_lineage(sql: str) -> None:
    assert column_lineage(Query(sql), {"a": ["x"], "b": ["y"]}, ["(x + 1)"]) == {}


def test_a_query_of_other_people_is_followed_into_their_tables(built_project: Project) -> None:
    @dagster.asset
    def mine() -> pd.DataFrame:
        return pd.DataFrame({"minute": [1], "readings": [6]})

    @dagster.asset(deps=[mine])
    def yours() -> Query:
        return Query("SELECT mine.* FROM mine")

    shown = metadata_by_asset(built_project.materialize_others(mine, yours))
    assert "dagster/column_lineage" not in shown["mine"]
    lineage = shown["yours"]["dagster/column_lineage"].deps_by_column
    assert {column: [source.column_name for source in sources] for column, sources in lineage.items()} == {
        "minute": ["minute"],
        "readings": ["readings"],
    }
