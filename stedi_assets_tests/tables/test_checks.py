"""What each check asserts, shown by tables that break it."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import dagster
import duckdb
import pyarrow as pa
import pytest
from deltalake import write_deltalake

from stedi_assets.contract import SOURCES, TABLES
from stedi_assets.defs.checks.check import none_found
from stedi_assets.defs.checks.tables import few_quarantined, table_checks
from stedi_assets.engines.duckdb.engine import DuckDBEngine
from stedi_assets.errors import StediError
from stedi_assets.lakehouse.audit import full_audit
from stedi_assets.lakehouse.lakehouse import Lakehouse
from stedi_assets_tests.support.checks import check_alone, rewrite
from stedi_assets_tests.support.grid import on_both_engines, on_duckdb
from stedi_assets_tests.support.projects import COMPUTED_TABLES, Build, Project
from stedi_assets_tests.support.records import EXPECTED_COUNTS, customer, device_reading, phone_reading
from stedi_assets_tests.support.runs import evaluations, failed_checks, failure

pytestmark = on_both_engines


PAIRS_OF_STRANGERS = ("machine_learning_curated", "has_no_mixed_customers")


LEAKS_OF_THE_COURSE = {
    PAIRS_OF_STRANGERS,
    ("machine_learning_curated", "has_no_unconsented_row"),
    ("machine_learning_curated", "has_no_serial_number"),
}


@pytest.fixture
def expect(tmp_path: Path) -> Callable[[dict[str, int]], Path]:
    def write(counts: dict[str, int]) -> Path:
        file = tmp_path / "counts.json"
        file.write_text(json.dumps(counts))
        return file

    return write


def test_only_the_leaks_of_the_course_are_warned_of_on_good_data(built: Build) -> None:
    assert failed_checks(built.result) == LEAKS_OF_THE_COURSE


def test_every_table_but_the_quarantines_has_the_common_checks(built: Build) -> None:
    checked = evaluations(built.result)
    for table in EXPECTED_COUNTS:
        assert checked[table, "has_contract_columns"].passed
        assert checked[table, "has_required_values"].passed


@pytest.mark.parametrize("table", COMPUTED_TABLES)
def test_every_trusted_and_curated_table_is_computed_another_way(built: Build, table: str) -> None:
    assert evaluations(built.result)[table, "has_recomputed_rows"].passed


@on_duckdb
def test_expected_rows_are_compared_where_they_are_given(
    project: Project, expect: Callable[[dict[str, int]], Path]
) -> None:
    result = project.materialize(expected_counts=expect(EXPECTED_COUNTS))
    assert result.success
    assert all(evaluations(result)[table, "has_expected_rows"].passed for table in EXPECTED_COUNTS)


@on_duckdb
def test_other_than_the_expected_rows_block_what_is_downstream(
    project: Project, expect: Callable[[dict[str, int]], Path]
) -> None:
    selected = ("customer_landing", "accelerometer_landing", "customer_trusted", "accelerometer_trusted")
    result = project.materialize(*selected, expected_counts=expect({"customer_trusted": 4}))
    assert not result.success
    evaluation = evaluations(result)["customer_trusted", "has_expected_rows"]
    assert (evaluation.metadata["actual"].value, evaluation.metadata["expected"].value) == (3, 4)
    assert not (project.lakehouse / "accelerometer/trusted").exists()


@on_duckdb
def test_a_table_without_an_expected_count_has_no_such_check(
    project: Project, expect: Callable[[dict[str, int]], Path]
) -> None:
    result = project.materialize(
        "customer_landing", "customer_trusted", expected_counts=expect({"customer_landing": 5})
    )
    compared = {table for table, check in evaluations(result) if check == "has_expected_rows"}
    assert compared == {"customer_landing"}


@on_duckdb
def test_expected_counts_in_a_local_landing_root_are_found(project: Project) -> None:
    project = project
    (project.landing / "expected_counts.json").write_text('{"customer_landing": 7}')
    assert ("customer_landing", "has_expected_rows") in failed_checks(project.materialize("customer_landing"))


def test_a_landing_zone_where_everyone_consents_is_warned_of(project: Project) -> None:
    project.land("customer", "customer-1.json", [customer("ada", research=1)])
    result = project.materialize("customer_landing")
    assert result.success
    assert ("customer_landing", "has_blank_consents") in failed_checks(result)


@pytest.mark.parametrize("record", [{"user": None, "timestamp": 1}, {"user": "ada@example.com"}])
def test_a_record_without_a_required_value_is_not_a_row(project: Project, record: dict[str, object]) -> None:
    project.land("accelerometer", "accelerometer-3.json", [record])
    result = project.materialize("accelerometer_landing", max_quarantined=0.5)
    assert result.success
    assert evaluations(result)["accelerometer_landing", "has_required_values"].passed
    assert project.rows("accelerometer_quarantine").total() == 1


@pytest.mark.parametrize("column", ["user", "timestamp"])
def test_a_null_in_a_required_column_of_a_stored_table_is_found(built_project: Project, column: str) -> None:
    rewrite(built_project, "accelerometer_trusted", f'SELECT * REPLACE (NULL AS "{column}") FROM stored')
    result = check_alone(built_project, "accelerometer_trusted")
    assert not result.success
    found = evaluations(result)["accelerometer_trusted", "has_required_values"]
    assert found.metadata[f"null_{column}"].value == 4


def test_a_null_is_counted_where_the_log_lacks_the_number(built_project: Project) -> None:
    table = built_project.delta("accelerometer_trusted")
    table.alter.set_table_properties({"delta.dataSkippingStatsColumns": "timestamp"})
    stored = table.to_pyarrow_table()
    write_deltalake(table, stored.set_column(0, stored.schema.field(0), pa.nulls(4, pa.string())), mode="append")
    result = check_alone(built_project, "accelerometer_trusted")
    found = evaluations(result)["accelerometer_trusted", "has_required_values"]
    assert found.metadata["null_user"].value == 4


def test_a_customer_without_consent_in_customer_trusted_is_found(built_project: Project) -> None:
    rewrite(built_project, "customer_trusted", "SELECT * REPLACE (0 AS shareWithResearchAsOfDate) FROM stored")
    result = check_alone(built_project, "customer_trusted")
    assert not result.success
    found = evaluations(result)["customer_trusted", "has_no_blank_consent"]
    assert found.metadata["customers_with_a_blank_consent"].value == 3


@pytest.mark.parametrize("table", COMPUTED_TABLES)
@pytest.mark.parametrize(
    ("select", "finding"),
    [
        ("SELECT * FROM stored UNION ALL SELECT * FROM stored", "groups_with_too_many_rows"),
        ("SELECT * FROM stored LIMIT 1", "groups_with_too_few_rows"),
    ],
)
def test_rows_that_are_too_many_or_missing_are_found(
    built_project: Project, table: str, select: str, finding: str
) -> None:
    rewrite(built_project, table, select)
    result = check_alone(built_project, table)
    assert not result.success
    assert evaluations(result)[table, "has_recomputed_rows"].metadata[finding].value != 0


def test_a_column_that_names_a_person_in_training_data_is_found(built_project: Project) -> None:
    rewrite(built_project, "machine_learning_curated", "SELECT *, 'ada@example.com' AS Email FROM stored")
    result = check_alone(built_project, "machine_learning_curated")
    assert not result.success
    found = evaluations(result)["machine_learning_curated", "has_no_naming_column"]
    assert found.metadata["columns_found"].value == "Email"


def test_a_column_that_the_contract_does_not_have_is_found(built_project: Project) -> None:
    rewrite(
        built_project,
        "step_trainer_trusted",
        "SELECT * EXCLUDE (distanceFromObject) REPLACE (1.5 AS sensorReadingTime), 1 AS more FROM stored",
    )
    found = evaluations(check_alone(built_project, "step_trainer_trusted"))
    metadata = found["step_trainer_trusted", "has_contract_columns"].metadata
    assert {name: value.value for name, value in metadata.items()} == {
        "missing": "distanceFromObject",
        "unexpected": "more",
        "of_another_type": "sensorReadingTime",
        "what_to_do": "After a change of the contract, materialize the tables upstream and then this one. If the check "
        "still fails, correct the SELECT or the contract.",
    }


def test_serial_numbers_of_several_customers_are_counted_as_a_warning(project: Project) -> None:
    project.land("customer", "customer-2.json", [customer("fay", serialNumber="serial-ada")])
    result = project.materialize("customer_landing")
    assert result.success
    found = evaluations(result)["customer_landing", "has_no_shared_device"]
    assert (found.passed, found.metadata["shared_serial_numbers"].value) == (False, 1)
    assert found.severity == dagster.AssetCheckSeverity.WARN


def test_pairs_of_different_customers_are_counted_as_a_warning(built: Build) -> None:
    found = evaluations(built.result)[PAIRS_OF_STRANGERS]
    # ada's device with eve's one phone reading, eve's device with ada's two.
    assert found.metadata["pairs_of_different_customers"].value == 3
    assert found.severity == dagster.AssetCheckSeverity.WARN


def test_no_pair_of_different_customers_passes(built_project: Project) -> None:
    built_project.land("accelerometer", "accelerometer-1.json", [phone_reading("ada", 100), phone_reading("eve", 7)])
    built_project.land("step_trainer", "step_trainer-1.json", [device_reading("ada", 100)])
    changed = ("accelerometer_landing", "accelerometer_trusted", "step_trainer_landing", "step_trainer_trusted")
    result = built_project.materialize(*changed, "machine_learning_curated")
    assert evaluations(result)[PAIRS_OF_STRANGERS].passed


@on_duckdb
def test_checks_can_be_run_without_materializing(built_project: Project) -> None:
    version = built_project.delta("customer_trusted").version()
    result = check_alone(built_project, "customer_trusted")
    assert result.success
    assert len(evaluations(result)) == 4
    assert built_project.delta("customer_trusted").version() == version


@on_duckdb
def test_a_check_of_a_table_that_does_not_exist_says_so(project: Project) -> None:
    message = failure(check_alone(project, "customer_trusted"), "customer_trusted")
    assert "The table customer_trusted does not exist at" in message


def test_a_check_that_blocks_fails_with_an_error_and_one_that_does_not_with_a_warning() -> None:
    checks = [check for table in TABLES.values() for check in table_checks(table, {}, 0.01)]
    assert {check.name for check in checks if not check.blocking} == {
        "has_blank_consents",
        "has_no_shared_device",
        "has_no_mixed_customers",
        "has_no_unconsented_row",
        "has_no_serial_number",
        "has_no_equal_files",
        "has_every_file_read",
        "has_none_quarantined",
        "has_rows_to_train_with",
    }


def test_no_check_shows_a_value_of_a_personal_column(built_project: Project) -> None:
    for table in COMPUTED_TABLES:
        rewrite(built_project, table, "SELECT * FROM stored UNION ALL SELECT * FROM stored")
    for table in TABLES:
        for evaluation in evaluations(check_alone(built_project, table)).values():
            shown = json.dumps({name: value.value for name, value in evaluation.metadata.items()})
            assert not any(word in shown for word in ("example.com", "serial-", "Example", "206555"))


def test_a_table_without_required_columns_has_no_check_of_them() -> None:
    table = TABLES["customer_trusted"]
    optional = replace(table, columns=tuple(replace(column, required=False) for column in table.columns))
    names = {check.name for check in table_checks(optional, {}, 0.01)}
    assert "has_required_values" not in names
    assert "has_required_values" in {check.name for check in table_checks(table, {}, 0.01)}


@on_duckdb
def test_a_check_that_cannot_be_computed_is_named(built_project: Project) -> None:
    check = none_found(
        "has_no_such_column", "The rule. The remedy.", "SELECT count(*) FROM customer_trusted WHERE missing < 0"
    )
    with duckdb.connect() as connection:
        root = built_project.location("")
        lakehouse = Lakehouse(root, built_project.place.location("landing"), DuckDBEngine(connection))
        with pytest.raises(StediError, match=r"^The check has_no_such_column failed: .* Correct the SELECT"):
            full_audit(lakehouse, "customer_trusted", [check])


@on_duckdb
def test_one_row_too_many_in_the_curated_table_is_found(built_project: Project) -> None:
    rewrite(built_project, "machine_learning_curated", "SELECT * FROM stored UNION ALL (SELECT * FROM stored LIMIT 1)")
    found = evaluations(check_alone(built_project, "machine_learning_curated"))
    check = found["machine_learning_curated", "has_recomputed_rows"]
    assert not check.passed
    assert check.metadata["groups_with_too_many_rows"].value == 1


@pytest.mark.parametrize(
    ("rows", "quarantined", "passes"), [(99, 1, True), (98, 1, False), (0, 0, True), (0, 1, False), (198, 2, True)]
)
def test_the_fraction_in_quarantine_is_of_all_records(rows: int, quarantined: int, passes: bool) -> None:
    check = few_quarantined(SOURCES["customer_files"], 0.01)
    assert check.passes({"rows": rows, "quarantined": quarantined}) == passes
