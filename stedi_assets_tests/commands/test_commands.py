"""The commands of the README, run as a newcomer runs them."""

import json
from pathlib import Path

import dagster
import pytest
from deltalake import DeltaTable

from stedi_assets.contract import TABLES
from stedi_assets.definitions import defs
from stedi_assets_tests.support.commands import MATERIALIZE_ALL, run
from stedi_assets_tests.support.course import COURSE_COUNTS
from stedi_assets_tests.support.projects import COMPUTED_TABLES, SELECTED_TABLES, Project
from stedi_assets_tests.support.records import EXPECTED_COUNTS, customer, device_reading, phone_reading


def stored_counts(lakehouse: Path) -> dict[str, int]:
    return {name: DeltaTable(lakehouse / TABLES[name].path).count() for name in SELECTED_TABLES}


def test_everything_is_built_from_any_folder_with_no_variable_set(checkout: Path, tmp_path: Path) -> None:
    finished = run(*MATERIALIZE_ALL, folder=tmp_path, PYTHONPATH=str(checkout))
    assert finished.exit_code == 0, finished.output
    assert stored_counts(checkout / "lakehouse") == COURSE_COUNTS


@pytest.mark.parametrize(
    ("selection", "names"),
    [
        ("group:trusted", {"customer_trusted", "accelerometer_trusted", "step_trainer_trusted"}),
        ("+key:machine_learning_pseudonymized", {*SELECTED_TABLES} - {"machine_learning_curated"}),
        ("+machine_learning_curated", {"machine_learning_curated", "step_trainer_trusted", "accelerometer_trusted"}),
        (
            "key:step_trainer_trusted+",
            {"step_trainer_trusted", "machine_learning_curated", "machine_learning_pseudonymized"},
        ),
    ],
)
def test_a_selection_selects_tables_by_group_and_by_what_they_read(selection: str, names: set[str]) -> None:
    selected = dagster.AssetSelection.from_string(selection).resolve(defs.resolve_asset_graph())
    assert {key.to_user_string() for key in selected} & {*SELECTED_TABLES} == names


def test_a_selection_builds_what_it_selects(built_project: Project) -> None:
    # Every table would change if it were built.
    built_project.land("customer", "customer-2.json", [customer("fay", research=100)])
    built_project.land("accelerometer", "a.json", [phone_reading("ada", 500), phone_reading("dan", 600)])
    built_project.land("step_trainer", "s.json", [device_reading("ada", 500)])
    assert built_project.materialize("customer_landing", "accelerometer_landing", "step_trainer_landing").success
    command = ("group:trusted" if word == "*" else word for word in MATERIALIZE_ALL)
    finished = run(*command, folder=built_project.landing, **built_project.variables)
    assert finished.exit_code == 0, finished.output
    built = {table for table in COMPUTED_TABLES if built_project.delta(table).version() == 1}
    assert built == {"customer_trusted", "accelerometer_trusted", "step_trainer_trusted"}


def test_in_the_project_the_module_need_not_be_named(checkout: Path) -> None:
    finished = run("dagster", "definitions", "validate", folder=checkout, PYTHONPATH=str(checkout))
    assert finished.exit_code == 0, finished.output
    assert "All code locations passed validation" in finished.output


def test_a_run_ends_with_a_table_of_rows_changes_checks_time_and_plans_and_a_verdict(project: Project) -> None:
    (project.landing / "expected_counts.json").write_text(json.dumps(EXPECTED_COUNTS))
    finished = run(
        "stedi",
        "run",
        folder=project.landing,
        STEDI_LANDING=str(project.landing),
        STEDI_LAKEHOUSE="../lakehouse",
    )
    assert finished.exit_code == 0, finished.output
    lines = [[cell.strip() for cell in line.strip("│").split("│")] for line in finished.output.splitlines()]
    rows = {cells[0]: cells[1:] for cells in lines if cells[0] in SELECTED_TABLES}
    assert {table: (cells[0], cells[4]) for table, cells in rows.items()} == {
        table: (str(count), str(count)) for table, count in EXPECTED_COUNTS.items()
    }
    assert [rows["customer_trusted"][column] for column in (1, 2, 5)] == [
        "+3 -0",
        "5 passed",
        "all: the table does not exist",
    ]
    assert rows["machine_learning_curated"][2] == "6 passed, 3 warned"
    assert rows["machine_learning_pseudonymized"][2] == "10 passed"
    assert all(float(cells[3]) > 0 for cells in rows.values())
    assert f"seconds in all; the tables are below {project.lakehouse}" in finished.output
    assert "has_no_mixed_customers warned: pairs_of_different_customers 3" in finished.output
    assert finished.output.splitlines()[-1].startswith("12 tables: 9 changed, 3 unchanged")


def test_a_blocking_check_that_fails_makes_the_command_fail_and_builds_nothing_downstream(project: Project) -> None:
    (project.landing / "expected_counts.json").write_text(json.dumps({**EXPECTED_COUNTS, "customer_trusted": 4}))
    finished = run(
        *MATERIALIZE_ALL,
        folder=project.landing,
        **project.variables,
    )
    assert finished.exit_code == 1
    assert "customer_trusted: the check has_expected_rows failed: actual 3, expected 4." in finished.output
    assert not (project.lakehouse / "accelerometer/trusted").exists()


def test_a_failed_blocking_check_is_reported_once_without_empty_findings(project: Project) -> None:
    (project.landing / "expected_counts.json").write_text(json.dumps({**EXPECTED_COUNTS, "customer_trusted": 4}))
    finished = run("stedi", "run", "--select", "+customer_trusted", folder=project.landing, **project.variables)
    assert finished.exit_code == 1
    (line,) = [line for line in finished.output.splitlines() if line.startswith("customer_trusted:")]
    assert line.startswith("customer_trusted: the check has_expected_rows failed: actual ")
    assert "stack trace" not in finished.output


def test_a_rejected_version_is_shown_by_the_command_that_its_run_names(project: Project) -> None:
    (project.landing / "expected_counts.json").write_text(json.dumps({**EXPECTED_COUNTS, "customer_trusted": 4}))
    finished = run("stedi", "run", "--select", "+customer_trusted", folder=project.landing, **project.variables)
    (command,) = [line.partition("version: ")[2] for line in finished.output.splitlines() if "--rejected" in line]
    shown = run(*command.split(), "--format", "json", folder=project.landing, **project.variables)
    assert len(json.loads(shown.output)) == EXPECTED_COUNTS["customer_trusted"]


def test_a_warning_does_not_make_the_command_fail(built_project: Project) -> None:
    project = built_project
    finished = run(
        *("machine_learning_curated" if word == "*" else word for word in MATERIALIZE_ALL),
        folder=project.landing,
        **project.variables,
    )
    assert finished.exit_code == 0
    assert "'has_no_mixed_customers' on 'machine_learning_curated' did not pass" in finished.output


def test_the_multiprocess_executor_builds_the_same(project: Project) -> None:
    finished = run(
        *("stedi", "run", "--select", "+key:customer_trusted"),
        folder=project.landing,
        STEDI_EXECUTOR="multiprocess",
        **project.variables,
    )
    assert finished.exit_code == 0, finished.output
    assert project.delta("customer_trusted").count() == EXPECTED_COUNTS["customer_trusted"]


def test_sample_data_is_written_with_its_counts(tmp_path: Path) -> None:
    finished = run("stedi", "sample-data", "--output", "here", "--scale", "2", folder=tmp_path)
    assert finished.exit_code == 0, finished.output
    counts = json.loads((tmp_path / "here/expected_counts.json").read_text())
    assert counts["accelerometer_landing"] == 162_546
    assert "162,546" in finished.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["sample-data", "--scale", "0", "--output", "x"],
            "Invalid value for '--scale': 0 is not in the range x>=1. See stedi sample-data --help.",
        ),
        (
            ["sample-data", "--days", "0", "--output", "x"],
            "Invalid value for '--days': 0 is not in the range x>=1. See stedi sample-data --help.",
        ),
        (["sample-data", "--scale", "1"], "Missing option '--output'. See stedi sample-data --help."),
        (
            ["completion"],
            "Missing argument '{bash|zsh|fish}'. Choose from: bash, zsh, fish. See stedi completion --help.",
        ),
        (["tables", "more"], "Got unexpected extra argument (more). See stedi tables --help."),
        (["tabels"], "No such command 'tabels'. Did you mean 'tables'? See stedi --help."),
        (["--colour"], "No such option '--colour'. See stedi --help."),
    ],
)
def test_wrong_arguments_are_a_usage_error_in_one_line(tmp_path: Path, arguments: list[str], message: str) -> None:
    finished = run("stedi", *arguments, folder=tmp_path)
    assert finished.exit_code == 2
    assert finished.output == f"Error: {message}\n"


def test_a_sample_of_a_week_gives_the_expected_rows_of_every_table(empty_project: Project) -> None:
    landing = str(empty_project.landing)
    written = run("stedi", "sample-data", "--output", landing, "--days", "7", folder=empty_project.landing.parent)
    assert written.exit_code == 0, written.output
    assert len(list(empty_project.landing.glob("accelerometer/landing/*"))) == 7
    built = run("stedi", "run", folder=empty_project.landing, **empty_project.variables)
    assert built.exit_code == 0, built.output
    assert empty_project.counts() == COURSE_COUNTS


def test_days_that_do_not_fit_the_scale_are_refused_in_one_line(tmp_path: Path) -> None:
    finished = run("stedi", "sample-data", "--output", "x", "--days", "366", folder=tmp_path)
    assert finished.exit_code == 1
    assert finished.output == "Error: Cannot spread a sample of scale 1 over 366 days. Choose from 1 to 365 days.\n"


def test_sample_data_does_not_mix_with_other_files(tmp_path: Path) -> None:
    mine = tmp_path / "customer/landing/mine.json"
    mine.parent.mkdir(parents=True)
    mine.write_text("{}")
    finished = run("stedi", "sample-data", "--output", ".", folder=tmp_path)
    assert finished.exit_code == 1
    assert finished.output.startswith("Error: ")
    assert mine.read_text() == "{}"


@pytest.mark.parametrize("selection", ["no_such_table", "group:nothing", "a(("])
def test_a_selection_of_nothing_is_one_line_that_says_so(tmp_path: Path, selection: str) -> None:
    finished = run("stedi", "run", "--select", selection, folder=tmp_path, STEDI_LAKEHOUSE="tables")
    assert finished.exit_code == 1
    assert finished.output.startswith(f"Error: The selection {selection!r} ")
    assert not (tmp_path / "tables").exists()
