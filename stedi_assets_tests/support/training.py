"""Projects whose training table is small enough to reason about."""

from collections.abc import Iterable, Mapping
from typing import Any

import dagster
from pydantic import SecretStr

from stedi_assets_tests.support.projects import Project
from stedi_assets_tests.support.records import Record, customer, device_reading, phone_reading
from stedi_assets_tests.support.runs import evaluations

TABLE = "machine_learning_pseudonymized"


def land(project: Project, customers: Iterable[Record], phones: Iterable[Record], devices: Iterable[Record]) -> Project:
    project.land("customer", "customer-1.json", customers)
    project.land("accelerometer", "accelerometer-1.json", phones)
    project.land("step_trainer", "step_trainer-1.json", devices)
    return project


def subjects(project: Project) -> set[str]:
    return {row[0] for row in project.rows(TABLE)}


def metadata(result: dagster.ExecuteInProcessResult, table: str) -> Mapping[str, Any]:
    (event,) = result.asset_materializations_for_node(table)
    return {name: value.value for name, value in event.metadata.items()}


def findings(result: dagster.ExecuteInProcessResult, table: str, check: str) -> dict[str, int]:
    """What a check counted."""
    found = evaluations(result)[table, check].metadata
    return {name: value.value for name, value in found.items() if isinstance(value.value, int)}


def secret(key: bytes) -> SecretStr:
    return SecretStr(key.hex())


def with_readings_of_one_customer(project: Project) -> Project:
    """Lands a reading of one customer's device and phone at 99, 100, 150 and 200."""
    times = (99, 100, 150, 200)
    return land(
        project,
        [customer("ada", research=100)],
        [phone_reading("ada", time) for time in times],
        [device_reading("ada", time) for time in times],
    )


def with_tempting_files(project: Project) -> Project:
    """Lands files where each rule leaves out one pair, and one pair is allowed."""
    return land(
        project,
        [
            customer("ada", research=100),
            customer("eve", research=100),
            customer("fay", research=1, serialNumber="serial-shared"),
            customer("gil", research=1, serialNumber="serial-shared"),
            customer("bob"),
        ],
        [
            phone_reading("ada", 100, x=0.25),
            phone_reading("ada", 90, x=0.5),
            phone_reading("eve", 100, x=0.75),
            phone_reading("eve", 90, x=1.0),
            phone_reading("fay", 400, x=0.125),
            phone_reading("bob", 500, x=0.0625),
        ],
        [
            device_reading("ada", 100),
            device_reading("ada", 90),
            device_reading("shared", 400),
            device_reading("bob", 500),
        ],
    )
