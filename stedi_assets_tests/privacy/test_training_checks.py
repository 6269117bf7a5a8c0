"""The checks of the training tables find every row that breaks a rule."""

from collections import Counter

import dagster
import duckdb
import pytest

from stedi_assets.contract import SOURCES, TABLES
from stedi_assets.engines.duckdb.engine import DuckDBEngine
from stedi_assets.lakehouse.lakehouse import Lakehouse
from stedi_assets.query import Query
from stedi_assets_tests.support.checks import check_alone, rewrite
from stedi_assets_tests.support.grid import on_both_engines
from stedi_assets_tests.support.places import Place
from stedi_assets_tests.support.projects import Build, Project
from stedi_assets_tests.support.records import customer, device_reading, phone_reading
from stedi_assets_tests.support.runs import evaluations, failed_checks
from stedi_assets_tests.support.training import TABLE, findings, land

pytestmark = on_both_engines


READINGS = "sensorReadingTime, distanceFromObject, x, y, z"


COMPARED = ("has_recomputed_rows", "groups_with_too_many_rows")


BEFORE_CONSENT = ("has_no_unconsented_row", "rows_before_consent")


STRANGERS = ("has_no_mixed_customers", "pairs_of_different_customers")


AMBIGUOUS = ("has_no_shared_device", "rows_of_an_ambiguous_serial_number")


@pytest.mark.parametrize(
    ("leaked", "found"),
    [
        ("90, 250, 0.5, -1.0, 0.5", {COMPARED, BEFORE_CONSENT}),
        ("100, 250, 0.75, -1.0, 0.5", {COMPARED, STRANGERS}),
        ("400, 250, 0.125, -1.0, 0.5", {COMPARED, AMBIGUOUS}),
        ("90, 250, 1.0, -1.0, 0.5", {COMPARED, BEFORE_CONSENT, STRANGERS}),
        ("500, 250, 0.0625, -1.0, 0.5", {COMPARED, BEFORE_CONSENT}),
        ("100, 999, 0.25, -1.0, 0.5", {COMPARED}),
        ("100, 250, 0.25, -1.0, NULL", {COMPARED}),
    ],
    ids=[
        "before consent",
        "a stranger's phone",
        "an ambiguous serial number",
        "two rules",
        "no consent",
        "made up",
        "a null",
    ],
)
def test_a_row_that_breaks_a_rule_is_found_by_the_checks_of_the_rules_it_breaks(
    tempting: Project, leaked: str, found: set[tuple[str, str]]
) -> None:
    rewrite(tempting, TABLE, f"FROM stored UNION ALL SELECT subject, {leaked} FROM stored")
    result = check_alone(tempting, TABLE)
    assert not result.success
    assert failed_checks(result) == {(TABLE, check) for check, _ in found}
    checked = evaluations(result)
    assert {checked[TABLE, check].metadata[finding].value for check, finding in found} == {1}


def test_a_row_twice_is_found(tempting: Project) -> None:
    rewrite(tempting, TABLE, "FROM stored UNION ALL FROM stored")
    assert failed_checks(check_alone(tempting, TABLE)) == {(TABLE, COMPARED[0])}


def test_readings_with_nulls_are_compared_like_others(empty_project: Project) -> None:
    phones = [{**phone_reading("ada", 100), "x": None}, {**phone_reading("ada", 100), "x": None, "y": None}]
    devices = [{**device_reading("ada", 100), "distanceFromObject": None}]
    project = land(empty_project, [customer("ada", research=1)], phones, devices)
    assert project.materialize().success
    assert Counter(row[1:] for row in project.rows(TABLE)) == {
        (100, None, None, -1.0, 0.5): 1,
        (100, None, None, None, 0.5): 1,
    }
    rewrite(project, TABLE, "FROM stored WHERE y IS NOT NULL")
    found = findings(check_alone(project, TABLE), TABLE, COMPARED[0])
    assert found == {"groups_with_too_many_rows": 0, "groups_with_too_few_rows": 1}


def test_the_join_of_the_course_stored_in_its_place_is_found_with_the_counts_of_its_leaks(
    built_project: Project,
) -> None:
    rewrite(
        built_project, TABLE, f"SELECT 'anyone' AS subject, {READINGS} FROM stored", source="machine_learning_curated"
    )
    result = check_alone(built_project, TABLE)
    found = evaluations(result)
    assert not result.success
    assert found[TABLE, BEFORE_CONSENT[0]].metadata[BEFORE_CONSENT[1]].value == 2
    assert found[TABLE, STRANGERS[0]].metadata[STRANGERS[1]].value == 3


@pytest.mark.parametrize("column", ["email", "customerName", "phone", "birthDay", "serialNumber"])
def test_a_value_of_a_personal_column_in_a_column_of_text_is_found(tempting: Project, column: str) -> None:
    value = customer("ada")[column]
    rewrite(tempting, TABLE, f"SELECT * REPLACE ('{value}' AS subject) FROM stored")
    result = check_alone(tempting, TABLE)
    assert not result.success
    assert failed_checks(result) == {(TABLE, "has_no_personal_value")}
    found = findings(result, TABLE, "has_no_personal_value")
    assert found["personal_values_in_subject"] == sum(found.values()) == 1


@pytest.mark.parametrize("column", ["distanceFromObject", "x"])
def test_a_personal_text_that_is_a_number_is_found_in_a_column_of_numbers(tempting: Project, column: str) -> None:
    rewrite(tempting, TABLE, f"SELECT * REPLACE (2065550100 AS {column}) FROM stored")
    found = evaluations(check_alone(tempting, TABLE))[TABLE, "has_no_personal_value"]
    assert not found.passed
    assert found.metadata[f"personal_values_in_{column}"].value == 1


def test_a_personal_value_is_found_in_a_column_that_the_contract_does_not_have(tempting: Project) -> None:
    rewrite(tempting, TABLE, "SELECT *, DATE '1980-02-03' AS born FROM stored")
    found = evaluations(check_alone(tempting, TABLE))[TABLE, "has_no_personal_value"]
    assert found.metadata["personal_values_in_born"].value == 1


def test_more_subjects_than_customers_who_consent_are_found(ada: Project) -> None:
    rewrite(ada, TABLE, "SELECT * REPLACE (subject || sensorReadingTime AS subject) FROM stored")
    result = check_alone(ada, TABLE)
    assert not result.success
    assert failed_checks(result) == {(TABLE, "has_no_extra_subjects")}
    found = findings(result, TABLE, "has_no_extra_subjects")
    assert found == {"subjects": 3, "customers_who_consent": 1}


def test_every_check_of_what_a_row_may_hold_blocks(tempting: Project) -> None:
    checked = evaluations(check_alone(tempting, TABLE))
    assert len(checked) == 9
    assert {check for (_, check), evaluation in checked.items() if not evaluation.blocking} == {
        "has_rows_to_train_with"
    }


def test_the_leaks_of_the_course_are_counted_as_warnings(built: Build) -> None:
    result = built.result
    table = "machine_learning_curated"
    assert findings(result, table, "has_no_mixed_customers") == {"pairs_of_different_customers": 3}
    assert findings(result, table, "has_no_unconsented_row") == {"rows_before_consent": 2}
    assert findings(result, table, "has_no_serial_number") == {"rows_that_name_a_customer": 6}
    warned = [found for (name, _), found in evaluations(result).items() if name == table and not found.passed]
    assert [found.severity for found in warned] == [dagster.AssetCheckSeverity.WARN] * 3


def test_the_leaks_of_the_course_are_not_warned_of_where_there_are_none(ada: Project) -> None:
    ada.land("accelerometer", "accelerometer-1.json", [phone_reading("ada", 200)])
    assert ada.materialize().success
    rewrite(ada, "machine_learning_curated", "SELECT * REPLACE ('none' AS serialNumber) FROM stored")
    result = check_alone(ada, "machine_learning_curated")
    assert result.success
    assert not failed_checks(result)


def test_the_description_of_the_courses_table_names_the_one_to_train_with() -> None:
    assert f"To train a model, use {TABLE}" in TABLES["machine_learning_curated"].description
    assert TABLES[TABLE].description.startswith("The table to train a model with")


def test_the_table_has_none_of_the_columns_that_name_a_person() -> None:
    personal = {column.name for source in SOURCES.values() for column in source.columns if column.personal}
    assert not personal & {column.name for column in TABLES[TABLE].columns}
    assert TABLES[TABLE].personal_columns == ()


def test_a_result_is_computed_once_until_the_next_table_is_stored(local_place: Place) -> None:
    root = local_place.location("lakehouse")
    with duckdb.connect() as connection:
        lakehouse = Lakehouse(root, root, DuckDBEngine(connection))
        drawn = [lakehouse.rows("SELECT random() AS number") for _ in range(2)]
        lakehouse.store("customer_trusted", Query("SELECT 1 AS number"), "run")
        assert drawn[0] == drawn[1] != lakehouse.rows("SELECT random() AS number")
