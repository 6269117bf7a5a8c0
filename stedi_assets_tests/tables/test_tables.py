"""What the tables hold, on every engine and location."""

import pytest

from stedi_assets.contract import TABLES
from stedi_assets_tests.support.grid import on_both_engines, on_duckdb
from stedi_assets_tests.support.projects import Build, Project
from stedi_assets_tests.support.records import EXPECTED_COUNTS, customer, phone_reading

pytestmark = on_both_engines


def test_landing_tables_hold_every_record_as_it_arrived(built: Build) -> None:
    file = "customer-1.json"
    assert set(built.project.rows("customer_landing")) >= {
        ("Ada Example", "ada@example.com", "2065550100", "1980-02-03", "serial-ada", 10, 20, 100, None, None, file),
        ("Bob Example", "bob@example.com", "2065550100", "1980-02-03", "serial-bob", 10, 20, None, None, None, file),
    }
    assert (
        built.project.rows("accelerometer_landing")["ada@example.com", 100, 0.25, -1.0, 0.5, "accelerometer-1.json"]
        == 1
    )
    assert built.project.rows("step_trainer_landing")[100, "serial-ada", 201, "step_trainer-1.json"] == 1


def test_gzipped_landing_files_are_read_beside_plain_ones(built: Build) -> None:
    assert built.project.rows("accelerometer_landing").total() == 6


def test_customer_trusted_leaves_out_customers_whose_consent_is_missing_or_zero(built: Build) -> None:
    assert {row[1] for row in built.project.rows("customer_trusted")} == {
        "ada@example.com",
        "eve@example.com",
        "dan@example.com",
    }


def test_a_consent_that_arrives_as_null_is_blank(built_project: Project) -> None:
    built_project.land("customer", "customer-2.json", [customer("zoe", shareWithResearchAsOfDate=None)])
    assert built_project.materialize("customer_landing", "customer_trusted").success
    assert "zoe@example.com" in {row[1] for row in built_project.rows("customer_landing")}
    assert "zoe@example.com" not in {row[1] for row in built_project.rows("customer_trusted")}


def test_accelerometer_trusted_holds_the_readings_of_trusted_customers_alone(built: Build) -> None:
    assert built.project.rows("accelerometer_trusted") == {
        ("ada@example.com", 100, 0.25, -1.0, 0.5): 1,
        ("ada@example.com", 100, 0.75, -1.0, 0.5): 1,
        ("ada@example.com", 200, 0.0, -1.0, 0.5): 1,
        ("eve@example.com", 100, 0.0, -1.0, 0.5): 1,
    }


def test_customer_curated_leaves_out_customers_without_phone_readings(built: Build) -> None:
    assert {row[1] for row in built.project.rows("customer_curated")} == {"ada@example.com", "eve@example.com"}


def test_step_trainer_trusted_holds_the_readings_of_curated_customers_alone(built: Build) -> None:
    assert built.project.rows("step_trainer_trusted") == {
        (100, "serial-ada", 201): 1,
        (300, "serial-ada", 250): 1,
        (100, "serial-eve", 300): 1,
    }


def test_machine_learning_curated_pairs_readings_of_the_same_instant(built: Build) -> None:
    assert built.project.rows("machine_learning_curated") == {
        (100, "serial-ada", 201, 100, 0.25, -1.0, 0.5): 1,
        (100, "serial-ada", 201, 100, 0.75, -1.0, 0.5): 1,
        (100, "serial-ada", 201, 100, 0.0, -1.0, 0.5): 1,
        (100, "serial-eve", 300, 100, 0.25, -1.0, 0.5): 1,
        (100, "serial-eve", 300, 100, 0.75, -1.0, 0.5): 1,
        (100, "serial-eve", 300, 100, 0.0, -1.0, 0.5): 1,
    }


def test_a_customer_record_that_came_twice_does_not_multiply_readings(project: Project) -> None:
    project.land("customer", "customer-2.json", [customer("ada", research=100), customer("ada", research=100)])
    assert project.materialize().success
    assert project.counts() == {
        **EXPECTED_COUNTS,
        "customer_landing": 7,
        "customer_trusted": 5,
        "customer_curated": 4,
    }


def test_a_serial_number_of_two_customers_does_not_multiply_readings(built_project: Project) -> None:
    built_project.land("customer", "customer-2.json", [customer("fay", research=100, serialNumber="serial-ada")])
    built_project.land("accelerometer", "accelerometer-3.json", [phone_reading("fay", 999)])
    assert built_project.materialize().success
    assert len([row for row in built_project.rows("customer_curated") if "serial-ada" in row]) == 2
    assert built_project.rows("step_trainer_trusted").total() == EXPECTED_COUNTS["step_trainer_trusted"]


def test_a_rerun_replaces_rows_and_never_appends(built_project: Project) -> None:
    assert built_project.materialize().success
    assert built_project.counts() == EXPECTED_COUNTS


def test_a_rerun_after_a_file_left_takes_its_rows_away(built_project: Project) -> None:
    (built_project.landing / "accelerometer/landing/accelerometer-2.json.gz").unlink()
    assert built_project.materialize("accelerometer_landing").success
    assert built_project.rows("accelerometer_landing").total() == 4


@pytest.mark.parametrize("table", TABLES)
def test_a_stored_table_has_the_columns_of_the_contract_in_order(built: Build, table: str) -> None:
    names = {"BIGINT": "long", "DOUBLE": "double", "VARCHAR": "string"}
    assert [(field.name, field.type.type) for field in built.project.delta(table).schema().fields] == [
        (column.name, names[column.type]) for column in TABLES[table].columns
    ]


@on_duckdb
def test_a_selection_of_one_zone_builds_that_zone_alone(project: Project) -> None:
    assert project.materialize("customer_landing", "accelerometer_landing", "step_trainer_landing").success
    assert not (project.lakehouse / "customer/trusted").exists()


def test_an_empty_landing_file_gives_no_rows(built_project: Project) -> None:
    built_project.land_text("step_trainer", "step_trainer-1.json", "")
    assert built_project.materialize("step_trainer_landing", "step_trainer_trusted", "machine_learning_curated").success
    assert built_project.rows("machine_learning_curated").total() == 0
