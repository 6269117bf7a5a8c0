"""A training table without a row is warned of, with the reason."""

from dataclasses import dataclass
from typing import Any

import dagster
import pytest

from stedi_assets_tests.support.checks import check_alone, rewrite
from stedi_assets_tests.support.grid import on_both_engines
from stedi_assets_tests.support.projects import Build, Project
from stedi_assets_tests.support.records import Record, customer, device_reading, phone_reading
from stedi_assets_tests.support.runs import evaluations
from stedi_assets_tests.support.training import land

pytestmark = on_both_engines

CURATED = "machine_learning_curated"
PSEUDONYMIZED = "machine_learning_pseudonymized"
CHECK = "has_rows_to_train_with"


@dataclass(frozen=True)
class Landed:
    """Landing files, and why a training table built from them is empty; None where it has rows."""

    customers: tuple[Record, ...]
    phones: tuple[Record, ...]
    devices: tuple[Record, ...]
    curated: str | None
    pseudonymized: str | None


CONSENTING = customer("ada", research=100)
PHONE = phone_reading("ada", 200)
DEVICE = device_reading("ada", 200)

NO_CONSENT = "no customer consents to research"
NO_PHONE = "the customers who consent have no phone readings"
NO_DEVICE = "the customers who consent have no device readings"
SHARED = "every serial number that has readings is shared by several customers"
NO_INSTANT = "device readings and phone readings have no instant in common"
BEFORE_CONSENT = "every pair of readings is from before its customer's consent"

CASES = {
    "nobody consents": Landed((customer("ada"),), (PHONE,), (DEVICE,), NO_CONSENT, NO_CONSENT),
    "consent was withdrawn": Landed(
        (CONSENTING, customer("ada", lastUpdateDate=30)), (PHONE,), (DEVICE,), NO_CONSENT, NO_CONSENT
    ),
    "phone readings are another's": Landed((CONSENTING,), (phone_reading("bob", 200),), (DEVICE,), NO_PHONE, NO_PHONE),
    "device readings are another's": Landed(
        (CONSENTING,), (PHONE,), (device_reading("bob", 200),), NO_DEVICE, NO_DEVICE
    ),
    "every serial number is shared": Landed(
        (CONSENTING, customer("eve", research=100, serialNumber="serial-ada")), (PHONE,), (DEVICE,), None, SHARED
    ),
    "no instant in common": Landed((CONSENTING,), (PHONE,), (device_reading("ada", 201),), NO_INSTANT, NO_INSTANT),
    "an instant in common with a stranger alone": Landed(
        (CONSENTING, customer("eve", research=100)),
        (PHONE, phone_reading("eve", 300)),
        (device_reading("eve", 200), device_reading("ada", 300)),
        None,
        NO_INSTANT,
    ),
    "readings before the consent": Landed(
        (CONSENTING,), (phone_reading("ada", 99),), (device_reading("ada", 99),), None, BEFORE_CONSENT
    ),
}


def metadata(evaluation: dagster.AssetCheckEvaluation) -> dict[str, Any]:
    return {name: value.value for name, value in evaluation.metadata.items()}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_an_empty_training_table_is_warned_of_with_the_reason(empty_project: Project, case: Landed) -> None:
    result = land(empty_project, case.customers, case.phones, case.devices).materialize()
    assert result.success
    found = {table: evaluations(result)[table, CHECK] for table in (CURATED, PSEUDONYMIZED)}
    assert {evaluation.severity for evaluation in found.values()} == {dagster.AssetCheckSeverity.WARN}
    assert {table: metadata(evaluation).get("reason") for table, evaluation in found.items()} == {
        CURATED: case.curated,
        PSEUDONYMIZED: case.pseudonymized,
    }
    assert [evaluation.passed for evaluation in found.values()] == [case.curated is None, case.pseudonymized is None]


@pytest.mark.parametrize("table", [CURATED, PSEUDONYMIZED])
def test_a_table_that_is_older_than_the_readings_it_lacks_is_told_so(built_project: Project, table: str) -> None:
    rewrite(built_project, table, "FROM stored WHERE false")
    found = evaluations(check_alone(built_project, table))[table, CHECK]
    assert metadata(found)["reason"] == "the tables upstream have changed since the table was built"


@pytest.mark.parametrize(("table", "rows"), [(CURATED, 6), (PSEUDONYMIZED, 2)])
def test_a_training_table_with_rows_passes_and_says_how_many(built: Build, table: str, rows: int) -> None:
    found = evaluations(built.result)[table, CHECK]
    assert found.passed
    assert metadata(found) == {"row_count": rows}
