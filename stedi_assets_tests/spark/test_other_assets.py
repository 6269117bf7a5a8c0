"""Assets of other people's making on Spark: what they may return, and what they may ask for."""

from collections.abc import Callable, Mapping
from typing import Any

import dagster
import pandas as pd
import pyarrow as pa
import pyspark.sql
import pytest

from stedi_assets.engines.spark.session import Session
from stedi_assets.errors import StediError
from stedi_assets.query import Query
from stedi_assets_tests.support.projects import Project
from stedi_assets_tests.support.raw_files import reading_record
from stedi_assets_tests.support.shore import Shore

RETURNED: Mapping[str, Callable[[pyspark.sql.SparkSession], Any]] = {
    "pyspark.sql.DataFrame": lambda spark: spark.createDataFrame([(1, "x"), (2, None)], "a INT, b STRING"),
    "pandas.DataFrame": lambda _: pd.DataFrame({"a": [1, 2], "b": ["x", None]}),
    "pyarrow.Table": lambda _: pa.table({"a": [1, 2], "b": ["x", None]}),
    "pyarrow.Table of types that Spark lacks": lambda _: pa.table(
        {"a": pa.array([1, 2], pa.uint64()), "b": pa.array(["x", None], pa.large_string())}
    ),
    "Query": lambda _: Query("SELECT * FROM (VALUES (1, 'x'), (2, NULL)) AS t(a, b)"),
}


@pytest.mark.parametrize("returned", RETURNED.values(), ids=RETURNED.keys())
def test_what_an_asset_returns_is_stored_as_a_delta_table(
    project: Project, spark: Session, returned: Callable[[pyspark.sql.SparkSession], Any]
) -> None:
    @dagster.asset
    def mine() -> Any:
        return returned(spark.spark)

    assert project.materialize_others(mine).success
    assert project.rows("mine") == {(1, "x"): 1, (2, None): 1}


LOADED: Mapping[str, tuple[Any, Callable[[Any], list[int]]]] = {
    "pyspark.sql.DataFrame": (
        pyspark.sql.DataFrame,
        lambda frame: [row.timestamp for row in frame.select("timestamp").collect()],
    ),
    "pandas.DataFrame": (pd.DataFrame, lambda frame: frame["timestamp"].tolist()),
    "pyarrow.Table": (pa.Table, lambda table: table["timestamp"].to_pylist()),
}


@pytest.mark.parametrize(("kind", "instants"), LOADED.values(), ids=LOADED.keys())
def test_an_asset_gets_a_table_as_the_type_it_annotates_its_input_with(
    spark: Session, shore: Shore, kind: Any, instants: Callable[[Any], list[int]]
) -> None:
    shore.put("a.json", b"\n".join(map(reading_record, range(3))))
    shore.land()
    loaded = shore.lakehouse.load("accelerometer_landing", kind)
    assert isinstance(loaded, kind)
    assert sorted(instants(loaded)) == [0, 1, 2]


def test_types_that_are_not_known_are_errors_that_list_those_that_are(shore: Shore) -> None:
    shore.put("a.json", reading_record(1))
    shore.land()
    known = "pyspark.sql.DataFrame, pandas.DataFrame, pyarrow.Table"
    with pytest.raises(
        StediError, match=f"cannot be loaded as builtins.list. Annotate the asset's input with one of {known}."
    ):
        shore.lakehouse.load("accelerometer_landing", list)
    with pytest.raises(
        StediError, match=f"type builtins.list cannot be stored. .*stedi_assets.query.Query or one of {known}"
    ):
        shore.lakehouse.store("mine", [1], "a run")


@pytest.mark.parametrize(
    ("expression", "delta_type"),
    [
        ("CAST(1 AS TINYINT)", "byte"),
        ("sum(1)", "long"),
        ("CAST(1.5 AS DECIMAL(9, 2))", "decimal(9,2)"),
        ("DATE '2024-02-29'", "date"),
        ("TIMESTAMP '2024-02-29 12:00:00'", "timestamp"),
        ("CAST('2024-02-29 12:00:00' AS TIMESTAMP_NTZ)", "timestamp"),
        ("true", "boolean"),
        ("NULL", "integer"),
        ("CAST('NaN' AS DOUBLE)", "double"),
    ],
)
def test_a_column_is_stored_as_a_type_that_every_delta_reader_knows(
    shore: Shore, expression: str, delta_type: str
) -> None:
    stored = shore.lakehouse.store("mine", Query(f"SELECT {expression} AS a"), "a run")
    assert str(stored.written.schema.fields[0].type) == f'PrimitiveType("{delta_type}")'
    assert stored.written.rows == 1


@pytest.mark.parametrize(("expression", "kind"), [("INTERVAL '1' DAY", "interval day"), ("parse_json('1')", "variant")])
def test_a_type_that_delta_does_not_have_is_an_error_that_names_the_column(
    shore: Shore, expression: str, kind: str
) -> None:
    with pytest.raises(StediError) as raised:
        shore.lakehouse.store("mine", Query(f"SELECT 1 AS a, {expression} AS b"), "a run")
    assert str(raised.value) == (
        f"A column's type cannot be stored in a Delta table; the columns are a int, b {kind}. "
        "Cast the column to another type, such as STRING."
    )
