"""A run whose audit rejects a table, as Dagster records it."""

from collections.abc import Iterator

import dagster
import pytest

from stedi_assets_tests.support.edits import edit
from stedi_assets_tests.support.projects import Project
from stedi_assets_tests.support.records import phone_reading
from stedi_assets_tests.support.rejecting import BREAKING
from stedi_assets_tests.support.runs import evaluations, failure
from stedi_assets_tests.support.staleness import Recorded, recorded

TABLE = "customer_trusted"
RULE = "has_no_blank_consent"
DOWNSTREAM = {
    "accelerometer_trusted",
    "customer_curated",
    "step_trainer_trusted",
    "machine_learning_curated",
    "machine_learning_pseudonymized",
}


@pytest.fixture
def records(built_project: Project) -> Iterator[Recorded]:
    """Tables of an earlier run, and a delivery that every one of them awaits."""
    built_project.land("accelerometer", "late.json", [phone_reading("ada", 100)])
    with recorded(built_project) as records:
        yield records


@pytest.fixture
def rejected(records: Recorded, monkeypatch: pytest.MonkeyPatch) -> dagster.ExecuteInProcessResult:
    """A run in which the SELECT of a table no longer leaves out the customers without consent."""
    edit(monkeypatch, TABLE, BREAKING[TABLE])
    return records.run()


def materialized(result: dagster.ExecuteInProcessResult) -> set[str]:
    return {event.asset_key.to_user_string() for event in result.get_asset_materialization_events() if event.asset_key}


def test_the_step_fails_and_nothing_downstream_is_built(
    records: Recorded, rejected: dagster.ExecuteInProcessResult
) -> None:
    assert not rejected.success
    assert [event.step_key for event in rejected.get_step_failure_events()] == [TABLE]
    assert materialized(rejected) & {TABLE, *DOWNSTREAM} == set()
    assert "accelerometer_landing" in materialized(rejected)
    versions = {table: records.project.delta(table).version() for table in (TABLE, *DOWNSTREAM)}
    assert set(versions.values()) == {0}
    assert records.project.delta("accelerometer_landing").version() == 1


def test_the_evaluation_shows_the_findings_and_what_to_do(rejected: dagster.ExecuteInProcessResult) -> None:
    evaluation = evaluations(rejected)[TABLE, RULE]
    assert not evaluation.passed
    assert evaluation.blocking
    assert evaluation.severity is dagster.AssetCheckSeverity.ERROR
    shown = {name: value.value for name, value in evaluation.metadata.items()}
    assert shown == {
        "customers_with_a_blank_consent": 2,
        "what_to_do": "Correct the SELECT and materialize again before anyone reads it.",
    }
    # A rejected version has no warnings: they are of published versions.
    assert evaluations(rejected)[TABLE, "has_contract_columns"].passed


def test_the_failure_says_which_check_what_it_found_and_what_to_do(rejected: dagster.ExecuteInProcessResult) -> None:
    first, *others, last = failure(rejected, TABLE).splitlines()
    assert first == (
        f"{TABLE}: the check {RULE} failed: customers_with_a_blank_consent 2. Correct the SELECT and materialize again "
        "before anyone reads it."
    )
    assert [line.partition(" failed: ")[0] for line in others] == [f"{TABLE}: the check has_recomputed_rows"]
    assert last == (f"The table {TABLE} was not changed. Look at the rejected version: stedi query --rejected {TABLE}")


def test_a_check_of_a_published_table_fails_with_the_same_message(built_project: Project) -> None:
    (built_project.landing / "expected_counts.json").write_text('{"customer_trusted": 7}')
    job = dagster.define_asset_job("audit", dagster.AssetSelection.checks_for_assets(TABLE))
    merged = dagster.Definitions.merge(built_project.definitions(), dagster.Definitions(jobs=[job]))
    result = merged.resolve_job_def("audit").execute_in_process(raise_on_error=False)
    assert failure(result, TABLE) == (
        f"{TABLE}: the check has_expected_rows failed: actual 3, expected 7. If the landing files differ on purpose, "
        "correct or remove the expected counts."
    )


def test_the_failure_of_an_unchanged_table_names_no_rejected_version(built_project: Project) -> None:
    named = built_project.landing / "expected.json"
    named.write_text('{"customer_trusted": 7}')
    result = built_project.materialize(TABLE, expected_counts=named)
    _, last = failure(result, TABLE).splitlines()
    assert last == f"The table {TABLE} was not changed. Look at its version: stedi query 'FROM {TABLE}'"


def test_a_run_without_the_checks_is_rejected_all_the_same(records: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    edit(monkeypatch, TABLE, BREAKING[TABLE])
    job = dagster.define_asset_job("no_checks", dagster.AssetSelection.assets(TABLE).without_checks())
    definitions = records.project.definitions()
    merged = dagster.Definitions.merge(definitions, dagster.Definitions(jobs=[job]))
    result = merged.resolve_job_def("no_checks").execute_in_process(instance=records.instance, raise_on_error=False)
    assert not result.success
    assert failure(result, TABLE).startswith(f"{TABLE}: the check {RULE} failed: customers_with_a_blank_consent 2.")
    assert records.project.delta(TABLE).version() == 0


def test_the_next_run_publishes_once_the_select_is_put_back(
    records: Recorded, rejected: dagster.ExecuteInProcessResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not rejected.success
    monkeypatch.undo()
    result = records.run()
    assert result.success
    assert records.project.delta(TABLE).version() == 0
    assert records.project.delta("accelerometer_trusted").version() == 1
    assert records.stale() == {}
