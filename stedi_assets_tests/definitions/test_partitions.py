"""Assets of other people with partitions: what is stored, what is replaced, and what an input loads."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import dagster
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from deltalake import QueryBuilder, write_deltalake

from stedi_assets.query import Query
from stedi_assets_tests.support.grid import on_both_engines, on_both_engines_and_in_both_places
from stedi_assets_tests.support.partitioned import (
    DAYS,
    DAYS_AND_REGIONS,
    REGIONS,
    Returned,
    a_row_each,
    asset_of,
    materialize,
)
from stedi_assets_tests.support.projects import Project
from stedi_assets_tests.support.runs import failure

DAY = "2024-01-02"

SOUTH = "o'south \\ ü"

HOURS = dagster.HourlyPartitionsDefinition("2024-01-01-00:00", timezone="Europe/Berlin")

MONTHS = dagster.MonthlyPartitionsDefinition("2024-01-01")


def frame(**columns: Any) -> Returned:
    """Returns rows that are the same whatever the partition, with a number each."""
    return lambda _: pa.table({**columns, "n": range(len(next(iter(columns.values()))))})


KINDS: Mapping[str, tuple[dagster.PartitionsDefinition, str, Returned, Any]] = {
    "a day as text": (DAYS, "2024-01-02", frame(c=["2024-01-02"]), "2024-01-02"),
    "a day as a date": (DAYS, "2024-01-02", frame(c=[date(2024, 1, 2)]), date(2024, 1, 2)),
    "a day as a timestamp": (
        DAYS,
        "2024-01-02",
        frame(c=[datetime(2024, 1, 2, 23, 59, 59, 999999, UTC)]),
        datetime(2024, 1, 2, 23, 59, 59, 999999, UTC),
    ),
    "a day as a timestamp without a time zone": (
        DAYS,
        "2024-01-02",
        lambda _: pd.DataFrame({"c": [pd.Timestamp("2024-01-02 00:00")], "n": [0]}),
        datetime(2024, 1, 2, tzinfo=UTC),
    ),
    "an hour of another time zone": (
        HOURS,
        "2024-01-02-00:00",
        frame(c=[datetime(2024, 1, 1, 23, 30, tzinfo=UTC)]),
        datetime(2024, 1, 1, 23, 30, tzinfo=UTC),
    ),
    "a month": (MONTHS, "2024-02-01", frame(c=[date(2024, 2, 29)]), date(2024, 2, 29)),
    "text": (REGIONS, SOUTH, frame(c=[SOUTH]), SOUTH),
    "a number": (dagster.StaticPartitionsDefinition(["-1", "2"]), "-1", frame(c=[-1]), -1),
    "a truth": (dagster.StaticPartitionsDefinition(["true", "false"]), "true", frame(c=[True]), True),
}


@on_both_engines_and_in_both_places
@pytest.mark.parametrize(("partitions", "key", "returned", "stored"), KINDS.values(), ids=KINDS.keys())
def test_a_partition_is_stored_loaded_and_replaced(
    project: Project, partitions: dagster.PartitionsDefinition, key: str, returned: Returned, stored: Any
) -> None:
    mine = asset_of(returned, partitions, "c")

    @dagster.asset(partitions_def=partitions)
    def loaded(mine: pa.Table) -> None:
        assert mine.column("n").to_pylist() == [0]

    for _ in range(2):
        result = materialize(project, mine, loaded, partition=key)
        assert result.success, [event.message for event in result.all_events if event.is_failure]
        assert project.rows("mine") == {(stored, 0): 1}
    table = project.delta("mine")
    assert table.metadata().partition_columns == ["c"]
    assert table.version() == 1
    assert (table.protocol().min_reader_version, table.protocol().min_writer_version) == (1, 2)


@on_both_engines_and_in_both_places
def test_a_materialization_of_a_partition_replaces_its_rows_alone_in_one_commit(project: Project) -> None:
    numbers = iter(range(10))
    mine = asset_of(lambda keys: pd.DataFrame({"day": [*keys] * 2, "n": [next(numbers), 100]}))
    for day in ("2024-01-01", "2024-01-02"):
        assert materialize(project, mine, partition=day).success
    before = set(project.files("mine"))
    result = materialize(project, mine, partition="2024-01-01")
    assert project.rows("mine") == {
        ("2024-01-01", 2): 1,
        ("2024-01-01", 100): 1,
        ("2024-01-02", 1): 1,
        ("2024-01-02", 100): 1,
    }
    assert project.delta("mine").version() == 2
    assert before & set(project.files("mine"))
    (event,) = result.get_asset_materialization_events()
    metadata = event.materialization.metadata
    assert (metadata["dagster/row_count"].value, metadata["dagster/partition_row_count"].value) == (4, 2)


@on_both_engines
def test_a_backfill_in_a_single_run_replaces_its_partitions_in_one_commit(project: Project) -> None:
    assert materialize(project, asset_of(frame(day=["2024-01-05"])), partition="2024-01-05").success
    result = materialize(project, asset_of(a_row_each), partitions=("2024-01-02", "2024-01-05"))
    assert result.success
    assert project.rows("mine") == {(f"2024-01-0{day}", day - 2): 1 for day in range(2, 6)}
    assert project.delta("mine").version() == 1
    assert materialize(project, asset_of(frame(day=["2024-01-03"])), partition="2024-01-03").success
    assert project.rows("mine") == {(f"2024-01-0{day}", 0 if day == 3 else day - 2): 1 for day in range(2, 6)}


@on_both_engines_and_in_both_places
def test_a_backfill_of_two_dimensions_in_a_single_run_replaces_its_partitions(project: Project) -> None:
    def returned(keys: Any) -> pa.Table:
        days, regions = zip(*(key.split("|") for key in keys), strict=True)
        return pa.table({"day": days, "region": regions})

    mine = asset_of(returned, DAYS_AND_REGIONS, {"day": "day", "region": "region"})
    for _ in range(2):
        assert materialize(project, mine, partitions=("2024-01-01|north", f"2024-01-02|{SOUTH}")).success
        assert project.rows("mine") == {(day, region): 1 for day in ("2024-01-01", DAY) for region in ("north", SOUTH)}


@on_both_engines
def test_an_asset_with_two_dimensions_names_a_column_for_each(project: Project) -> None:
    expression = {"day": "when", "region": "where_"}

    def returned(keys: Any) -> pa.Table:
        (key,) = keys
        day, region = key.split("|")
        return pa.table({"n": [1], "where_": [region], "when": [date.fromisoformat(day)]})

    mine = asset_of(returned, DAYS_AND_REGIONS, expression)
    for key in (f"2024-01-01|{SOUTH}", f"2024-01-02|{SOUTH}", "2024-01-02|west", "2024-01-02|west"):
        assert materialize(project, mine, partition=key).success
    assert project.delta("mine").metadata().partition_columns == ["when", "where_"]
    assert project.rows("mine") == {
        (1, SOUTH, date(2024, 1, 1)): 1,
        (1, SOUTH, date(2024, 1, 2)): 1,
        (1, "west", date(2024, 1, 2)): 1,
    }


def loading(partitions: dagster.PartitionsDefinition | None, mapping: dagster.PartitionMapping | None = None) -> Any:
    """The asset `loaded`, which stores the days that its input had."""

    @dagster.asset(
        name="loaded",
        partitions_def=partitions,
        metadata={"partition_expr": "of"},
        ins={"mine": dagster.AssetIn(partition_mapping=mapping)},
    )
    def loaded(context: dagster.AssetExecutionContext, mine: pa.Table) -> pa.Table:
        days = ",".join(sorted(mine["day"].to_pylist()))
        return pa.table({"of": [context.partition_key if partitions else "all"], "days": [days]})

    return loaded


MAPPINGS: Mapping[str, tuple[Any, str | None, str]] = {
    "the same partition": (loading(DAYS), "2024-01-02", "2024-01-02"),
    "the partition before": (
        loading(DAYS, dagster.TimeWindowPartitionMapping(start_offset=-1, end_offset=-1)),
        "2024-01-03",
        "2024-01-02",
    ),
    "a window of partitions": (
        loading(DAYS, dagster.TimeWindowPartitionMapping(start_offset=-1)),
        "2024-01-03",
        "2024-01-02,2024-01-03",
    ),
    "the last partition": (loading(None, dagster.LastPartitionMapping()), None, ""),
    "all partitions": (loading(None), None, "2024-01-01,2024-01-02,2024-01-03,2024-01-04"),
}


@pytest.mark.parametrize(("loaded", "key", "days"), MAPPINGS.values(), ids=MAPPINGS.keys())
def test_an_input_loads_the_partitions_that_its_mapping_asks_for_and_no_others(
    project: Project, loaded: dagster.AssetsDefinition, key: str | None, days: str
) -> None:
    mine = asset_of(a_row_each)
    assert materialize(project, mine, partitions=("2024-01-01", "2024-01-04")).success
    assert materialize(project, loaded, beside=[mine], partition=key).success
    assert [row[1] for row in project.rows("loaded")] == [days]


@on_both_engines
def test_a_multi_partition_is_loaded_by_the_mapping_of_one_dimension(project: Project) -> None:
    def returned(keys: Any) -> pa.Table:
        split = [key.split("|") for key in keys]
        return pa.table({"day": [day for day, _ in split], "region": [region for _, region in split]})

    mine = asset_of(returned, DAYS_AND_REGIONS, {"day": "day", "region": "region"})

    @dagster.asset(partitions_def=REGIONS, metadata={"partition_expr": "region"})
    def of_region(mine: pa.Table) -> pa.Table:
        return mine

    for day in ("2024-01-01", "2024-01-02"):
        for region in ("north", "west"):
            assert materialize(project, mine, partition=f"{day}|{region}").success
    assert materialize(project, of_region, beside=[mine], partition="west").success
    assert project.rows("of_region") == {("2024-01-01", "west"): 1, ("2024-01-02", "west"): 1}


def test_an_asset_may_read_its_own_partition_before(project: Project) -> None:
    before = dagster.TimeWindowPartitionMapping(start_offset=-1, end_offset=-1)

    @dagster.asset(
        partitions_def=DAYS,
        metadata={"partition_expr": "day"},
        ins={"mine": dagster.AssetIn(partition_mapping=before)},
    )
    def mine(context: dagster.AssetExecutionContext, mine: pd.DataFrame | None) -> pd.DataFrame:
        total = 1 if mine is None else int(mine["total"].sum()) + 1
        return pd.DataFrame({"day": [context.partition_key], "total": [total]})

    for day in ("2024-01-01", "2024-01-02", "2024-01-03", "2024-01-01"):
        assert materialize(project, mine, partition=day).success
    assert project.rows("mine") == {(f"2024-01-0{day}", day): 1 for day in range(1, 4)}


def test_a_partition_without_rows_whose_columns_have_no_type_changes_no_column(project: Project) -> None:
    empty = asset_of(lambda _: pd.DataFrame({"day": [], "n": []}, dtype=object))
    for mine, day in ((empty, DAY), (asset_of(frame(day=[DAY])), DAY), (empty, "2024-01-03")):
        assert materialize(project, mine, partition=day).success
    assert project.rows("mine") == {(DAY, 0): 1}


def test_a_partition_without_rows_removes_those_that_were_there(project: Project) -> None:
    assert materialize(project, asset_of(a_row_each), partitions=("2024-01-01", "2024-01-02")).success
    empty = asset_of(lambda _: Query("SELECT 'x' AS day, CAST(1 AS BIGINT) AS n WHERE false"))
    assert materialize(project, empty, partition="2024-01-01").success
    assert project.rows("mine") == {("2024-01-02", 1): 1}
    assert materialize(project, empty, partition="2024-01-02").success
    assert project.rows("mine") == {}


def test_a_run_of_every_partition_may_change_the_columns(project: Project) -> None:
    assert materialize(project, asset_of(a_row_each), partitions=("2024-01-01", "2024-01-02")).success
    changed = asset_of(lambda keys: pa.table({"day": keys, "n": ["text"] * len(keys), "more": [1.5] * len(keys)}))
    assert materialize(project, changed, partitions=("2024-01-01", "2024-01-05")).success
    assert project.rows("mine") == {(f"2024-01-0{day}", "text", 1.5): 1 for day in range(1, 6)}


def test_other_programs_read_a_partition_by_its_column(project: Project) -> None:
    assert materialize(project, asset_of(a_row_each), partitions=("2024-01-01", "2024-01-03")).success
    table = project.delta("mine")
    assert pl.scan_delta(table).filter(pl.col("day") == DAY).collect().rows() == [(DAY, 1)]
    found = QueryBuilder().register("mine", table).execute(f"SELECT n FROM mine WHERE day = '{DAY}'").read_all()
    assert found["n"].to_pylist() == [1]
    assert table.to_pyarrow_table(partitions=[("day", "=", DAY)]).to_pylist() == [{"day": DAY, "n": 1}]


def test_a_query_reads_all_partitions(project: Project) -> None:
    @dagster.asset(deps=["mine"])
    def counted() -> Query:
        return Query("SELECT day, count(*) AS n FROM mine WHERE day > '2024-01-01' GROUP BY day")

    assert materialize(project, asset_of(a_row_each), partitions=("2024-01-01", "2024-01-03")).success
    assert materialize(project, counted).success
    assert project.rows("counted") == {("2024-01-02", 1): 1, ("2024-01-03", 1): 1}


def test_an_asset_with_partitions_may_be_a_query_over_the_tables_of_the_contract(built_project: Project) -> None:
    def returned(keys: Any) -> Query:
        return Query(f"SELECT '{keys[0]}' AS day, count(*) AS customers FROM customer_trusted")

    assert materialize(built_project, asset_of(returned), partition="2024-01-02").success
    assert built_project.rows("mine") == {("2024-01-02", 3): 1}


REFUSED: Mapping[str, tuple[dagster.AssetsDefinition, str]] = {
    "no partition_expr": (
        asset_of(a_row_each, partition_expr=None),
        "The asset mine has partitions, but its metadata does not say in which column they are. "
        'Give the asset metadata={"partition_expr": "COLUMN"}.',
    ),
    "no column of that name": (asset_of(a_row_each, partition_expr="date"), "its columns are day, n."),
    "an expression": (asset_of(a_row_each, partition_expr="CAST(day AS DATE)"), "and no expression."),
    "another case": (asset_of(a_row_each, partition_expr="DAY"), "its columns are day, n."),
    "a type without an order of days": (asset_of(frame(day=[1])), "has the type long. Nothing was stored."),
    "a type that is no key": (asset_of(frame(c=[1.5]), REGIONS, "c"), "has the type double. Nothing was stored."),
    "a null": (
        asset_of(frame(day=[DAY, None])),
        "returned rows without a value in day, so they belong to no partition.",
    ),
    "an empty text": (asset_of(frame(day=[DAY, ""])), "returned rows without a value in day,"),
    "another day": (
        asset_of(frame(day=[date(2024, 1, 2), date(2024, 1, 3)])),
        "returned rows outside of the partition 2024-01-02: with another value in day 2024-01-03. Nothing was stored.",
    ),
    "an instant after the day": (
        asset_of(frame(day=[datetime(2024, 1, 3, tzinfo=UTC)])),
        "with another value in day 2024-01-03 00:00:00",
    ),
    "an instant before the day": (
        asset_of(frame(day=[datetime(2024, 1, 1, 23, 59, 59, 999_999, UTC)])),
        "with another value in day 2024-01-01 23:59:59.999999",
    ),
    "another text": (
        asset_of(frame(day=["ada@example.com"])),
        "returned rows outside of the partition 2024-01-02: with another value in day. Nothing was stored.",
    ),
    "too many values": (
        asset_of(frame(day=pd.date_range("2024-01-02", periods=101, freq="s", tz="UTC"))),
        "have more than 100 values a partition in day, and each value would have files of its own.",
    ),
}


@pytest.mark.parametrize(("mine", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_rows_that_belong_to_no_asked_partition_are_an_error_and_nothing_is_stored(
    project: Project, mine: dagster.AssetsDefinition, said: str
) -> None:
    key = "north" if mine.partitions_def == REGIONS else DAY
    message = failure(materialize(project, mine, partition=key), "mine")
    assert said in message
    assert "ada@" not in message
    assert not [path for path in (project.lakehouse / "assets").rglob("*") if path.is_file()]


@pytest.mark.parametrize("expression", [None, "day", {"day": "day"}])
def test_two_dimensions_need_a_column_each(project: Project, expression: Any) -> None:
    mine = asset_of(a_row_each, DAYS_AND_REGIONS, expression)
    message = failure(materialize(project, mine, partition=f"{DAY}|west"), "mine")
    assert message.endswith('metadata={"partition_expr": {"day": "COLUMN", "region": "COLUMN"}}.')


@dagster.asset(name="mine")
def whole() -> pa.Table:
    return pa.table({"day": [DAY], "n": [7]})


OTHERS: Mapping[str, tuple[dagster.AssetsDefinition, dagster.AssetsDefinition]] = {
    "no partitions before": (whole, asset_of(a_row_each)),
    "no partitions any more": (asset_of(a_row_each), whole),
    "another column": (asset_of(a_row_each), asset_of(frame(n=[DAY], day=[1]), partition_expr="n")),
    "another column type": (asset_of(a_row_each), asset_of(frame(day=[date(2024, 1, 3)]))),
}


@pytest.mark.parametrize(("before", "after"), OTHERS.values(), ids=OTHERS.keys())
def test_a_table_that_is_partitioned_in_another_way_stays_as_it_was(
    project: Project, before: dagster.AssetsDefinition, after: dagster.AssetsDefinition
) -> None:
    assert materialize(project, before, partition=DAY if before.partitions_def else None).success
    rows, files = project.rows("mine"), set((project.lakehouse / "assets/mine").rglob("*.parquet"))
    result = materialize(project, after, partition="2024-01-03" if after.partitions_def else None)
    assert "The table is as it was." in failure(result, "mine")
    assert (project.rows("mine"), project.delta("mine").version()) == (rows, 0)
    assert set((project.lakehouse / "assets/mine").rglob("*.parquet")) == files


def test_a_partitioned_table_of_which_another_program_wrote_files_is_refused(project: Project) -> None:
    for day in (DAY, "2024-01-03"):
        assert materialize(project, asset_of(lambda keys: a_row_each(list(keys) * 2)), partition=day).success
    write_deltalake(project.delta("mine"), pa.table({"day": ["2024-01-04"], "n": [1]}), mode="append")
    message = failure(materialize(project, asset_of(a_row_each), partition=DAY), "mine")
    assert message.startswith("Another program wrote files of the partitioned table")
