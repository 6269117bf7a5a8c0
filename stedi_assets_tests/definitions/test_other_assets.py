"""Assets of other people's making: what they may return, and what they may ask for."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import dagster
import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from stedi_assets import DuckDBLakehouseIOManager
from stedi_assets.query import Query
from stedi_assets_tests.support.checkout import PROJECT
from stedi_assets_tests.support.projects import Project
from stedi_assets_tests.support.runs import failure

RETURNED: Mapping[str, Callable[[], Any]] = {
    "pandas.DataFrame": lambda: pd.DataFrame({"a": [1, 2], "b": ["x", None]}),
    "polars.DataFrame": lambda: pl.DataFrame({"a": [1, 2], "b": ["x", None]}),
    "polars.LazyFrame": lambda: pl.LazyFrame({"a": [1, 2], "b": ["x", None]}),
    "pyarrow.Table": lambda: pa.table({"a": [1, 2], "b": ["x", None]}),
    "a relation of another connection": lambda: duckdb.connect().sql("FROM (VALUES (1, 'x'), (2, NULL)) AS t(a, b)"),
    "Query": lambda: Query("SELECT * FROM (VALUES (1, 'x'), (2, NULL)) AS t(a, b)"),
}


@pytest.mark.parametrize("returned", RETURNED.values(), ids=RETURNED.keys())
def test_what_an_asset_returns_is_stored_as_a_delta_table(project: Project, returned: Callable[[], Any]) -> None:
    @dagster.asset
    def mine() -> Any:
        return returned()

    result = project.materialize_others(mine)
    assert result.success
    assert project.rows("mine") == {(1, "x"): 1, (2, None): 1}
    (event,) = result.get_asset_materialization_events()
    assert event.materialization.metadata["dagster/row_count"].value == 2


LOADED: Mapping[str, tuple[type, Callable[[Any], list[int]]]] = {
    "pandas.DataFrame": (pd.DataFrame, lambda frame: frame["timestamp"].tolist()),
    "polars.DataFrame": (pl.DataFrame, lambda frame: frame["timestamp"].to_list()),
    "polars.LazyFrame": (pl.LazyFrame, lambda frame: frame.collect()["timestamp"].to_list()),
    "pyarrow.Table": (pa.Table, lambda table: table["timestamp"].to_pylist()),
    "duckdb.DuckDBPyRelation": (
        duckdb.DuckDBPyRelation,
        lambda relation: [row[0] for row in relation.select("timestamp").fetchall()],
    ),
}


@pytest.mark.parametrize(("kind", "instants"), LOADED.values(), ids=LOADED.keys())
def test_an_asset_gets_a_table_as_the_type_it_annotates_its_input_with(
    project: Project, kind: type, instants: Callable[[Any], list[int]]
) -> None:
    def mine(accelerometer_landing: Any) -> pd.DataFrame:
        assert isinstance(accelerometer_landing, kind)
        return pd.DataFrame({"instant": instants(accelerometer_landing)})

    mine.__annotations__["accelerometer_landing"] = kind
    assert project.materialize("accelerometer_landing").success
    assert project.materialize_others(dagster.asset(mine)).success
    assert project.rows("mine") == {(100,): 4, (200,): 1, (300,): 1}


def test_a_relation_over_a_loaded_table_can_be_returned(project: Project) -> None:
    @dagster.asset
    def mine(accelerometer_landing: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
        return accelerometer_landing.aggregate("timestamp, count(*) AS readings")

    assert project.materialize("accelerometer_landing").success
    assert project.materialize_others(mine).success
    assert project.rows("mine") == {(100, 4): 1, (200, 1): 1, (300, 1): 1}


def test_an_asset_can_load_what_another_of_its_kind_stored(project: Project) -> None:
    @dagster.asset(key=["mine", "first"])
    def first() -> pd.DataFrame:
        return pd.DataFrame({"a": [1, 2, 3]})

    @dagster.asset(ins={"frame": dagster.AssetIn(key=["mine", "first"])})
    def second(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.filter(pl.col("a") > 1)

    assert project.materialize_others(first, second).success
    assert project.rows("mine__first").total() == 3
    assert project.rows("second").total() == 2


def test_a_type_that_cannot_be_stored_is_an_error_that_lists_those_that_can(project: Project) -> None:
    @dagster.asset
    def mine() -> list[int]:
        return [1]

    message = failure(project.materialize_others(mine), "mine")
    assert message.startswith("A value of type builtins.list cannot be stored.")
    for known in ("Query", "pandas.DataFrame", "polars.DataFrame", "pyarrow.Table", "duckdb.DuckDBPyRelation"):
        assert known in message


@pytest.mark.parametrize("annotation", [dict[str, int], Any])
def test_a_type_that_cannot_be_loaded_is_an_error_that_lists_those_that_can(project: Project, annotation: Any) -> None:
    def mine(accelerometer_landing: Any) -> None: ...

    mine.__annotations__["accelerometer_landing"] = annotation
    assert project.materialize("accelerometer_landing").success
    message = failure(project.materialize_others(dagster.asset(mine)), "mine")
    assert message.startswith("The table accelerometer_landing cannot be loaded as ")
    for known in ("pandas.DataFrame", "polars.DataFrame", "pyarrow.Table", "duckdb.DuckDBPyRelation"):
        assert known in message


@pytest.mark.parametrize(
    ("expression", "delta_type"),
    [
        ("1::TINYINT", "byte"),
        ("1::UTINYINT", "short"),
        ("1::UINTEGER", "long"),
        ("1::UBIGINT", "decimal(20,0)"),
        ("sum(1)", "decimal(38,0)"),
        ("1.5::DECIMAL(9, 2)", "decimal(9,2)"),
        ("DATE '2024-02-29'", "date"),
        ("TIMESTAMP '2024-02-29 12:00:00'", "timestamp"),
        ("TIMESTAMPTZ '2024-02-29 12:00:00+02'", "timestamp"),
        ("'00000000-0000-0000-0000-000000000001'::UUID", "string"),
        ("true", "boolean"),
        ("'\\x00'::BLOB", "binary"),
        ("NULL", "integer"),
    ],
)
def test_a_column_is_stored_as_a_type_that_every_delta_reader_knows(
    project: Project, expression: str, delta_type: str
) -> None:
    @dagster.asset
    def mine() -> duckdb.DuckDBPyRelation:
        return duckdb.connect().sql(f"SELECT {expression} AS a")

    assert project.materialize_others(mine).success
    table = project.delta("mine")
    assert str(table.schema().fields[0].type) == f'PrimitiveType("{delta_type}")'
    assert (table.protocol().min_reader_version, table.protocol().min_writer_version) == (1, 2)
    assert table.to_pyarrow_table().num_rows == 1


def test_a_type_that_delta_does_not_have_is_an_error_that_names_the_column(project: Project) -> None:
    @dagster.asset
    def mine() -> duckdb.DuckDBPyRelation:
        return duckdb.connect().sql("SELECT 1 AS a, TIME '12:00' AS noon")

    message = failure(project.materialize_others(mine), "mine")
    assert message == (
        "A column's type cannot be stored in a Delta table; the columns are a INTEGER, noon TIME. "
        "Cast the column to another type, such as VARCHAR."
    )


def test_a_new_column_replaces_the_schema_with_the_rows(project: Project) -> None:
    frames = iter([pd.DataFrame({"a": [1]}), pd.DataFrame({"b": ["x"], "a": [2.5]})])

    @dagster.asset
    def mine() -> pd.DataFrame:
        return next(frames)

    assert project.materialize_others(mine).success
    assert project.materialize_others(mine).success
    assert project.rows("mine") == {("x", 2.5): 1}


def test_names_that_need_quoting_are_stored_and_loaded(project: Project) -> None:
    @dagster.asset
    def mine() -> pd.DataFrame:
        return pd.DataFrame({'a "b"': [1], "select": [2], "ü, x": [3]})

    @dagster.asset
    def other(mine: pd.DataFrame) -> pd.DataFrame:
        return mine

    assert project.materialize_others(mine, other).success
    assert project.rows("other") == {(1, 2, 3): 1}


@pytest.mark.parametrize("stored_before", [False, True])
def test_an_asset_that_returns_none_stores_nothing_and_says_so(
    project: Project, stored_before: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    values = iter([pd.DataFrame({"a": [1]}), None] if stored_before else [None])

    @dagster.asset
    def mine() -> Any:
        return next(values)

    if stored_before:
        assert project.materialize_others(mine).success
    (event,) = project.materialize_others(mine).get_asset_materialization_events()
    assert event.materialization.metadata["stored"].value == "nothing"
    assert "The asset mine returned None: nothing was stored." in capsys.readouterr().err
    if stored_before:
        assert project.rows("mine") == {(1,): 1}
    else:
        assert not project.location("assets/mine").local_path.exists()


def test_the_example_in_the_documentation_works(project: Project) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", (PROJECT / "docs/extend.md").read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(example, "extend.md", "exec", dont_inherit=True), names)
    assert project.materialize().success
    assert project.materialize_others(names["readings_per_minute"]).success
    assert project.rows("readings_per_minute") == {(0, 4): 1}


def test_the_io_manager_of_the_face_stores_a_query_of_another_code_location(built_project: Project) -> None:
    @dagster.asset(deps=["customer_trusted"])
    def customers() -> Query:
        return Query("SELECT count(*) AS customers FROM customer_trusted")

    manager = DuckDBLakehouseIOManager(root=str(built_project.lakehouse), landing=str(built_project.landing))
    assert dagster.materialize([customers], resources={"io_manager": manager}).success
    assert built_project.rows("customers") == {(built_project.delta("customer_trusted").count(),): 1}
