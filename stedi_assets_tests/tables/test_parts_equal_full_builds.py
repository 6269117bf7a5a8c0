"""Whatever changes, the tables and the findings that runs reach by parts are those of a full build."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from stedi_assets.defs.assets import QUERIES
from stedi_assets.query import Query
from stedi_assets_tests.support.changing import FOLDERS, Changing, findings
from stedi_assets_tests.support.engines import duckdb_engine
from stedi_assets_tests.support.grid import on_duckdb
from stedi_assets_tests.support.records import device_reading, phone_reading

CUSTOMERS, PHONES, DEVICES = FOLDERS.values()
DAY = 86_400_000
BASE = "base.json"
PHONE_READINGS = [
    phone_reading(name, day * DAY + moment) for name in ("ada", "bob", "cyd") for day in range(3) for moment in range(8)
]
DEVICE_READINGS = [
    device_reading(name, day * DAY + moment)
    for name in ("ada", "bob", "cyd")
    for day in range(3)
    for moment in range(8)
]

names = st.sampled_from(["ada", "bob", "cyd"])
serial_numbers = st.sampled_from(["serial-ada", "serial-bob", "serial-cyd"])
instants = st.builds(lambda day, moment: day * DAY + moment, st.integers(-1, 2), st.sampled_from([0, 1, DAY - 1]))
dates = st.sampled_from([None, 0, 1, DAY, 2 * DAY])
customers = st.fixed_dictionaries(
    {
        "customerName": st.just("A Name"),
        "email": names.map("{}@example.com".format),
        "phone": st.sampled_from(["2065550100", "2065550101"]),
        "birthDay": st.just("1980-02-03"),
        "serialNumber": serial_numbers,
        "registrationDate": st.just(1),
        "lastUpdateDate": st.sampled_from([None, 1, 2, 3]),
        "shareWithResearchAsOfDate": dates,
    }
)
phone_readings = st.fixed_dictionaries(
    {
        "user": names.map("{}@example.com".format),
        "timestamp": instants,
        "x": st.sampled_from([0.0, 1.0, None]),
        "y": st.just(-1.0),
        "z": st.just(0.5),
    }
)
device_readings = st.fixed_dictionaries(
    {"sensorReadingTime": instants, "serialNumber": serial_numbers, "distanceFromObject": st.sampled_from([1, 250])}
)
readings = st.one_of(
    st.tuples(st.just(PHONES), st.lists(phone_readings, min_size=1, max_size=6)),
    st.tuples(st.just(DEVICES), st.lists(device_readings, min_size=1, max_size=6)),
)
RECORDS = {CUSTOMERS: customers, PHONES: phone_readings, DEVICES: device_readings}
damage = st.sampled_from(["", "", "", '{"user": ', "[1, 2]"])


class Runs(RuleBasedStateMachine):
    """Deliveries, changes and runs, in any order."""

    opened = staticmethod(duckdb_engine)

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.changing = Changing(self.folder, self.opened)
        self.number = 0

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    def put(self, folder: str, records: list[dict[str, Any]], damaged: str = "") -> None:
        self.number += 1
        self.changing.put(folder, f"{self.number:04}.json", records, damaged)

    @initialize(
        some=st.lists(customers, min_size=1, max_size=4),
        phones=st.lists(phone_readings, max_size=8),
        devices=st.lists(device_readings, max_size=8),
    )
    def begin(self, some: list[Any], phones: list[Any], devices: list[Any]) -> None:
        # Many readings, so that what changes later is a part of a table rather than most of it.
        self.changing.put(CUSTOMERS, BASE, some)
        self.changing.put(PHONES, BASE, PHONE_READINGS + phones)
        self.changing.put(DEVICES, BASE, DEVICE_READINGS + devices)
        self.changing.run()

    def file(self, folder: str, choice: int) -> Path:
        """One of the files of a folder, rarely the first of all."""
        files = self.changing.files(folder)
        return files[choice % len(files)] if choice == 0 else files[choice % max(len(files) - 2, 1)]

    @rule(delivered=readings, damaged=damage)
    def deliver(self, delivered: tuple[str, list[Any]], damaged: str) -> None:
        folder, records = delivered
        self.put(folder, records, damaged)

    @rule(records=st.lists(customers, min_size=1, max_size=2))
    def register(self, records: list[Any]) -> None:
        self.put(CUSTOMERS, records)

    @rule(folder=st.sampled_from([CUSTOMERS, PHONES, DEVICES]), choice=st.integers(0, 9))
    def deliver_again(self, folder: str, choice: int) -> None:
        self.number += 1
        shutil.copy(self.file(folder, choice), self.changing.path(folder, f"{self.number:04}.json"))

    @rule(folder=st.sampled_from([CUSTOMERS, PHONES, DEVICES]), choice=st.integers(0, 9), data=st.data())
    def change(self, folder: str, choice: int, data: st.DataObject) -> None:
        records = data.draw(st.lists(RECORDS[folder], max_size=4))
        self.changing.put(folder, self.file(folder, choice).name, records)

    @rule(folder=st.sampled_from([CUSTOMERS, PHONES, DEVICES]), choice=st.integers(0, 9))
    def remove(self, folder: str, choice: int) -> None:
        if len(self.changing.files(folder)) > 1:
            self.file(folder, choice).unlink()

    @rule(table=st.sampled_from(list(QUERIES)), comment=st.integers(0, 9))
    def edit(self, table: str, comment: int) -> None:
        """Another text of the same SELECT, rarely."""
        if comment < 2:
            self.changing.queries[table] = Query(f"{QUERIES[table].sql} -- {comment}")

    @rule(first=st.integers(0, 8), last=st.integers(0, 8))
    def run_some(self, first: int, last: int) -> None:
        tables = list(QUERIES)[first : last + 1]
        if tables:
            self.changing.run(tables)

    @rule()
    def run_all(self) -> None:
        built = self.changing.run()
        assert not any(each.is_rejected for each in built.values())
        rows, checks = self.changing.fresh()
        assert self.changing.rows() == rows
        assert findings(built) == checks
        again = self.changing.run()
        assert {name: each.plan.kind for name, each in again.items()} == dict.fromkeys(again, "nothing")
        assert findings(again) == checks


@on_duckdb
def test_runs_by_parts_end_with_the_rows_and_findings_of_a_full_build() -> None:
    run_state_machine_as_test(Runs, settings=settings(max_examples=15, stateful_step_count=8, deadline=None))
