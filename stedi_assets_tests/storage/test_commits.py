"""Commits: atomic, replacing, readable by everyone, and nothing personal in the log."""

from pathlib import Path
from typing import Any

import dagster
import polars as pl
import pyarrow as pa
import pytest
from deltalake import DeltaTable, Schema, write_deltalake

from stedi_assets.contract import TABLES
from stedi_assets.errors import ConflictError, MissingTableError
from stedi_assets.storage import delta
from stedi_assets.storage.attempt import attempt
from stedi_assets.storage.location import Location
from stedi_assets_tests.support.grid import on_both_engines_and_in_both_places, on_duckdb, on_the_whole_grid
from stedi_assets_tests.support.projects import Build, Project, opened_lakehouse, with_landing_files
from stedi_assets_tests.support.records import customer
from stedi_assets_tests.support.runs import failure

pytestmark = on_both_engines_and_in_both_places


UNCHANGED = [table for table in TABLES if table != "machine_learning_pseudonymized"]
"""The tables that stay the same without new raw files. Without a key, every build makes other pseudonyms."""


def parquet_files(project: Project, table: str) -> set[str]:
    return {file.name for file in (project.lakehouse / TABLES[table].path).glob("*.parquet")}


@pytest.mark.parametrize("table", TABLES)
def test_a_table_can_be_read_by_every_delta_reader(built: Build, table: str) -> None:
    assert_every_reader_can_read(built.project.delta(table))


def test_a_table_that_was_replaced_can_be_read_by_every_delta_reader(built_project: Project) -> None:
    replaced = ("customer_landing", "customer_quarantine", "accelerometer_trusted")
    assert built_project.materialize(*replaced, full_refresh=True).success
    for table in replaced:
        assert built_project.delta(table).version() == 1
        assert_every_reader_can_read(built_project.delta(table))


def assert_every_reader_can_read(table: DeltaTable) -> None:
    protocol = table.protocol()
    assert (protocol.min_reader_version, protocol.min_writer_version) == (1, 2)
    assert not protocol.reader_features and not protocol.writer_features


@on_the_whole_grid
def test_a_run_makes_one_version_of_a_table_that_changes(project: Project) -> None:
    for version in range(3):
        project.land("customer", f"customer-{version}.json", [customer(f"fay-{version}", research=100)])
        project.materialize("customer_landing", "customer_trusted")
        assert project.delta("customer_trusted").version() == version


@on_the_whole_grid
def test_a_run_makes_no_version_of_a_table_that_stays_the_same(built_project: Project) -> None:
    before = {table: built_project.rows(table) for table in UNCHANGED}
    assert built_project.materialize().success
    assert {table: built_project.delta(table).version() for table in UNCHANGED} == dict.fromkeys(UNCHANGED, 0)
    assert {table: built_project.rows(table) for table in UNCHANGED} == before


def test_a_commit_returns_the_version_that_it_made(built_project: Project) -> None:
    assert [delta.commit(**written(built_project, "customer_landing")) for _ in range(2)] == [1, 2]
    assert built_project.delta("customer_landing").version() == 2


def test_the_old_version_can_be_read_after_a_rerun(built_project: Project) -> None:
    built_project.land("customer", "customer-1.json", [])
    built_project.materialize("customer_landing")
    old = built_project.delta("customer_landing", version=0)
    assert old.to_pyarrow_table().num_rows == 5
    assert built_project.delta("customer_landing").to_pyarrow_table().num_rows == 0


def test_a_commit_names_the_run_that_made_it(project: Project) -> None:
    result = project.materialize("customer_landing")
    assert project.delta("customer_landing").history(1)[0]["dagster/run_id"] == result.run_id


def test_the_log_counts_rows_and_nulls(built: Build) -> None:
    (action,) = pa.table(built.project.delta("customer_landing").get_add_actions(flatten=True)).to_pylist()
    assert action["num_records"] == 5
    assert action["null_count.shareWithResearchAsOfDate"] == 1
    assert (action["min.registrationDate"], action["max.lastUpdateDate"]) == (10, 20)


def test_the_log_holds_no_value_of_a_text_column(built: Build) -> None:
    logs = list(built.project.lakehouse.rglob("_delta_log/*.json"))
    assert len(logs) >= len(TABLES)
    for log in logs:
        text = log.read_text()
        assert not any(word in text for word in ("example.com", "serial-", "Example", "206555", "1980-02"))


@on_the_whole_grid
def test_a_failed_attempt_leaves_the_table_and_its_folder_as_they_were(built_project: Project) -> None:
    files = parquet_files(built_project, "accelerometer_landing")
    built_project.land_text("accelerometer", "accelerometer-9.json", "not JSON")
    (built_project.lakehouse / "accelerometer/quarantine/_delta_log/00000000000000000001.json").write_text("garbage")
    assert not built_project.materialize("accelerometer_landing").success
    assert built_project.delta("accelerometer_landing").version() == 0
    assert parquet_files(built_project, "accelerometer_landing") == files


def test_files_of_an_attempt_that_was_killed_are_not_read(built_project: Project) -> None:
    folder = built_project.lakehouse / "customer/landing"
    (folder / "part-killed-0.parquet").write_bytes(next(folder.rglob("*.parquet")).read_bytes())
    assert built_project.rows("customer_landing").total() == 5
    assert built_project.materialize("customer_trusted").success
    assert built_project.rows("customer_trusted").total() == 3


def test_an_attempt_deletes_its_own_files_alone_when_it_fails(tmp_path: Path) -> None:
    (tmp_path / "part-other.parquet").touch()
    with pytest.raises(KeyboardInterrupt), attempt(Location(str(tmp_path))) as prefix:
        (tmp_path / f"{prefix}-0.parquet").touch()
        raise KeyboardInterrupt
    assert [file.name for file in tmp_path.iterdir()] == ["part-other.parquet"]


def written(project: Project, table: str) -> dict[str, Any]:
    current = project.delta(table)
    folder = project.location(TABLES[table].path)
    return {
        "current": current,
        "table": folder,
        "schema": current.schema(),
        "files": [],
        "metadata": {},
        "description": None,
    }


def test_the_loser_of_two_commits_at_once_is_told_and_the_winner_stays(built_project: Project) -> None:
    stale = written(built_project, "customer_landing")
    built_project.materialize("customer_landing", full_refresh=True)
    winner = built_project.rows("customer_landing")
    with pytest.raises(ConflictError, match="Another run changed the table at") as lost:
        delta.commit(**stale)
    assert lost.value.folder == str(built_project.location("customer/landing"))
    assert (lost.value.expected, lost.value.found) == (0, 1)
    assert built_project.rows("customer_landing") == winner


@on_duckdb
def test_a_run_does_not_overwrite_what_another_program_stored_while_it_computed(project: Project) -> None:
    def clock(run: str) -> pl.DataFrame:
        return pl.DataFrame({"run": [run]})

    def overtaken(frame: pl.DataFrame) -> pl.DataFrame:
        write_deltalake(project.delta("clock"), frame.to_arrow(), mode="overwrite")
        return clock("slow")

    with opened_lakehouse(project) as lakehouse:
        lakehouse.store("clock", clock("first"), "a run")
        with pytest.raises(ConflictError, match="Another run changed the table at"):
            lakehouse.store("clock", clock("fast").lazy().map_batches(overtaken), "a run")
    assert project.rows("clock") == {("fast",): 1}


def test_the_loser_of_two_creations_at_once_is_told(built_project: Project) -> None:
    with pytest.raises(ConflictError, match="Another run changed the table at") as lost:
        delta.commit(**{**written(built_project, "customer_landing"), "current": None})
    assert (lost.value.expected, lost.value.found) == (None, 0)


def test_a_table_that_another_run_has_changed_is_brought_up_to_what_its_last_commit_keeps(tmp_path: Path) -> None:
    table = Location.parse(str(tmp_path))
    schema = Schema.from_arrow(pa.schema([("a", pa.int64())]))
    delta.commit(None, table, schema, [], {"ledger": "first"}, None)
    opened = DeltaTable(tmp_path)
    delta.commit(DeltaTable(tmp_path), table, schema, [], {"ledger": "second"}, None)
    assert (delta.newest_metadata(opened)["ledger"], opened.version()) == ("second", 1)


def test_a_folder_with_a_space_and_an_umlaut_is_read_back(project: Project) -> None:
    project.lakehouse = project.lakehouse / "my täbles, 100%"
    assert project.materialize("customer_landing", "customer_trusted").success
    assert project.delta("customer_trusted").count() == 3


@pytest.mark.parametrize("name", ["o'clock", "clock [1]*", "100% ä+#"])
def test_a_landing_folder_with_special_characters_is_read(empty_project: Project, name: str) -> None:
    empty_project.landing = empty_project.landing / name
    project = with_landing_files(empty_project)
    assert project.materialize("customer_landing").success
    assert project.rows("customer_landing").total() == 5


def test_metadata_tells_what_was_written(built_project: Project) -> None:
    result = built_project.materialize("customer_landing", full_refresh=True)
    (event,) = (
        e for e in result.get_asset_materialization_events() if e.asset_key == dagster.AssetKey("customer_landing")
    )
    metadata: dict[str, Any] = {name: value.value for name, value in event.materialization.metadata.items()}
    folder = built_project.lakehouse / "customer/landing"
    names = {Path(file).name for file in built_project.files("customer_landing")}
    size = sum(file.stat().st_size for file in folder.rglob("*.parquet") if file.name in names)
    assert metadata["dagster/row_count"] == 5
    assert metadata["dagster/uri"] == folder.as_uri()
    assert metadata["dagster/table_name"] == "customer_landing"
    assert metadata["path"] == str(folder)
    assert metadata["delta_version"] == 1
    assert metadata["files"] == 1
    assert metadata["bytes"] == size
    assert metadata["seconds"]["all"] > 0
    assert "FROM customer_files" in metadata["query"]
    assert isinstance(metadata["columns"], dagster.TableSchema)


def test_a_table_that_does_not_exist_is_an_error_of_its_own(project: Project) -> None:
    with opened_lakehouse(project) as lakehouse, pytest.raises(MissingTableError) as missing:
        lakehouse.rows("SELECT * FROM customer_landing")
    assert missing.value.name == "customer_landing"
    assert missing.value.folder == str(project.location("customer/landing"))
    assert missing.value.message == f"{missing.value.what} {missing.value.remedy}"


def test_a_missing_upstream_table_is_named_with_the_command_that_makes_it(project: Project) -> None:
    result = project.materialize("customer_trusted")
    assert failure(result, "customer_trusted") == (
        f"The table customer_landing does not exist at {project.lakehouse}/customer/landing. "
        "Materialize it first: stedi run --select '+key:customer_landing'."
    )


@on_duckdb
def test_every_hundredth_version_has_a_checkpoint_so_that_readers_need_few_commits(tmp_path: Path) -> None:
    folder = Location(str(tmp_path))
    schema = Schema.from_arrow(pa.schema([("number", pa.int64())]))
    for version in range(101):
        file = delta.DataFile(f"{version}.parquet", 1, 1, schema, {})
        delta.commit(delta.open_table(folder), folder, schema, [file], {}, None)
    checkpoints = [file.name for file in (tmp_path / "_delta_log").glob("*.checkpoint.parquet")]
    assert checkpoints == [f"{99:020}.checkpoint.parquet"]
