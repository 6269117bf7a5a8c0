"""Whose readings a training table holds, and since when."""

import hmac
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from stedi_assets_tests.support.checkout import PROJECT
from stedi_assets_tests.support.course import COURSE_DATA, available
from stedi_assets_tests.support.engines import KEY as BUILT_WITH
from stedi_assets_tests.support.grid import on_both_engines
from stedi_assets_tests.support.projects import COMPUTED_TABLES, Build, Builds, Project
from stedi_assets_tests.support.records import Record, customer, device_reading, phone_reading
from stedi_assets_tests.support.training import TABLE, land, subjects

pytestmark = on_both_engines


@dataclass(frozen=True)
class Rule:
    """What one customer's records say, and when the readings were taken that may be used then.

    Attributes:
        customers: The records, by the customer's name.
        instants: Of the table's rows about this customer.
        trusted: How many of the records are trusted.
        device: The name of another device of the customer, which is read at 200.
    """

    customers: Callable[[str], Sequence[Record]]
    instants: Sequence[int]
    trusted: int
    device: str | None = None


SINCE_100 = (100, 150, 200)


RULES: Mapping[str, Rule] = {
    "a reading counts from the very instant of consent": Rule(
        lambda name: [customer(name, research=100)], SINCE_100, trusted=1
    ),
    "a serial number that another customer who consents carries too is left out": Rule(
        lambda name: [
            customer(name, research=100),
            customer(f"{name}-other", research=1, serialNumber=f"serial-{name}"),
        ],
        (),
        trusted=1,
    ),
    "a serial number that another customer who does not consent carries too is left out": Rule(
        lambda name: [customer(name, research=100), customer(f"{name}-other", serialNumber=f"serial-{name}")],
        (),
        trusted=1,
    ),
    "a serial number that two records of one customer carry is kept once": Rule(
        lambda name: [customer(name, research=100), customer(name, research=100, lastUpdateDate=30)],
        SINCE_100,
        trusted=2,
    ),
    "a customer with two devices is one subject": Rule(
        lambda name: [customer(name, research=100), customer(name, research=100, serialNumber=f"serial-{name}-second")],
        (*SINCE_100, 200),
        trusted=2,
        device="second",
    ),
    "the device of a record from before the consent is left out": Rule(
        lambda name: [
            customer(name, research=100),
            customer(name, serialNumber=f"serial-{name}-old", lastUpdateDate=10),
        ],
        SINCE_100,
        trusted=1,
        device="old",
    ),
    "a later record without consent withdraws it": Rule(
        lambda name: [customer(name, research=100), customer(name, lastUpdateDate=21)], (), trusted=0
    ),
    "a record without consent as late as one with it withdraws it": Rule(
        lambda name: [customer(name, research=100), customer(name, research=0, lastUpdateDate=20)], (), trusted=0
    ),
    "an earlier record without consent withdraws nothing": Rule(
        lambda name: [customer(name, research=100), customer(name, lastUpdateDate=19)], SINCE_100, trusted=1
    ),
    "a later consent takes the place of the earlier": Rule(
        lambda name: [customer(name, research=100), customer(name, research=150, lastUpdateDate=30)],
        (150, 200),
        trusted=2,
    ),
    "an earlier record does not bring its consent back": Rule(
        lambda name: [customer(name, research=100), customer(name, research=1, lastUpdateDate=19)],
        SINCE_100,
        trusted=2,
    ),
    "who consents again after a withdrawal is back from then on": Rule(
        lambda name: [
            customer(name, research=100),
            customer(name, lastUpdateDate=30),
            customer(name, research=200, lastUpdateDate=40),
        ],
        (200,),
        trusted=1,
    ),
    "of consents of equally late records the last counts": Rule(
        lambda name: [customer(name, research=100), customer(name, research=150)], (150, 200), trusted=2
    ),
    "a record without a date is older than one with a date": Rule(
        lambda name: [customer(name, research=100, lastUpdateDate=1), customer(name, lastUpdateDate=None)],
        SINCE_100,
        trusted=1,
    ),
    "a record without a date is as old as one of the first instant": Rule(
        lambda name: [customer(name, research=100, lastUpdateDate=0), customer(name, lastUpdateDate=None)],
        (),
        trusted=0,
    ),
    "of two records without a date the one without consent counts": Rule(
        lambda name: [customer(name, research=100, lastUpdateDate=None), customer(name, lastUpdateDate=None)],
        (),
        trusted=0,
    ),
}


def name_and_x(rule: str) -> tuple[str, float]:
    """The customer's name, and what nobody else's phone reads."""
    number = list(RULES).index(rule)
    return f"küstomer{number}", number / 1024


def with_a_customer_for_each_rule(project: Project) -> Project:
    """Lands readings of every customer's device and phone at the same instants, so that all are strangers' too."""
    customers: list[Record] = []
    phones: list[Record] = []
    devices: list[Record] = []
    for text, rule in RULES.items():
        name, x = name_and_x(text)
        customers += rule.customers(name)
        phones += [phone_reading(name, instant, x) for instant in (99, *SINCE_100)]
        devices += [device_reading(name, instant) for instant in (99, *SINCE_100)]
        devices += [device_reading(f"{name}-{rule.device}", 200)] if rule.device else []
    return land(project, customers, phones, devices)


@pytest.mark.parametrize("text", RULES)
def test_each_rule_of_consent_holds(place_kind: str, engine: str, builds: Builds, text: str) -> None:
    project = builds(place_kind, engine, with_a_customer_for_each_rule).project
    name, x = name_and_x(text)
    subject = hmac.new(BUILT_WITH, f"{name}@example.com".encode(), "sha256").hexdigest()
    rows = [row for row in project.rows(TABLE).elements() if row[0] == subject]
    assert sorted(row[1] for row in rows) == sorted(RULES[text].instants)
    assert {row[3] for row in rows} <= {x}
    trusted = [row for row in project.rows("customer_trusted").elements() if row[1] == f"{name}@example.com"]
    assert len(trusted) == RULES[text].trusted


def test_a_row_pairs_the_device_and_the_phone_of_one_customer_at_one_instant(built: Build) -> None:
    rows = built.project.rows(TABLE)
    assert Counter(row[1:] for row in rows.elements()) == {
        (100, 201, 0.25, -1.0, 0.5): 1,
        (100, 201, 0.75, -1.0, 0.5): 1,
    }
    assert len(subjects(built.project)) == 1


def test_a_customer_whose_later_record_has_no_consent_leaves_every_trusted_and_curated_table(
    built_project: Project,
) -> None:
    built_project.land("customer", "customer-2.json", [customer("ada", lastUpdateDate=21)])
    assert built_project.materialize().success
    for table in COMPUTED_TABLES:
        assert not [row for row in built_project.rows(table) if {"ada@example.com", "serial-ada"} & set(row)]
    assert built_project.counts() == {
        "customer_landing": 6,
        "accelerometer_landing": 6,
        "step_trainer_landing": 5,
        "customer_trusted": 2,
        "accelerometer_trusted": 1,
        "customer_curated": 1,
        "step_trainer_trusted": 1,
        "machine_learning_curated": 1,
        TABLE: 0,
    }


def count_by_rules(root: Path) -> int:
    records = {
        source: [json.loads(line) for file in sorted((root / source / "landing").iterdir()) for line in file.open("rb")]
        for source in ("customer", "accelerometer", "step_trainer")
    }
    carriers: defaultdict[str, set[str]] = defaultdict(set)
    latest: dict[str, Record] = {}
    for record in records["customer"]:
        carriers[record["serialNumber"]].add(record["email"])
        assert record["email"] not in latest
        latest[record["email"]] = record
    phones = Counter((record["user"], record["timestamp"]) for record in records["accelerometer"])
    rows = 0
    for device in records["step_trainer"]:
        (owner,) = carriers[device["serialNumber"]]
        consent = latest[owner].get("shareWithResearchAsOfDate")
        if consent and device["sensorReadingTime"] >= consent:
            rows += phones[owner, device["sensorReadingTime"]]
    return rows


@pytest.mark.parametrize("root", [COURSE_DATA, PROJECT / "data"], ids=["course", "generated"])
def test_the_known_number_of_rows_is_that_which_plain_python_counts(root: Path) -> None:
    assert count_by_rules(available(root)) == 32_025
