"""Training data that keeps its promise: whose readings it holds, since when, and who could tell."""

import hmac
import json
import pickle
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster
import duckdb
import pytest
from pydantic import SecretStr, ValidationError

from stedi_assets.engines.duckdb.engine import DuckDBEngine
from stedi_assets.errors import StediError
from stedi_assets.lakehouse import Lakehouse
from stedi_assets.pseudonyms import Pseudonyms
from stedi_assets.query import Query
from stedi_assets.settings import Settings, read_settings
from stedi_assets.tables import SOURCES, TABLES
from stedi_assets_tests.conftest import (
    AT_DEBUG_LEVEL,
    PROJECT,
    QUIET,
    Build,
    Builds,
    Place,
    Project,
    Record,
    customer,
    device_reading,
    evaluations,
    failed_checks,
    phone_reading,
)
from stedi_assets_tests.conftest import KEY as BUILT_WITH
from stedi_assets_tests.test_acceptance import COURSE_DATA
from stedi_assets_tests.test_checks import check_alone, rewrite

TABLE = "machine_learning_pseudonymized"
COMPUTED_TABLES = [name for name, table in TABLES.items() if table.zone != "landing"]

KEY = bytes(range(7, 39))
LONG_KEY = bytes(range(100, 200))

READINGS = "sensorReadingTime, distanceFromObject, x, y, z"


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


@pytest.fixture
def ada(empty_project: Project, place_kind: str, engine: str, builds: Builds) -> Project:
    """A project of one customer, built."""
    return builds(place_kind, engine, with_readings_of_one_customer).copy_to(empty_project)


# The rule


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


# Consent withdrawn


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


# The numbers, by plain Python


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


@pytest.mark.parametrize(
    ("root", "rows"), [(COURSE_DATA, 32_025), (PROJECT / "data", 27_190)], ids=["course", "generated"]
)
def test_the_known_numbers_of_rows_are_those_that_plain_python_counts(root: Path, rows: int) -> None:
    if not root.is_dir():
        pytest.skip("the course's data, whose licence keeps it out of this project, is not beside the checkout")
    assert count_by_rules(root) == rows


# The checks


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


@pytest.fixture
def tempting(empty_project: Project, place_kind: str, engine: str, builds: Builds) -> Project:
    project = builds(place_kind, engine, with_tempting_files).copy_to(empty_project)
    assert Counter(row[1:] for row in project.rows(TABLE)) == {(100, 250, 0.25, -1.0, 0.5): 1}
    return project


COMPARED = ("has_the_rows_computed_another_way", "groups_with_too_many_rows")
BEFORE_CONSENT = ("has_no_row_before_consent", "rows_before_consent")
STRANGERS = ("has_no_pair_of_different_customers", "pairs_of_different_customers")
AMBIGUOUS = ("has_no_row_of_an_ambiguous_serial_number", "rows_of_an_ambiguous_serial_number")


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
    assert failed_checks(result) == {(TABLE, "has_no_value_that_names_a_customer")}
    found = findings(result, TABLE, "has_no_value_that_names_a_customer")
    assert found["personal_values_in_subject"] == sum(found.values()) == 1


@pytest.mark.parametrize("column", ["distanceFromObject", "x"])
def test_a_personal_text_that_is_a_number_is_found_in_a_column_of_numbers(tempting: Project, column: str) -> None:
    rewrite(tempting, TABLE, f"SELECT * REPLACE (2065550100 AS {column}) FROM stored")
    found = evaluations(check_alone(tempting, TABLE))[TABLE, "has_no_value_that_names_a_customer"]
    assert not found.passed
    assert found.metadata[f"personal_values_in_{column}"].value == 1


def test_a_personal_value_is_found_in_a_column_that_the_contract_does_not_have(tempting: Project) -> None:
    rewrite(tempting, TABLE, "SELECT *, DATE '1980-02-03' AS born FROM stored")
    found = evaluations(check_alone(tempting, TABLE))[TABLE, "has_no_value_that_names_a_customer"]
    assert found.metadata["personal_values_in_born"].value == 1


def test_more_subjects_than_customers_who_consent_are_found(ada: Project) -> None:
    rewrite(ada, TABLE, "SELECT * REPLACE (subject || sensorReadingTime AS subject) FROM stored")
    result = check_alone(ada, TABLE)
    assert not result.success
    assert failed_checks(result) == {(TABLE, "has_no_more_subjects_than_customers_who_consent")}
    found = findings(result, TABLE, "has_no_more_subjects_than_customers_who_consent")
    assert found == {"subjects": 3, "customers_who_consent": 1}


def test_every_check_of_the_table_blocks(tempting: Project) -> None:
    checked = [
        evaluation for (table, _), evaluation in evaluations(check_alone(tempting, TABLE)).items() if table == TABLE
    ]
    assert len(checked) == 8
    assert all(evaluation.blocking for evaluation in checked)


def test_the_leaks_of_the_course_are_counted_as_warnings(built: Build) -> None:
    result = built.result
    table = "machine_learning_curated"
    assert findings(result, table, "has_no_pair_of_different_customers") == {"pairs_of_different_customers": 3}
    assert findings(result, table, "has_no_row_before_consent") == {"rows_before_consent": 2}
    assert findings(result, table, "has_no_serial_number_that_names_a_customer") == {"rows_that_name_a_customer": 6}
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
    assert TABLES[TABLE].description.startswith("What to train a model with")


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


# The pseudonyms


def test_a_key_may_be_longer_than_a_block(built_project: Project) -> None:
    assert built_project.materialize(TABLE, pseudonym_key=secret(LONG_KEY)).success
    assert subjects(built_project) == {hmac.new(LONG_KEY, b"ada@example.com", "sha256").hexdigest()}


def test_with_a_key_the_subjects_of_every_build_and_place_are_the_same(built_project: Project) -> None:
    for _ in range(2):
        result = built_project.materialize(TABLE, pseudonym_key=secret(KEY))
        assert metadata(result, TABLE)["pseudonym_key"] == "STEDI_PSEUDONYM_KEY"
        assert subjects(built_project) == {hmac.new(KEY, b"ada@example.com", "sha256").hexdigest()}


def test_without_a_key_the_subjects_of_another_build_are_others(built_project: Project) -> None:
    built = []
    for _ in range(2):
        result = built_project.materialize(TABLE)
        assert metadata(result, TABLE)["pseudonym_key"] == "random, for this build"
        built.append(subjects(built_project))
    assert len(built[0]) == len(built[1]) == 1
    assert not built[0] & built[1]


def test_without_a_key_two_builds_of_one_process_cannot_be_linked_either(ada: Project) -> None:
    job = ada.definitions().resolve_job_def("lakehouse")
    built = []
    for _ in range(2):
        with dagster.DagsterInstance.ephemeral() as instance:
            assert job.execute_in_process(QUIET, instance, asset_selection=[dagster.AssetKey(TABLE)]).success
        built.append(subjects(ada))
    assert not built[0] & built[1]


def test_the_metadata_says_how_many_rows_a_subject_has(ada: Project) -> None:
    ada.land("customer", "customer-2.json", [customer("eve", research=1)])
    ada.land("accelerometer", "accelerometer-2.json", [phone_reading("eve", 7), phone_reading("eve", 8)])
    ada.land("step_trainer", "step_trainer-2.json", [device_reading("eve", 7), device_reading("eve", 8)])
    found = metadata(ada.materialize(), TABLE)
    assert (found["subjects"], found["rows_per_subject_least"], found["rows_per_subject_median"]) == (2, 2, 2.5)


def test_a_table_without_rows_has_no_rows_per_subject(ada: Project) -> None:
    ada.land("customer", "customer-1.json", [customer("ada")])
    found = metadata(ada.materialize(), TABLE)
    assert found["subjects"] == 0
    assert "rows_per_subject_least" not in found


def test_only_the_table_with_pseudonyms_says_which_key(built: Build) -> None:
    assert metadata(built.result, TABLE)["pseudonym_key"] == "STEDI_PSEUDONYM_KEY"
    assert "pseudonym_key" not in metadata(built.result, "machine_learning_curated")


@pytest.mark.parametrize(
    "value", ["", "not hexadecimal", KEY.hex()[2:], KEY.hex() + "0", "x" * 64], ids=lambda value: f"{len(value)} long"
)
def test_an_illegal_key_is_one_line_that_does_not_show_it(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("STEDI_PSEUDONYM_KEY", value)
    with pytest.raises(StediError) as raised:
        read_settings()
    assert str(raised.value) == (
        "STEDI_PSEUDONYM_KEY is not legal: it is not 32 bytes or more as hexadecimal digits, such as "
        "openssl rand -hex 32 gives. Correct or unset the variable."
    )
    with pytest.raises(ValidationError) as refused:
        Settings()
    assert not value or value not in str(refused.value)


def test_a_key_shows_neither_in_the_settings_nor_in_what_makes_pseudonyms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEDI_PSEUDONYM_KEY", KEY.hex())
    assert KEY.hex() not in f"{read_settings()!r} {read_settings()}"
    assert repr(Pseudonyms(KEY)) == str(Pseudonyms(KEY)) == "Pseudonyms(under a given key)"
    assert repr(Pseudonyms()) == "Pseudonyms(under a random key)"


def test_pseudonyms_are_the_same_in_another_process() -> None:
    for pseudonyms in (Pseudonyms(KEY), Pseudonyms()):
        copy = pickle.loads(pickle.dumps(pseudonyms))
        assert copy("ada@example.com") == pseudonyms("ada@example.com")
        assert copy.is_linkable == pseudonyms.is_linkable


def forms_of_the_key() -> Sequence[bytes]:
    """The key and what it can be told from, as bytes and as text."""
    secrets = (KEY, *Pseudonyms(KEY).pads)
    spelt = [form for content in secrets for form in (content.hex(), content.hex(" "), content.hex("\\"))]
    escaped = ["".join(f"\\x{byte:02X}" for byte in content) for content in secrets]
    texts = [*spelt, *escaped]
    return [*secrets, *(form.encode() for text in texts for form in (text, text.upper(), text.lower()))]


def test_the_key_is_in_no_output_no_event_no_metadata_and_no_file(
    tmp_path: Path, empty_local_project: Project, capfd: pytest.CaptureFixture[str]
) -> None:
    ada = with_readings_of_one_customer(empty_local_project)
    job = ada.definitions(pseudonym_key=secret(KEY)).resolve_job_def("lakehouse")
    storage = tmp_path / "storage"
    storage.mkdir()
    with dagster.DagsterInstance.local_temp(str(storage)) as instance:
        result = job.execute_in_process(AT_DEBUG_LEVEL, instance)
        events = "".join(str(record) for record in instance.all_logs(result.run_id))
    assert subjects(ada) == {hmac.new(KEY, b"ada@example.com", "sha256").hexdigest()}
    captured = capfd.readouterr()
    printed = captured.out + captured.err
    assert "machine_learning_pseudonymized" in printed
    assert "machine_learning_pseudonymized" in events
    files = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    assert any(b"machine_learning_pseudonymized" in content for content in files.values())
    for form in forms_of_the_key():
        assert form not in printed.encode()
        assert form not in events.encode()
        assert not [file for file, content in files.items() if form in content]


@pytest.mark.parametrize(
    "expression",
    ["pseudonym()", "pseudonym(1, 2)", "pseudonym(missing)", "sum(pseudonym('ada'))", "abs(pseudonym('ada'))"],
)
def test_the_key_is_in_no_error(expression: str) -> None:
    with duckdb.connect() as connection:
        engine = DuckDBEngine(connection, pseudonyms=Pseudonyms(KEY))
        with pytest.raises(StediError) as raised:
            engine.rows(Query(f"SELECT {expression} AS subject"))
    for form in forms_of_the_key():
        assert form not in str(raised.value).encode()


# Personal data everywhere else


MARKED = {
    "customerName": "Mark Markerson",
    "email": "marked@example.com",
    "phone": "2065550177",
    "birthDay": "1971-07-17",
    "serialNumber": "serial-marked",
}
"""What a customer's record holds that nobody else's does."""


def with_marked_files(project: Project) -> Project:
    """Lands files of a customer whose personal values are looked for, whole and broken ones."""
    record = customer("marked", research=100, **MARKED)
    garbled = [json.dumps(record)[:-7], json.dumps({**record, "email": [MARKED["email"]]}), ";".join(MARKED.values())]
    for number, text in enumerate(garbled):
        project.land_text("customer", f"garbled-{number}.json", text)
    return land(project, [record], [phone_reading("marked", 100)], [device_reading("marked", 100)])


@dagster.asset(io_manager_key="io_manager", deps=["customer_landing"])
def names_as_numbers() -> Query:
    """An asset of somebody's that fails over a personal value."""
    return Query("SELECT CAST(customer.email AS BIGINT) AS email FROM customer_landing AS customer")


def test_no_personal_value_is_in_any_output_event_or_metadata_of_runs_at_debug_level(
    empty_project: Project, tmp_path_factory: pytest.TempPathFactory, capfd: pytest.CaptureFixture[str]
) -> None:
    project, storage = with_marked_files(empty_project), tmp_path_factory.mktemp("storage")
    events = []
    with dagster.DagsterInstance.local_temp(str(storage)) as instance:
        for max_quarantined, succeeds in ((1.0, True), (0.0, False)):
            job = project.definitions(max_quarantined=max_quarantined, full_refresh=True).resolve_job_def("lakehouse")
            result = job.execute_in_process(AT_DEBUG_LEVEL, instance, raise_on_error=False)
            assert result.success == succeeds
            events += [str(record) for record in instance.all_logs(result.run_id)]
        failed = dagster.materialize(
            [names_as_numbers], resources=project.definitions().resources, instance=instance, raise_on_error=False
        )
        assert not failed.success
        events += [str(record) for record in instance.all_logs(failed.run_id)]
    captured = capfd.readouterr()
    stored = b"".join(file.read_bytes() for file in storage.rglob("*") if file.is_file())
    assert {row[1] for row in project.rows("customer_trusted")} == {MARKED["email"]}
    for told in (captured.out + captured.err, "".join(events), stored.decode(errors="replace")):
        assert "customer_trusted" in told
        assert [value for value in MARKED.values() if value in told] == []
