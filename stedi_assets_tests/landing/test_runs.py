"""Landing in a run of Dagster: what the metadata says, what is checked, what fails the run."""

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import dagster
import pytest
from deltalake import CommitProperties, write_deltalake

from stedi_assets.contract import TABLES
from stedi_assets.landing.ledger_files import read_ledger
from stedi_assets.storage import delta
from stedi_assets_tests.support.checks import check_alone
from stedi_assets_tests.support.grid import on_both_engines
from stedi_assets_tests.support.projects import Project
from stedi_assets_tests.support.records import EXPECTED_COUNTS, PHONE_READINGS, customer, phone_reading
from stedi_assets_tests.support.runs import evaluations, failed_checks, failure


def test_the_metadata_says_what_was_read_and_that_nothing_changed(project: Project) -> None:
    project.land("accelerometer", "accelerometer-3.json", [{**phone_reading("ada", 1), "model": "x"}])
    first, second = (project.materialize("accelerometer_landing") for _ in range(2))
    metadata = [
        {
            name: value.value
            for name, value in result.get_asset_materialization_events()[0].materialization.metadata.items()
        }
        for result in (first, second)
    ]
    assert (metadata[0]["changed"], metadata[0]["files_read"], metadata[0]["unknown_keys"]) == (True, 3, {"model": 1})
    assert (metadata[1]["changed"], metadata[1]["files_read"], metadata[1]["files_unchanged"]) == (False, 0, 3)
    assert metadata[0]["delta_version"] == metadata[1]["delta_version"] == 0
    assert metadata[1]["dagster/row_count"] == 7


def test_a_full_refresh_can_be_asked_for_by_a_setting_and_in_a_runs_configuration(project: Project) -> None:
    project.materialize("customer_landing")
    project.materialize("customer_landing", full_refresh=True)
    assert project.delta("customer_landing").version() == 1
    job = project.definitions().resolve_job_def("lakehouse")
    configuration = {"ops": {"customer_landing": {"config": {"full_refresh": True}}}}
    with dagster.DagsterInstance.ephemeral() as instance:
        keys = [dagster.AssetKey("customer_landing")]
        assert job.execute_in_process(configuration, instance=instance, asset_selection=keys).success
    assert project.delta("customer_landing").version() == 2


@pytest.mark.parametrize("selected", ["customer_landing", "customer_quarantine"])
def test_either_table_of_a_source_can_be_selected_and_both_are_brought_up_to_date(
    project: Project, selected: str
) -> None:
    project.land_text("customer", "customer-2.json", "garbage")
    result = project.materialize(selected, max_quarantined=1.0)
    assert result.success
    assert [event.asset_key for event in result.get_asset_materialization_events()] == [dagster.AssetKey(selected)]
    assert project.rows("customer_landing").total() == 5
    assert project.rows("customer_quarantine").total() == 1


@on_both_engines
def test_a_salvageable_file_does_not_fail_the_run_and_is_warned_of_without_its_text(project: Project) -> None:
    project.land("customer", "many.json", [customer(f"c{number}") for number in range(200)])
    project.land_text("customer", "bad.json", '{"email": "secret@example.com"}')
    result = project.materialize("customer_landing", "customer_quarantine", "customer_trusted")
    assert result.success
    found = evaluations(result)["customer_quarantine", "has_none_quarantined"]
    assert (found.passed, found.severity) == (False, dagster.AssetCheckSeverity.WARN)
    assert {name: value.value for name, value in found.metadata.items()} == {
        "reason: missing_required": 1,
        "file: bad.json": 1,
        "what_to_do": "Ask the source to correct the files: this table has the offsets and the reasons.",
    }


def test_too_much_in_quarantine_fails_the_run(project: Project) -> None:
    project.land_text("step_trainer", "step_trainer-2.json", "garbage")
    selected = ("customer_landing", "accelerometer_landing", "step_trainer_landing", "customer_trusted")
    result = project.materialize(*selected, "accelerometer_trusted", "customer_curated", "step_trainer_trusted")
    assert not result.success
    assert ("step_trainer_landing", "has_few_quarantined") in failed_checks(result)
    assert not (project.lakehouse / "step_trainer/trusted").exists()
    assert project.materialize("step_trainer_landing", max_quarantined=0.2).success


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("not-json.json", "ada@example.com;secret\n"),
        ("another-type.json", '{"email": "zoe@example.com", "serialNumber": {"secret": 1}}\n'),
        ("truncated.json", '{"email": "zoe@example.com", "serialNu'),
        ("not-gzip.json.gz", "{}"),
    ],
)
def test_a_garbled_file_fails_the_run_without_its_text_and_nothing_downstream_changes(
    built_project: Project, name: str, text: str
) -> None:
    (built_project.landing / "customer/landing" / name).write_bytes(text.encode())
    result = built_project.materialize("customer_landing", "customer_quarantine", "customer_trusted")
    assert not result.success
    assert ("customer_landing", "has_few_quarantined") in failed_checks(result)
    assert built_project.delta("customer_trusted").version() == 0
    shown = json.dumps([str(evaluation) for evaluation in evaluations(result).values()])
    assert "secret" not in shown and "example.com" not in shown


def test_a_folder_without_a_file_fails_the_run_and_says_so(built_project: Project) -> None:
    (built_project.landing / "customer/landing/customer-1.json").unlink()
    result = built_project.materialize("customer_landing")
    assert "holds no file to read" in failure(result, "customer_landing")
    assert built_project.delta("customer_landing").version() == 0


@on_both_engines
def test_files_of_equal_content_are_both_kept_and_named_in_a_warning(project: Project) -> None:
    for name in ("accelerometer-3.json", "accelerometer-4.json"):
        project.land("accelerometer", name, PHONE_READINGS[:1])
    result = project.materialize("accelerometer_landing")
    assert result.success
    found = evaluations(result)["accelerometer_landing", "has_no_equal_files"]
    assert not found.passed
    assert found.metadata["files_with_equal_contents"].value == "accelerometer-3.json, accelerometer-4.json"
    assert project.rows("accelerometer_landing").total() == EXPECTED_COUNTS["accelerometer_landing"] + 2


LEDGER_MISTAKES: dict[str, Callable[[list[dict[str, Any]]], list[dict[str, Any]]]] = {
    "files_with_uncounted_bytes": lambda ledger: [
        {**entry, "bytes_total": entry["bytes_total"] + 1} for entry in ledger
    ],
    "files_not_in_the_ledger": lambda ledger: ledger[1:],
}
"""From a finding of the conservation check to a mistake in the ledger that it finds."""


@pytest.mark.parametrize("finding", LEDGER_MISTAKES)
def test_a_ledger_that_differs_from_its_files_is_found_by_the_conservation_check(
    project: Project, finding: str
) -> None:
    project.land_text("accelerometer", "bad.json", "garbage")
    project.materialize("accelerometer_landing", max_quarantined=1.0)
    table = project.delta("accelerometer_landing")
    kept = delta.newest_metadata(table)
    place = project.location(TABLES["accelerometer_landing"].path)
    stored = read_ledger(place, kept["stedi.ledger"]) or {}
    # As an earlier release kept it: the entries themselves in the commit's metadata.
    ledger = LEDGER_MISTAKES[finding]([asdict(entry) for entry in stored.values()])
    write_deltalake(
        project.location(TABLES["accelerometer_landing"].path).path,
        table.to_pyarrow_table(),
        mode="overwrite",
        commit_properties=CommitProperties(
            custom_metadata={"stedi.contract": kept["stedi.contract"], "stedi.ledger": json.dumps(ledger)}
        ),
    )
    found = evaluations(check_alone(project, "accelerometer_landing"))
    check = found["accelerometer_landing", "has_every_byte_counted"]
    assert not check.passed
    assert {name for name, value in check.metadata.items() if value.value} == {finding, "what_to_do"}


@on_both_engines
@pytest.mark.parametrize(
    ("table", "finding"),
    [("accelerometer_landing", "files_with_other_rows"), ("accelerometer_quarantine", "files_with_other_quarantine")],
)
def test_a_row_that_is_lost_is_found_by_the_conservation_check(project: Project, table: str, finding: str) -> None:
    project.land_text("accelerometer", "bad.json", "garbage")
    project.materialize("accelerometer_landing", max_quarantined=1.0)
    kept = delta.newest_metadata(project.delta("accelerometer_landing"))
    own = {key: kept[key] for key in ("stedi.contract", "stedi.ledger", "stedi.quarantine")}
    nothing = project.delta(table).to_pyarrow_table().slice(0, 0)
    write_deltalake(
        project.location(TABLES[table].path).path,
        nothing,
        storage_options=project.location().delta_options,
        mode="overwrite",
        commit_properties=CommitProperties(custom_metadata=own),
    )
    result = project.materialize("accelerometer_landing", max_quarantined=1.0)
    found = evaluations(result)["accelerometer_landing", "has_every_byte_counted"]
    assert not found.passed
    assert found.metadata[finding].value


def test_the_quarantine_lies_in_a_folder_of_its_own_and_its_text_is_personal(project: Project) -> None:
    project.materialize("customer_landing")
    assert (project.lakehouse / "customer/quarantine/_delta_log").is_dir()
    assert TABLES["customer_quarantine"].personal_columns == ("text",)
