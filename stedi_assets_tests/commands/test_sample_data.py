"""What the made-up landing data promises, counted from the written files with plain Python."""

import errno
import json
import re
import resource
import tracemalloc
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from itertools import pairwise
from math import hypot
from pathlib import Path
from statistics import mean, stdev
from uuid import UUID

import pytest

from stedi_assets.contract import CUSTOMER_COLUMNS, TABLES
from stedi_assets.errors import StediError
from stedi_assets.landing.sample_data import write_sample_data
from stedi_assets_tests.support.checkout import PROJECT
from stedi_assets_tests.support.course import COURSE_COUNTS
from stedi_assets_tests.support.samples import (
    CONSENTS,
    Sample,
    contents,
    count_by_rules,
    make_sample,
    write_in_another_process,
)

# One process writes the samples that the tests look at.
pytestmark = pytest.mark.xdist_group("sample_data")

HOUR = 3_600_000

NEAR = 12
"""Nearer than the farthest reading of the customer by more than noise."""


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return make_sample(tmp_path_factory.mktemp("sample"), scale=1)


@pytest.fixture(scope="module")
def triple(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return make_sample(tmp_path_factory.mktemp("triple"), scale=3)


def depths_by_reading(sample: Sample) -> dict[tuple[str, int], int]:
    """From the email and the instant of a device reading to how much nearer it is than the customer's farthest one."""
    emails = {customer["serialNumber"]: customer["email"] for customer in sample.customers}
    distances: defaultdict[str, dict[int, int]] = defaultdict(dict)
    for reading in sample.device_readings:
        distances[emails[reading["serialNumber"]]][reading["sensorReadingTime"]] = reading["distanceFromObject"]
    return {
        (email, instant): max(of_customer.values()) - distance
        for email, of_customer in distances.items()
        for instant, distance in of_customer.items()
    }


def depths_by_customer(sample: Sample) -> dict[str, list[int]]:
    """The same of each customer, in order of time."""
    depths: defaultdict[str, list[int]] = defaultdict(list)
    for (email, _), depth in sorted(depths_by_reading(sample).items()):
        depths[email].append(depth)
    return depths


@pytest.fixture
def full_disk() -> Iterator[None]:
    """No file can grow beyond 600 kB, which the customers do not reach and the phone readings do."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_the_committed_data_is_what_the_generator_writes(sample: Sample) -> None:
    assert contents(PROJECT / "data") == contents(sample.root)


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_the_bytes_do_not_depend_on_hash_seed_time_zone_or_locale(
    sample: Sample, tmp_path: Path, hash_seed: str
) -> None:
    write_in_another_process(tmp_path, hash_seed)
    assert contents(tmp_path) == contents(sample.root)


@pytest.mark.parametrize(("source", "files"), [("customer", 1), ("accelerometer", 9), ("step_trainer", 3)])
def test_every_source_has_its_number_of_files_named_by_instant(sample: Sample, source: str, files: int) -> None:
    names = [path.name for path in (sample.root / source / "landing").iterdir()]
    assert len(names) == files
    assert all(re.fullmatch(source + r"-\d{13}\.json", name) for name in names)


@pytest.mark.parametrize(
    ("source", "line"),
    [
        (
            "customer",
            r'\{"customerName": "[^"]+", "email": "[^"]+", "phone": "\d+", .*"registrationDate": \d{13}, .*\}',
        ),
        ("accelerometer", r'\{"user":"[^"]+","timestamp":\d{13},"x":-?[012]\.\d,"y":-?[012]\.\d,"z":-?[012]\.\d\}'),
        ("step_trainer", r'\{"sensorReadingTime":\d{13},"serialNumber":"[0-9a-f-]{36}","distanceFromObject":\d{3}\}'),
    ],
)
def test_every_line_is_written_in_the_way_of_its_source(sample: Sample, source: str, line: str) -> None:
    texts = [path.read_text(encoding="ascii") for path in (sample.root / source / "landing").iterdir()]
    assert all(text.endswith("}\n") for text in texts)
    assert all(re.fullmatch(line, record) for text in texts for record in text.splitlines())


def test_there_are_956_customers_with_their_own_email_and_device(sample: Sample) -> None:
    assert len(sample.customers) == 956
    assert len({customer["email"] for customer in sample.customers}) == 956
    assert len({customer["serialNumber"] for customer in sample.customers}) == 956


def test_customers_have_the_columns_of_the_contract_in_order_and_no_key_without_a_value(sample: Sample) -> None:
    columns = [column.name for column in CUSTOMER_COLUMNS]
    for customer in sample.customers:
        assert list(customer) == [name for name in columns if name in customer]
        assert set(columns) - set(customer) <= set(CONSENTS)
        assert None not in customer.values()


def test_customers_are_plausible_and_fictional(sample: Sample) -> None:
    for customer in sample.customers:
        assert re.fullmatch(r"[A-Z][a-z]+ [A-Z][a-z]+", customer["customerName"])
        assert re.fullmatch(r"[a-z]+\.[a-z]+\d+@example\.com", customer["email"])
        assert re.fullmatch(r"[2-9]\d\d55501\d\d", customer["phone"])
        assert 1930 < date.fromisoformat(customer["birthDay"]).year < 2006
        assert UUID(customer["serialNumber"]).version == 4


@pytest.mark.parametrize(("consent", "customers"), list(zip(CONSENTS, (482, 491, 508), strict=True)))
def test_every_consent_is_given_by_its_number_of_customers(sample: Sample, consent: str, customers: int) -> None:
    assert sum(consent in customer for customer in sample.customers) == customers


def test_customers_update_and_consent_after_they_register(sample: Sample) -> None:
    for customer in sample.customers:
        consents = [customer[consent] for consent in CONSENTS if consent in customer]
        assert customer["registrationDate"] <= min([customer["lastUpdateDate"], *consents])


def test_dates_and_readings_lie_in_one_hour(sample: Sample) -> None:
    date_columns = [column.name for column in CUSTOMER_COLUMNS if column.name.endswith("Date")]
    dates = {customer[name] for customer in sample.customers for name in date_columns if name in customer}
    instants = {reading["sensorReadingTime"] for reading in sample.device_readings}
    assert len({instant // HOUR for instant in dates | instants}) == 1


def test_some_readings_come_before_the_consent_and_some_after(sample: Sample) -> None:
    instants = sample.instants_by_serial_number
    after_consent = Counter(
        instant >= customer["shareWithResearchAsOfDate"]
        for customer in sample.consenting
        for instant in instants[customer["serialNumber"]]
    )
    assert min(after_consent[False], after_consent[True]) > 14_460 / 10


def test_every_customer_has_30_device_readings(sample: Sample) -> None:
    readings = sample.instants_by_serial_number
    assert set(readings) == {customer["serialNumber"] for customer in sample.customers}
    assert {len(instants) for instants in readings.values()} == {30}


def test_device_readings_of_a_customer_are_2_to_3_and_a_half_seconds_apart(sample: Sample) -> None:
    gaps = {
        later - earlier
        for instants in sample.instants_by_serial_number.values()
        for earlier, later in pairwise(instants)
    }
    assert min(gaps) >= 2_000
    assert max(gaps) <= 3_500


def test_all_readings_lie_within_43_minutes(sample: Sample) -> None:
    instants = [reading["sensorReadingTime"] for reading in sample.device_readings]
    assert 42 * 60_000 < max(instants) - min(instants) <= 43 * 60_000


def test_27110_instants_are_shared_by_up_to_five_customers(sample: Sample) -> None:
    customers_at = Counter(reading["sensorReadingTime"] for reading in sample.device_readings)
    assert len(customers_at) == 27_110
    assert Counter(customers_at.values()) == {1: 25_629, 2: 1_399, 3: 77, 4: 3, 5: 2}


def test_every_device_reading_has_one_to_six_phone_readings_of_its_customer_and_there_are_no_others(
    sample: Sample,
) -> None:
    emails = {customer["serialNumber"]: customer["email"] for customer in sample.customers}
    phone_readings = Counter((reading["user"], reading["timestamp"]) for reading in sample.phone_readings)
    device_readings = Counter(
        (emails[reading["serialNumber"]], reading["sensorReadingTime"]) for reading in sample.device_readings
    )
    assert set(phone_readings) == set(device_readings)
    assert set(device_readings.values()) == {1}
    assert Counter(phone_readings.values()) == {1: 92, 2: 4_589, 3: 23_996, 4: 1, 5: 1, 6: 1}


def test_accelerations_and_distances_are_plausible_numbers(sample: Sample) -> None:
    accelerations = {reading[axis] for reading in sample.phone_readings for axis in "xyz"}
    assert min(accelerations) >= -2.0
    assert max(accelerations) <= 2.0
    distances = {reading["distanceFromObject"] for reading in sample.device_readings}
    assert distances <= set(range(201, 301))
    assert len(distances) > 80


def test_a_customer_stands_and_steps_in_turn_for_several_readings(sample: Sample) -> None:
    after = {False: Counter[bool](), True: Counter[bool]()}
    for depths in depths_by_customer(sample).values():
        for earlier, later in pairwise(depth > NEAR for depth in depths):
            after[earlier][later] += 1
    assert after[True].total() > 28_680 / 5
    assert after[True][True] / after[True].total() > 0.6
    assert after[False][True] / after[False].total() < 0.3


def test_the_phone_feels_most_of_its_weight_while_standing_and_less_in_the_middle_of_a_step(sample: Sample) -> None:
    felt: dict[bool, list[float]] = {False: [], True: []}
    depths = depths_by_reading(sample)
    for reading in sample.phone_readings:
        felt[depths[reading["user"], reading["timestamp"]] > NEAR].append(hypot(*(reading[axis] for axis in "xyz")))
    assert 0.95 < mean(felt[False]) < 1.05
    assert mean(felt[True]) < 0.9
    assert stdev(felt[True]) > 1.5 * stdev(felt[False])


def test_customers_differ_in_where_the_device_stands_and_how_they_carry_the_phone(sample: Sample) -> None:
    farthest: defaultdict[str, int] = defaultdict(int)
    for reading in sample.device_readings:
        farthest[reading["serialNumber"]] = max(farthest[reading["serialNumber"]], reading["distanceFromObject"])
    assert len(set(farthest.values())) > 30
    by_user: defaultdict[str, list[float]] = defaultdict(list)
    for reading in sample.phone_readings:
        by_user[reading["user"]].append(reading["x"])
    assert stdev(mean(accelerations) for accelerations in by_user.values()) > 0.3
    assert mean(stdev(accelerations) for accelerations in by_user.values()) < 0.2


def test_scale_1_gives_the_counts_of_the_course(sample: Sample) -> None:
    assert sample.counts == COURSE_COUNTS


def test_the_counts_are_written_in_the_order_of_the_tables_after_the_digest_of_the_files(sample: Sample) -> None:
    written = json.loads((sample.root / "expected_counts.json").read_text(encoding="utf-8"))
    digest, *tables = written
    assert digest == "landing_files"
    assert {table: written[table] for table in tables} == sample.counts
    assert tables == [table for table in TABLES if not table.endswith("_quarantine")]


def test_a_table_of_the_contract_that_no_rule_counts_is_an_error_that_says_where_to_add_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TABLES, "steps", replace(TABLES["customer_trusted"], name="steps"))
    with pytest.raises(StediError, match=r"no expected count of steps\. .* stedi_assets/landing/sample_counts\.py"):
        write_sample_data(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_counts_are_those_of_the_written_records_by_the_rules_of_the_tables(sample: Sample, triple: Sample) -> None:
    assert count_by_rules(sample) == sample.counts
    assert count_by_rules(triple) == triple.counts


def test_2700_machine_learning_rows_pair_a_device_with_the_phone_of_another_customer(sample: Sample) -> None:
    emails = {customer["serialNumber"]: customer["email"] for customer in sample.consenting}
    consenting_users = set(emails.values())
    users_at: defaultdict[int, list[str]] = defaultdict(list)
    for reading in sample.phone_readings:
        users_at[reading["timestamp"]].append(reading["user"])
    own_phone = Counter(
        user == emails[reading["serialNumber"]]
        for reading in sample.device_readings
        if reading["serialNumber"] in emails
        for user in users_at[reading["sensorReadingTime"]]
        if user in consenting_users
    )
    assert own_phone == {True: 40_981, False: 2_700}


def test_scale_3_gives_three_times_the_counts(triple: Sample) -> None:
    assert triple.counts == {table: 3 * rows for table, rows in COURSE_COUNTS.items()}


def test_scale_3_has_no_customer_and_no_instant_twice(triple: Sample) -> None:
    assert len({customer["email"] for customer in triple.customers}) == 3 * 956
    assert len({customer["serialNumber"] for customer in triple.customers}) == 3 * 956
    assert len({reading["sensorReadingTime"] for reading in triple.device_readings}) == 3 * 27_110
    assert len({reading["timestamp"] for reading in triple.phone_readings}) == 3 * 27_110


def test_scale_3_has_the_same_files_as_scale_1(sample: Sample, triple: Sample) -> None:
    assert set(contents(triple.root)) == set(contents(sample.root))


@pytest.mark.parametrize("scale", [0, -1])
def test_a_scale_below_1_is_refused(tmp_path: Path, scale: int) -> None:
    with pytest.raises(ValueError, match=f"at scale {scale}: the scale must be 1 or more"):
        write_sample_data(tmp_path / "output", scale)
    assert not (tmp_path / "output").exists()


@pytest.mark.parametrize("source", ["customer", "accelerometer", "step_trainer"])
def test_landing_files_of_somebody_else_are_refused_and_left_alone(tmp_path: Path, source: str) -> None:
    foreign = tmp_path / source / "landing" / "2024" / f"{source}-1.json"
    foreign.parent.mkdir(parents=True)
    foreign.write_text("{}\n")
    with pytest.raises(FileExistsError, match=re.escape(f"{foreign}. Choose another folder, or move these files away")):
        write_sample_data(tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [foreign]


def test_an_earlier_sample_is_replaced(sample: Sample, tmp_path: Path) -> None:
    write_sample_data(tmp_path, scale=2)
    write_sample_data(tmp_path, scale=1)
    assert contents(tmp_path) == contents(sample.root)


def test_files_outside_the_landing_folders_are_left_alone(tmp_path: Path) -> None:
    other = tmp_path / "customer" / "trusted" / "customer_trusted.parquet"
    other.parent.mkdir(parents=True)
    other.write_text("somebody's table")
    write_sample_data(tmp_path)
    assert other.read_text() == "somebody's table"


@pytest.mark.usefixtures("full_disk")
def test_a_full_disk_leaves_no_file_behind(tmp_path: Path) -> None:
    with pytest.raises(OSError) as failure:
        write_sample_data(tmp_path)
    assert failure.value.errno == errno.EFBIG
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_an_earlier_sample_whole(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    write_sample_data(tmp_path)
    before = contents(tmp_path)
    request.getfixturevalue("full_disk")
    with pytest.raises(OSError):
        write_sample_data(tmp_path, scale=2)
    assert contents(tmp_path) == before


def test_a_sample_that_is_only_partly_in_place_has_no_expected_counts(tmp_path: Path) -> None:
    write_sample_data(tmp_path)
    last_file = max((tmp_path / "step_trainer" / "landing").iterdir())
    last_file.unlink()
    last_file.mkdir()
    with pytest.raises(IsADirectoryError):
        write_sample_data(tmp_path, scale=2)
    assert not (tmp_path / "expected_counts.json").exists()


def test_memory_does_not_grow_with_scale(tmp_path: Path) -> None:
    peaks = dict.fromkeys((1, 2), 0)
    for scale in peaks:
        tracemalloc.start()
        write_sample_data(tmp_path, scale)
        peaks[scale] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peaks[2] < 1.2 * peaks[1]
