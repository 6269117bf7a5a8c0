"""What a reader of Dagster's pages sees of a table: where its columns come from, a few rows, pictures, what to do."""

import io
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster
import pandas as pd
import pytest
from PIL import Image

from stedi_assets.checks import table_checks
from stedi_assets.definitions import build_definitions
from stedi_assets.lakehouse import Lakehouse
from stedi_assets.lineage import ColumnSource, column_lineage
from stedi_assets.pictures import (
    Distribution,
    Period,
    can_draw,
    data_uri,
    distribution,
    markdown,
    pictures,
    readings_by_period,
    rows_by_table,
)
from stedi_assets.preview import preview
from stedi_assets.query import Query
from stedi_assets.settings import Settings
from stedi_assets.storage.aws import Aws
from stedi_assets.storage.location import Location
from stedi_assets.tables import SOURCES, TABLES
from stedi_assets_tests.conftest import (
    CUSTOMERS,
    EXPECTED_COUNTS,
    QUARANTINES,
    SELECTED_TABLES,
    Build,
    Builds,
    Project,
    evaluations,
    opened_lakehouse,
    phone_reading,
    with_landing_files,
)

PERSONAL_VALUES = ("example.com", "serial-", "Example", "206555", "1980-02")

Metadata = Mapping[str, Any]


def metadata_by_asset(result: dagster.ExecuteInProcessResult) -> dict[str, Metadata]:
    """What each materialization of a run shows, without Dagster's wrapping."""
    return {
        event.asset_key.to_user_string(): {name: value.value for name, value in event.materialization.metadata.items()}
        for event in result.get_asset_materialization_events()
        if event.asset_key
    }


def add(project: Project, *assets: dagster.AssetsDefinition) -> dict[str, Metadata]:
    """Materializes a user's assets beside those of the project."""
    definitions = project.definitions()
    result = dagster.materialize(
        [*(definitions.assets or []), *assets],  # type: ignore[list-item]
        resources=definitions.resources,
        selection=dagster.AssetSelection.assets(*assets),
    )
    return metadata_by_asset(result)


@pytest.fixture
def build(builds: Builds, engine: str) -> Build:
    """A project on local disk with its tables, for tests that change nothing."""
    return builds("local", engine, with_landing_files)


@pytest.fixture
def shown(build: Build) -> dict[str, Metadata]:
    """What its materializations show."""
    return metadata_by_asset(build.result)


@pytest.fixture
def lakehouse(build: Build) -> Iterator[Lakehouse]:
    """Its lakehouse, computed with the engine that built it."""
    with opened_lakehouse(build.project) as lakehouse:
        yield lakehouse


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


def test_a_query_of_other_people_is_followed_into_their_tables(built_local_project: Project) -> None:
    @dagster.asset
    def mine() -> pd.DataFrame:
        return pd.DataFrame({"minute": [1], "readings": [6]})

    @dagster.asset(deps=[mine])
    def yours() -> Query:
        return Query("SELECT mine.* FROM mine")

    shown = add(built_local_project, mine, yours)
    assert "dagster/column_lineage" not in shown["mine"]
    lineage = shown["yours"]["dagster/column_lineage"].deps_by_column
    assert {column: [source.column_name for source in sources] for column, sources in lineage.items()} == {
        "minute": ["minute"],
        "readings": ["readings"],
    }


def test_a_preview_has_no_more_than_ten_rows(local_project: Project) -> None:
    local_project.land("accelerometer", "more.json", [phone_reading("ada", instant) for instant in range(500, 530)])
    shown = metadata_by_asset(local_project.materialize())
    for table in SELECTED_TABLES:
        heading, _, *rows = shown[table]["preview"].splitlines()
        assert heading.count("|") == len(TABLES[table].columns) + 1
        assert len(rows) == min(shown[table]["dagster/row_count"], 10)


def test_nothing_that_is_shown_of_a_table_names_a_person(project: Project) -> None:
    project.land_text(
        "customer", "broken.json", json.dumps(CUSTOMERS[0])[:-5] + "\n" + '{"email": ["eve@example.com"]}'
    )
    result = project.materialize(max_quarantined=1.0)
    assert result.success
    shown = metadata_by_asset(result)
    assert shown["customer_quarantine"]["dagster/row_count"] == 2
    assert shown.keys() == TABLES.keys()
    for table, metadata in shown.items():
        assert not any(value in str(metadata) for value in PERSONAL_VALUES), table


def test_a_preview_masks_pseudonyms_too(build: Build, shown: dict[str, Metadata]) -> None:
    pseudonyms = {row[0] for row in build.project.rows("machine_learning_pseudonymized")}
    assert pseudonyms
    assert not any(pseudonym in str(shown) for pseudonym in pseudonyms)


def test_a_preview_of_other_peoples_tables_masks_what_comes_from_personal_columns(built_local_project: Project) -> None:
    @dagster.asset
    def frame() -> pd.DataFrame:
        return pd.DataFrame({"EMAIL": ["ada@example.com"], "nested": [{"of": "ada@example.com"}], "score": [7]})

    @dagster.asset(deps=["customer_trusted"])
    def renamed() -> Query:
        return Query("SELECT lower(customer.email) AS contact, 1 AS score FROM customer_trusted AS customer")

    shown = add(built_local_project, frame, renamed)
    assert r"| EMAIL | nested | score |" in shown["frame"]["preview"]
    assert "| 7 |" in shown["frame"]["preview"]
    assert "| contact | score |" in shown["renamed"]["preview"]
    assert "example.com" not in str(shown)


def test_a_preview_of_no_rows_says_so() -> None:
    assert preview([]) == "No rows."


def test_a_missing_value_is_an_empty_cell_even_of_a_personal_column() -> None:
    assert preview([{"email": None, "x": None}]).splitlines()[-1] == "|  |  |"


def test_a_value_cannot_break_out_of_its_cell() -> None:
    (*_, row) = preview([{"note": "a | b\n![p](http://x/y.png) <b> `c` " + "d" * 100}]).splitlines()
    assert re.search(r"(?<!\\)[<>\[\]`*]", row) is None
    assert len(re.findall(r"(?<!\\)\|", row)) == 2
    assert "d" * 70 not in row


def test_a_table_whose_name_sql_reserves_is_stored(local_project: Project) -> None:
    @dagster.asset(name="order")
    def reserved() -> pd.DataFrame:
        return pd.DataFrame({"a": [1]})

    shown = add(local_project, reserved)
    assert shown["order"]["dagster/row_count"] == 1
    # DuckDB's SQL reserves the name, Spark's does not.
    assert ("preview" in shown["order"]) == (local_project.engine == "spark")


def test_a_build_shows_its_seconds_by_phase(shown: dict[str, Metadata]) -> None:
    phases = {
        table: {name: value for name, value in metadata.items() if name.startswith("seconds_")}
        for table, metadata in shown.items()
    }
    for table in ("customer_landing", "customer_quarantine"):
        assert phases[table].keys() == {
            "seconds_list",
            "seconds_read_and_write",
            "seconds_quarantine",
            "seconds_commit",
        }
    assert phases["customer_trusted"].keys() == {"seconds_open", "seconds_compute_and_write", "seconds_commit"}
    for table, metadata in shown.items():
        assert 0 < sum(phases[table].values()) <= metadata["seconds"] + 0.01


def test_a_landing_table_with_nothing_new_shows_that_it_only_listed(built_local_project: Project) -> None:
    shown = metadata_by_asset(built_local_project.materialize("customer_landing"))
    assert {name for name in shown["customer_landing"] if name.startswith("seconds_")} == {"seconds_list"}


def test_the_sql_is_shown_as_a_block_without_the_indentation_of_the_code(shown: dict[str, Metadata]) -> None:
    assert shown["customer_curated"]["query"].splitlines() == [
        "```sql",
        "SELECT customer.*",
        "FROM customer_trusted AS customer",
        "WHERE customer.email IN (SELECT reading.user FROM accelerometer_trusted AS reading)",
        "```",
    ]
    assert Query("\n        SELECT 1\n        FROM a\n    ").markdown == "```sql\nSELECT 1\nFROM a\n```"


def kinds(settings: Settings) -> dict[str, set[str]]:
    specs = build_definitions(settings).resolve_all_asset_specs()
    return {spec.key.to_user_string(): spec.kinds for spec in specs}


def test_assets_in_a_bucket_say_so() -> None:
    bucket = Location.parse("s3://bucket", Aws(access_key_id="any"))
    local, remote = kinds(Settings()), kinds(Settings(landing=bucket, lakehouse=bucket / "lakehouse"))
    assert (local["customer_trusted"], local["customer_files"]) == ({"duckdb", "delta"}, {"json"})
    assert (remote["customer_trusted"], remote["customer_files"]) == ({"duckdb", "delta", "s3"}, {"json", "s3"})


def test_curated_tables_say_when_they_are_old() -> None:
    specs = build_definitions(Settings()).resolve_all_asset_specs()
    fresh = {
        spec.key.to_user_string() for spec in specs if spec.freshness_policy and spec.key.to_user_string() in TABLES
    }
    assert fresh == {name for name, table in TABLES.items() if table.zone == "curated"}


def test_every_check_says_what_to_do() -> None:
    for table in TABLES.values():
        for check in table_checks(table, dict.fromkeys(TABLES, 1), 0.01):
            assert check.what_to_do.endswith("."), check.name
            assert re.fullmatch(r"[a-z]+(_[a-z]+){3,}|has_expected_rows|has_nothing_in_quarantine", check.name)


def test_a_check_that_fails_says_what_to_do_and_one_that_passes_does_not(local_project: Project) -> None:
    (local_project.landing / "expected_counts.json").write_text('{"customer_landing": 5, "accelerometer_landing": 7}')
    found = evaluations(local_project.materialize("customer_landing", "accelerometer_landing"))
    failed = found["accelerometer_landing", "has_expected_rows"].metadata
    assert failed["what_to_do"].value == "If the landing files are meant to differ, correct the expected counts."
    assert "what_to_do" not in found["customer_landing", "has_expected_rows"].metadata


def test_pictures_are_small_and_opaque_pngs(lakehouse: Lakehouse) -> None:
    drawn = pictures(lakehouse.rows)
    assert drawn.keys() == {
        "funnel",
        "accelerometer_distribution",
        "distance_distribution",
        "readings_over_time",
    }
    for name, content in drawn.items():
        assert len(data_uri(content)) < 100_000, name
        with Image.open(io.BytesIO(content)) as image:
            assert image.format == "PNG"
            assert image.width > image.height
            # A background of its own, so that dark ink is legible on a dark page.
            assert image.convert("RGBA").getpixel((0, 0)) == (255, 255, 255, 255)
            assert len(image.convert("RGB").getcolors(image.width * image.height) or []) > 2


def test_a_picture_is_written_as_markdown_that_loads_nothing() -> None:
    assert markdown("distance_distribution", b"\x89PNG") == "![distance distribution](data:image/png;base64,iVBORw==)"


def test_the_funnel_counts_the_rows_of_every_table_but_the_quarantines(lakehouse: Lakehouse) -> None:
    assert rows_by_table(lakehouse.rows) == EXPECTED_COUNTS


def test_a_distribution_counts_the_values_in_bars_of_equal_width(lakehouse: Lakehouse) -> None:
    # Of the three device readings that are trusted, the distances are 201, 250 and 300: two units a bar.
    assert distribution(lakehouse.rows, "step_trainer_trusted", "distanceFromObject") == Distribution(
        "distanceFromObject", 2, {201: 1, 249: 1, 299: 1}
    )
    found = distribution(lakehouse.rows, "accelerometer_trusted", "x")
    assert found.width == 0.0125
    assert {round(start, 4): count for start, count in found.counts.items()} == {0.0: 2, 0.25: 1, 0.75: 1}
    assert distribution(lakehouse.rows, "accelerometer_trusted", "y").counts == {-1.0: 4}


def test_readings_are_counted_by_minute_with_those_of_customers_who_consent(built_local_project: Project) -> None:
    minute = 60_000
    built_local_project.land(
        "accelerometer", "later.json", [phone_reading(name, 2 * minute + 5) for name in ("ada", "bob")]
    )
    assert built_local_project.materialize("accelerometer_landing", "accelerometer_trusted").success
    with opened_lakehouse(built_local_project) as lakehouse:
        found = readings_by_period(lakehouse.rows)
    assert found == ([Period(0, 6, 4), Period(2 * minute, 2, 1)], 1)


def test_many_minutes_are_counted_several_at_a_time(built_local_project: Project) -> None:
    minute = 60_000
    built_local_project.land("accelerometer", "later.json", [phone_reading("ada", 1_000 * minute)])
    assert built_local_project.materialize("accelerometer_landing", "accelerometer_trusted").success
    with opened_lakehouse(built_local_project) as lakehouse:
        periods, minutes = readings_by_period(lakehouse.rows)
    assert minutes == 3
    assert periods == [Period(0, 6, 4), Period(999 * minute, 1, 1)]


def test_tables_without_rows_are_drawn_too(local_project: Project) -> None:
    for source in SOURCES:
        subject = source.removesuffix("_files")
        for file in (local_project.landing / subject / "landing").iterdir():
            file.unlink()
        local_project.land_text(subject, "empty.json", "")
    assert local_project.materialize().success
    with opened_lakehouse(local_project) as lakehouse:
        assert len(pictures(lakehouse.rows)) == 4


def test_without_matplotlib_nothing_can_be_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    assert can_draw()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert not can_draw()


def test_loading_the_definitions_imports_neither_what_draws_nor_what_follows_queries() -> None:
    program = "import sys, json, stedi_assets.definitions; print(json.dumps(sorted(sys.modules)))"
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not set(json.loads(finished.stdout)) & {"matplotlib", "PIL", "sqlglot.lineage", "sqlglot.optimizer.qualify"}
