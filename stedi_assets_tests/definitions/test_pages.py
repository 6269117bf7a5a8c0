"""The page of a table in Dagster: what it shows, in which order. Dagster shows entries in the order of the event."""

import json
from collections.abc import Mapping
from contextlib import closing

import dagster
import duckdb
import pytest

from stedi_assets.contract import TABLES
from stedi_assets.defs.assets import QUERIES
from stedi_assets.defs.io_managers.metadata import arranged, table_metadata
from stedi_assets_tests.support.days import DAY, deliver_day, three_days
from stedi_assets_tests.support.engines import OPENED, RecordingEngine
from stedi_assets_tests.support.places import Place
from stedi_assets_tests.support.projects import SELECTED_TABLES, Project
from stedi_assets_tests.support.raw_files import reading_record
from stedi_assets_tests.support.records import CUSTOMERS
from stedi_assets_tests.support.runs import evaluations
from stedi_assets_tests.support.shore import Shore
from stedi_assets_tests.support.shown import Metadata, metadata_by_asset

FOLDED = 1_000
"""The length from which Dagster shows a link in place of Markdown."""


def test_a_page_begins_with_the_preview_and_the_query_and_ends_with_the_timings(shown: dict[str, Metadata]) -> None:
    for table in SELECTED_TABLES:
        names = list(shown[table])
        read = ("preview", "query", "dagster/row_count", "plan", "rows_added", "rows_removed", "bytes", "delta_version")
        assert [name for name in names if name in read] == list(read)
        assert names[:2] == ["preview", "query"]
        assert names[-1] == "seconds"
        assert not [name for name in names if name.startswith("seconds_")]


def test_the_figures_of_an_asset_stand_between_its_rows_and_its_plan(shown: dict[str, Metadata]) -> None:
    names = list(shown["machine_learning_pseudonymized"])
    rows, plan = names.index("dagster/row_count"), names.index("plan")
    assert {"subjects", "rows_per_subject_least", "rows_per_subject_median"} <= set(names[rows:plan])


def test_no_entry_is_empty(shown: dict[str, Metadata]) -> None:
    for table, metadata in shown.items():
        assert not [name for name, value in metadata.items() if value in (None, "", {}, [])], table


def test_a_table_that_stays_the_same_shows_its_entries_in_the_same_order(project: Project) -> None:
    job = project.definitions().resolve_job_def("lakehouse")
    tables = [dagster.AssetKey(name) for name in ("customer_landing", "customer_trusted")]
    with dagster.DagsterInstance.ephemeral() as instance:
        runs = [job.execute_in_process(instance=instance, asset_selection=tables) for _ in range(2)]
    first, second = (list(metadata_by_asset(run)["customer_trusted"]) for run in runs)
    assert [name for name in second if name != "unchanged_since"] == first


def test_entries_that_became_empty_do_not_stay() -> None:
    assert list(arranged({"passed_over": {"a": "why"}} | {"passed_over": {}, "seconds": {"all": 1}, "files": 0})) == [
        "files",
        "seconds",
    ]


def test_the_preview_of_a_quarantine_has_the_reasons_before_the_text(project: Project) -> None:
    project.land_text("customer", "broken.json", json.dumps(CUSTOMERS[0])[:-5] + "\n")
    heading, *_ = metadata_by_asset(project.materialize(max_quarantined=1.0))["customer_quarantine"][
        "preview"
    ].splitlines()
    columns = [column.strip() for column in heading.strip("|").split("|")]
    assert columns.index("reasonCode") < columns.index("reason") < columns.index("text")
    assert set(columns) == {column.name for column in TABLES["customer_quarantine"].columns}


def test_the_result_of_a_check_has_no_blank_value(project: Project) -> None:
    (project.landing / "expected_counts.json").write_text('{"customer_landing": 5}')
    found = evaluations(project.materialize("customer_landing"))
    values = {key: {name: value.value for name, value in check.metadata.items()} for key, check in found.items()}
    assert "" not in [value for shown in values.values() for value in shown.values()]
    assert values["customer_landing", "has_contract_columns"] == {}
    assert values["customer_landing", "has_expected_rows"] == {"actual": 5, "expected": 5}


def test_the_page_of_a_table_takes_one_query_of_few_of_the_added_rows(local_place: Place) -> None:
    with duckdb.connect() as connection:
        engine = RecordingEngine(connection)
        shore = Shore(local_place, engine)
        shore.put("a.json", reading_record(1) + b"\n")
        shore.land()
        shore.put("b.json", b"\n".join(reading_record(DAY + number) for number in range(2, 5)) + b"\n")
        built = shore.land().landing
        assert built.stored
        engine.computed.clear()
        name = shore.source.landing
        shown = table_metadata(shore.lakehouse, name, built.stored, QUERIES[name], built.added)
        (statement,) = engine.computed
    assert statement.endswith(" LIMIT 1000")
    assert shown["dagster/row_count"].value == 4
    assert len(shown["preview"].value.splitlines()) == 2 + 3
    assert "A sample of 3 rows." in shown["measured_values"].value


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Metadata]:
    """Three days of readings, and what the pages of the tables show of them."""
    changing = three_days(tmp_path_factory.mktemp("days"), OPENED["duckdb"])
    deliver_day(changing, 3)
    with OPENED["duckdb"](None) as engine, closing(changing.lakehouse(engine)) as lakehouse:
        built = changing.build(lakehouse)
        return {
            table: table_metadata(lakehouse, table, done.stored, QUERIES[table], done.added)
            for table, done in built.items()
            if table in QUERIES and done.stored
        }


def test_the_page_of_readings_shows_the_rows_of_each_day(days: Mapping[str, Metadata]) -> None:
    with_days = {name for name, metadata in days.items() if metadata["rows_by_day"].value}
    assert with_days == {name for name, table in TABLES.items() if table.event_time}
    fence, *lines, end = days["accelerometer_landing"]["rows_by_day"].value.splitlines()
    assert fence == end == "```"
    assert [line.split()[0] for line in lines] == ["1970-01-01", "1970-01-02", "1970-01-03", "1970-01-04"]
    rows = days["accelerometer_landing"]["dagster/row_count"].value
    assert sum(int(line.split()[2]) for line in lines) == rows


def test_the_page_of_readings_shows_how_distance_and_acceleration_are_spread(days: Mapping[str, Metadata]) -> None:
    columns = {
        name: [line.split()[0] for line in metadata["measured_values"].value.splitlines()[1:-3]]
        for name, metadata in days.items()
    }
    assert columns["step_trainer_trusted"] == ["distanceFromObject"]
    assert columns["accelerometer_trusted"] == ["x", "y", "z"]
    assert columns["machine_learning_pseudonymized"] == ["distanceFromObject", "x", "y", "z"]
    assert columns["customer_trusted"] == []


def test_dagster_folds_no_picture_away(days: Mapping[str, Metadata]) -> None:
    for metadata in days.values():
        assert len(metadata["rows_by_day"].value) < FOLDED
        assert len(metadata["measured_values"].value) < FOLDED
