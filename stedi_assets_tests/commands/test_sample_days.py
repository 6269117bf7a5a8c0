"""What made-up landing data over several days promises, counted from the written files with plain Python."""

import re
import shutil
import tracemalloc
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from stedi_assets.landing.sample_data import write_sample_data
from stedi_assets.landing.sample_days import HOUR, cut_hour, day_files, day_of
from stedi_assets_tests.support.course import COURSE_COUNTS
from stedi_assets_tests.support.projects import Project
from stedi_assets_tests.support.samples import (
    CONSENTS,
    Record,
    Sample,
    contents,
    count_by_rules,
    make_sample,
    write_in_another_process,
)

# One process writes the samples that the tests look at.
pytestmark = pytest.mark.xdist_group("sample_days")

INSTANTS = {"accelerometer": "timestamp", "step_trainer": "sensorReadingTime"}
DATES = ("registrationDate", "lastUpdateDate", *CONSENTS)


def readings_of_days(root: Path, source: str, days: int) -> list[list[int]]:
    """The instants of each day's readings, day by day."""
    found = re.compile(rf'"{INSTANTS[source]}":(\d+)')
    return [
        [int(at) for at in found.findall((root / day_files(day)[source]).read_text())] for day in range(1, days + 1)
    ]


def without_times(records: list[Record]) -> Counter[tuple[object, ...]]:
    times = {*INSTANTS.values(), *DATES}
    return Counter(tuple((name, value) for name, value in record.items() if name not in times) for record in records)


@pytest.fixture(scope="module")
def hour(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """A sample that is not spread."""
    return make_sample(tmp_path_factory.mktemp("hour"), scale=1)


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return make_sample(tmp_path_factory.mktemp("week"), scale=1, days=7)


@pytest.fixture(scope="module")
def two_days(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """Three replicas, of which the middle one lies on both days."""
    return make_sample(tmp_path_factory.mktemp("two-days"), scale=3, days=2)


def test_every_day_has_one_file_of_each_kind_of_reading_and_the_first_day_has_the_customers(week: Sample) -> None:
    dates = [f"2024-03-{day:02}" for day in range(5, 12)]
    assert set(contents(week.root)) == {
        "customer/landing/customer-sample-2024-03-05.json",
        *(f"accelerometer/landing/accelerometer-sample-{day}.json" for day in dates),
        *(f"step_trainer/landing/step_trainer-sample-{day}.json" for day in dates),
        "expected_counts.json",
    }


@pytest.mark.parametrize(("scale", "days"), [(1, 1), (1, 7), (1, 100), (1, 365), (2, 2), (3, 2)])
def test_each_day_has_its_share_of_the_readings_within_a_tenth(tmp_path: Path, scale: int, days: int) -> None:
    write_sample_data(tmp_path, scale, days)
    for source, table in (("accelerometer", "accelerometer_landing"), ("step_trainer", "step_trainer_landing")):
        readings = [len(instants) for instants in readings_of_days(tmp_path, source, days)]
        share = scale * COURSE_COUNTS[table] / days
        assert sum(readings) == scale * COURSE_COUNTS[table]
        assert 0.9 * share <= min(readings) <= max(readings) <= 1.1 * share


@pytest.mark.parametrize("source", INSTANTS)
@pytest.mark.parametrize(("name", "days"), [("week", 7), ("two_days", 2)])
def test_a_file_holds_the_readings_of_its_date(
    request: pytest.FixtureRequest, name: str, days: int, source: str
) -> None:
    sample: Sample = request.getfixturevalue(name)
    for number, instants in enumerate(readings_of_days(sample.root, source, days)):
        dates = {datetime.fromtimestamp(instant / 1000, UTC).date() for instant in instants}
        assert dates == {date(2024, 3, 5) + timedelta(days=number)}


@pytest.mark.parametrize("source", INSTANTS)
def test_files_in_the_order_of_their_names_are_in_the_order_of_time(week: Sample, source: str) -> None:
    files = sorted((week.root / source / "landing").iterdir())
    assert files == [week.root / day_files(day)[source] for day in range(1, 8)]
    assert all(max(earlier) < min(later) for earlier, later in pairwise(readings_of_days(week.root, source, 7)))


def test_every_device_reading_has_phone_readings_of_its_customer_at_the_same_instant_and_there_are_no_others(
    week: Sample, two_days: Sample
) -> None:
    for sample in (week, two_days):
        emails = {customer["serialNumber"]: customer["email"] for customer in sample.customers}
        devices = [
            (emails[reading["serialNumber"]], reading["sensorReadingTime"]) for reading in sample.device_readings
        ]
        assert len(set(devices)) == len(devices)
        assert {(reading["user"], reading["timestamp"]) for reading in sample.phone_readings} == set(devices)


def test_the_files_of_a_day_have_the_same_instants(week: Sample) -> None:
    phone, device = (readings_of_days(week.root, source, 7) for source in INSTANTS)
    assert [set(instants) for instants in phone] == [set(instants) for instants in device]


def test_days_keep_the_records_and_the_number_of_instants(hour: Sample, week: Sample) -> None:
    assert without_times(week.customers) == without_times(hour.customers)
    assert without_times(week.phone_readings) == without_times(hour.phone_readings)
    assert without_times(week.device_readings) == without_times(hour.device_readings)
    assert len({reading["sensorReadingTime"] for reading in week.device_readings}) == 27_110


def test_the_counts_are_those_of_the_written_records_by_the_rules_of_the_tables(week: Sample, two_days: Sample) -> None:
    assert count_by_rules(week) == week.counts
    assert count_by_rules(two_days) == two_days.counts


def test_days_do_not_change_the_counts(hour: Sample, week: Sample, two_days: Sample, tmp_path: Path) -> None:
    assert week.counts == hour.counts == COURSE_COUNTS
    assert two_days.counts == write_sample_data(tmp_path, scale=3)


def test_every_customer_has_as_many_readings_before_the_consent_as_without_days(hour: Sample, week: Sample) -> None:
    def readings_before_consent(sample: Sample) -> dict[str, int]:
        instants = sample.instants_by_serial_number
        return {
            customer["email"]: sum(at < customer[CONSENTS[0]] for at in instants[customer["serialNumber"]])
            for customer in sample.consenting
        }

    assert readings_before_consent(week) == readings_before_consent(hour)
    assert sum(readings_before_consent(week).values()) > 14_460 / 10


def test_customers_register_before_they_update_consent_and_train(week: Sample, two_days: Sample) -> None:
    for sample in (week, two_days):
        instants = sample.instants_by_serial_number
        for customer in sample.customers:
            dates = [customer[name] for name in DATES if name in customer]
            assert customer["registrationDate"] == min([*dates, instants[customer["serialNumber"]][0]])


def test_registrations_and_consents_are_spread_over_the_days(week: Sample) -> None:
    for name in ("registrationDate", CONSENTS[0]):
        dates = {datetime.fromtimestamp(c[name] / 1000, UTC).day for c in week.customers if name in c}
        assert dates == set(range(5, 12))


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_the_bytes_do_not_depend_on_hash_seed_time_zone_or_locale(week: Sample, tmp_path: Path, hash_seed: str) -> None:
    write_in_another_process(tmp_path, hash_seed, days=7)
    assert contents(tmp_path) == contents(week.root)


def test_files_moved_day_by_day_are_the_whole_sample(week: Sample, tmp_path: Path) -> None:
    shutil.copytree(week.root, tmp_path / "sample")
    for day in range(1, 8):
        for name in day_files(day).values():
            (tmp_path / "landing" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "sample" / name).rename(tmp_path / "landing" / name)
    assert set(contents(tmp_path / "sample")) == {"expected_counts.json"}
    assert len(contents(tmp_path / "landing")) == 1 + 2 * 7


def test_a_sample_that_lands_day_by_day_ends_with_the_expected_rows(empty_project: Project, tmp_path: Path) -> None:
    counts = write_sample_data(tmp_path / "sample", days=3)
    for day in (1, 2, 3):
        for name in day_files(day).values():
            (empty_project.landing / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "sample" / name).rename(empty_project.landing / name)
        assert empty_project.materialize().success
    assert empty_project.counts() == counts


def test_there_are_no_files_of_a_day_before_the_first() -> None:
    with pytest.raises(ValueError, match="no day 0: the first day is 1"):
        day_files(0)


@pytest.mark.parametrize(
    ("scale", "days", "possible"),
    [(1, 0, "1 to 365"), (1, -1, "1 to 365"), (2, 731, "1 to 730"), (100, 4, "5 to 36500")],
)
def test_days_that_do_not_fit_the_scale_are_refused(tmp_path: Path, scale: int, days: int, possible: str) -> None:
    with pytest.raises(ValueError, match=f"scale {scale} over {days} days. Choose from {possible} days."):
        write_sample_data(tmp_path / "output", scale, days)
    assert not (tmp_path / "output").exists()


@pytest.mark.parametrize("scale", [1, 2, 5, 22, 23, 24, 45, 46, 47, 71, 100])
def test_the_hours_of_all_replicas_keep_their_order_and_end_on_their_day(scale: int) -> None:
    size = 1_000
    for days in {*range(-(-scale // 23), 50), 100, 365 * scale}:
        moved: list[int] = []
        for place in range(scale):
            start = place * HOUR
            instants = [start + number * HOUR // size for number in range(size)]
            cut = cut_hour(start, instants, place, scale, days)
            edges = [start, *(edge for at in cut.cuts for edge in (at - 1, at)), start + HOUR - 1]
            moved += map(cut.moved, edges)
            days_of_edges = [day_of(cut.moved(edge)) for edge in edges]
            first = days_of_edges[0]
            assert days_of_edges == sorted([*range(first, first + len(edges) // 2)] * 2)
        assert moved == sorted(moved)
        assert {day_of(moved[0]), day_of(moved[-1])} == {1, days}


def test_a_sample_of_other_days_is_replaced(hour: Sample, week: Sample, tmp_path: Path) -> None:
    write_sample_data(tmp_path, days=9)
    write_sample_data(tmp_path, days=7)
    assert contents(tmp_path) == contents(week.root)
    write_sample_data(tmp_path)
    assert contents(tmp_path) == contents(hour.root)
    write_sample_data(tmp_path, days=7)
    assert contents(tmp_path) == contents(week.root)


@pytest.mark.parametrize("days", [None, 7])
@pytest.mark.parametrize(
    "name",
    [
        "accelerometer-2024-03-05.json",
        "accelerometer-sample-2024-03-05.json.gz",
        "2024/accelerometer-sample-2024-03-05.json",
        "customer-sample-2024-03-05.json",
    ],
)
def test_landing_files_of_somebody_else_are_refused_and_left_alone(tmp_path: Path, name: str, days: int | None) -> None:
    foreign = tmp_path / "accelerometer" / "landing" / name
    foreign.parent.mkdir(parents=True)
    foreign.write_text("{}\n")
    with pytest.raises(FileExistsError, match=re.escape(f"{foreign}. Choose another folder, or move these files away")):
        write_sample_data(tmp_path, days=days)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [foreign]


def test_memory_does_not_grow_with_scale(tmp_path: Path) -> None:
    peaks = dict.fromkeys((1, 2), 0)
    for scale in peaks:
        tracemalloc.start()
        write_sample_data(tmp_path, scale, days=scale)
        peaks[scale] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peaks[2] < 1.2 * peaks[1]
