"""Dagster knows which tables are up to date: code versions, data versions, and the versions of raw files."""

from collections.abc import Iterator

import dagster
import pytest

from stedi_assets.contract import TABLES
from stedi_assets.defs.assets import QUERIES
from stedi_assets.query import Query
from stedi_assets_tests.support.edits import edit
from stedi_assets_tests.support.projects import Project
from stedi_assets_tests.support.records import phone_reading
from stedi_assets_tests.support.runs import evaluations
from stedi_assets_tests.support.staleness import Recorded, recorded

OF_PHONES = ("accelerometer_landing", "accelerometer_quarantine")


@pytest.fixture
def records(project: Project) -> Iterator[Recorded]:
    """A project that was built once."""
    with recorded(project) as records:
        assert records.run().success
        yield records


def code_versions(project: Project) -> dict[str, str | None]:
    graph = project.definitions().resolve_asset_graph()
    return {name: graph.get(dagster.AssetKey(name)).code_version for name in TABLES}


def data_version(records: Recorded, table: str) -> str:
    tags = records.materialization(table).asset_materialization
    assert tags and tags.tags
    return tags.tags["dagster/data_version"]


def test_after_a_run_no_table_is_stale(records: Recorded) -> None:
    assert records.stale() == {}
    records.observe()
    assert records.stale() == {}


def test_a_delivery_makes_the_landing_table_stale_once_observed_until_a_run(records: Recorded) -> None:
    records.project.land("accelerometer", "late.json", [phone_reading("ada", 100)])
    records.observe()
    reason = "has a new dependency data version"
    assert records.stale() == {name: [f"{name}: {reason}"] for name in OF_PHONES}
    assert records.run().success
    assert records.stale() == {}
    records.observe()
    assert records.stale() == {}


def test_an_unchanged_table_keeps_its_data_version_and_says_since_which_run(records: Recorded) -> None:
    first = records.materialization("customer_trusted")
    before = {table: data_version(records, table) for table in TABLES}
    records.project.land("accelerometer", "late.json", [phone_reading("ada", 100)])
    assert records.run().success
    after = {table: data_version(records, table) for table in TABLES}
    changed = {"accelerometer_landing", "accelerometer_trusted", "machine_learning_curated"}
    assert {table for table in TABLES if before[table] != after[table]} == {*changed, "machine_learning_pseudonymized"}
    second = records.materialization("customer_trusted")
    assert second.run_id != first.run_id
    shown = second.asset_materialization
    assert shown and shown.metadata["unchanged_since"].value == f"run {first.run_id}"
    assert shown.metadata["plan"].value == "nothing: its inputs are as they were"
    assert "preview" in shown.metadata
    changed_one = records.materialization("accelerometer_trusted").asset_materialization
    assert changed_one and "unchanged_since" not in changed_one.metadata
    assert changed_one.metadata["rows_added"].value == 5


def test_every_check_is_of_the_materialization_of_its_own_run(records: Recorded) -> None:
    for _ in range(2):
        records.project.land("accelerometer", "late.json", [phone_reading("ada", 100)])
        result = records.run()
        assert result.success
        targets = {key: each.target_materialization_data for key, each in evaluations(result).items()}
        assert len(targets) > 40
        assert {target and target.run_id for target in targets.values()} == {result.run_id}
        for (table, _), target in targets.items():
            newest = records.instance.fetch_materializations(dagster.AssetKey(table), limit=1).records[0]
            assert target and target.storage_id == newest.storage_id


def test_an_edited_select_changes_the_code_version_of_its_table_and_makes_it_stale(
    records: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = code_versions(records.project)
    edit(monkeypatch, "customer_curated", Query(f"{QUERIES['customer_curated'].sql} -- edited"))
    after = code_versions(records.project)
    assert all(before.values())
    assert {name for name in TABLES if before[name] != after[name]} == {"customer_curated"}
    assert records.stale() == {"customer_curated": ["customer_curated: has a new code version"]}
    assert records.run().success
    assert records.stale() == {}


def test_a_rejected_landing_table_stays_stale_and_its_quarantine_is_not(records: Recorded) -> None:
    records.project.land_text("accelerometer", "damaged.json", '{"user": ')
    result = records.run(max_quarantined=0.0)
    assert not result.success
    built = {event.asset_key.to_user_string() for event in result.get_asset_materialization_events() if event.asset_key}
    assert set(OF_PHONES) & built == {"accelerometer_quarantine"}
    assert list(records.stale()) == ["accelerometer_landing"]


def test_the_job_of_all_checks_computes_them_on_the_whole_and_builds_nothing(records: Recorded) -> None:
    for state in records.project.lakehouse.rglob("_stedi_state.json"):
        state.write_text(state.read_text().replace('"rows_before_consent":2', '"rows_before_consent":7'))
    name = ("machine_learning_curated", "has_no_unconsented_row")
    assert evaluations(records.run())[name].metadata["rows_before_consent"].value == 7
    result = records.run("full_audit")
    assert result.success
    assert evaluations(result)[name].metadata["rows_before_consent"].value == 2
    assert {table for table, _ in evaluations(result)} == TABLES.keys()
    assert result.get_asset_materialization_events() == []
