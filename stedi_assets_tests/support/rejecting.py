"""Runs whose audit rejects a table: edits of SELECTs and checks that do so, and what a rejection leaves on disk."""

import json
import tempfile
from pathlib import Path

from stedi_assets.contract import TABLES, table_path
from stedi_assets.defs.assets import QUERIES
from stedi_assets.defs.checks.tables import table_checks
from stedi_assets.query import Query
from stedi_assets.storage.attempt import REJECTION_FILE, STATE_FILE
from stedi_assets.storage.location import Location
from stedi_assets.storage.rejection import Rejection, read_rejection
from stedi_assets_tests.support.changing import Changing
from stedi_assets_tests.support.engines import KEY
from stedi_assets_tests.support.projects import Project
from stedi_assets_tests.support.records import customer, phone_reading

__all__ = ["REJECTION_FILE", "STATE_FILE"]

BREAKING = {
    "customer_trusted": Query(QUERIES["customer_trusted"].sql.partition("WHERE")[0]),
    "accelerometer_trusted": Query(QUERIES["accelerometer_trusted"].sql.partition("WHERE")[0]),
    "customer_curated": Query(f"{QUERIES['customer_curated'].sql} LIMIT 1"),
    "step_trainer_trusted": Query(QUERIES["step_trainer_trusted"].sql.partition("WHERE")[0]),
    "machine_learning_curated": Query(f"{QUERIES['machine_learning_curated'].sql} AND phone.user > 'b'"),
    "machine_learning_pseudonymized": Query(
        QUERIES["machine_learning_pseudonymized"]
        .sql.replace("device.sensorReadingTime >=", "0 <")
        .partition("AND phone")[0]
    ),
}
"""From a table to a SELECT of which the rows break a blocking check."""


def break_table(changing: Changing, table: str) -> None:
    changing.queries[table] = BREAKING[table]


def mend_table(changing: Changing, table: str) -> None:
    changing.queries[table] = QUERIES[table]


def allow_in_quarantine(changing: Changing, fraction: float) -> None:
    """Sets STEDI_MAX_QUARANTINED."""
    for name, table in TABLES.items():
        changing.checks[name] = table_checks(table, {}, fraction)


def rejection(changing: Changing, table: str) -> Rejection | None:
    return read_rejection(Location(str(changing.table_folder(table))))


def with_rejected_version(project: Project, table: str) -> Rejection:
    """Delivers a customer whose rows fail a table's audit, because it expects another number of rows."""
    project.land("customer", "customer-zoe.json", [customer("zoe", research=1)])
    project.land("accelerometer", "accelerometer-zoe.json", [phone_reading("zoe", 100)])
    with tempfile.NamedTemporaryFile("w") as expected_counts:
        json.dump({table: 99}, expected_counts)
        expected_counts.flush()
        result = project.materialize(expected_counts=Path(expected_counts.name), pseudonym_key=KEY.hex())
    assert not result.success
    found = read_rejection(project.location(table_path(table)))
    assert found
    return found
