"""Deliveries, changes, erasures, failures and runs in any order, as a state machine of hypothesis."""

import shutil
import tempfile
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from deltalake import DeltaTable
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from stedi_assets.contract import TABLES
from stedi_assets.defs.assets import QUERIES
from stedi_assets.erasure.erase import erase
from stedi_assets.erasure.plan import plan_erasure
from stedi_assets.errors import StediError
from stedi_assets.lakehouse.build import Builder
from stedi_assets.lakehouse.compaction import compact
from stedi_assets.lakehouse.stored import Built
from stedi_assets.query import Query
from stedi_assets.storage.location import Location
from stedi_assets.storage.vacuum import vacuum
from stedi_assets_tests.support.changing import FOLDERS, Changing, Opened, findings
from stedi_assets_tests.support.engines import duckdb_engine
from stedi_assets_tests.support.failing import failing
from stedi_assets_tests.support.records import customer, device_reading, phone_reading
from stedi_assets_tests.support.rejecting import BREAKING, STATE_FILE, allow_in_quarantine, rejection

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
    """Deliveries, changes, erasures, failures and runs, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.opened = self.engine_of_runs()
        self.changing = Changing(self.folder, self.opened, duckdb_engine)
        allow_in_quarantine(self.changing, 1)
        self.number = 0

    def engine_of_runs(self) -> Opened:
        """What opens the engine of each run."""
        return duckdb_engine

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

    @rule(name=names, date=st.sampled_from([2, 3, 4]))
    def withdraw(self, name: str, date: int) -> None:
        self.put(CUSTOMERS, [customer(name, lastUpdateDate=date)])

    @rule(table=st.sampled_from(list(QUERIES)), comment=st.integers(0, 9))
    def edit(self, table: str, comment: int) -> None:
        """Another text of the same SELECT, rarely."""
        if comment < 2:
            self.changing.queries[table] = Query(f"{QUERIES[table].sql} -- {comment}")

    @rule(name=names)
    def erase(self, name: str) -> None:
        with self.changing.open() as lakehouse:
            try:
                plan = plan_erasure(lakehouse, f"{name}@example.com")
            except StediError as error:
                assert error.what.startswith("No record and no tombstone has this address")
                return
            assert erase(lakehouse, plan, self.changing.queries, "somebody", "a run").is_complete
        rows, _ = self.changing.fresh()
        assert self.changing.rows() == rows

    @rule(table=st.sampled_from(list(BREAKING)))
    def reject(self, table: str) -> None:
        """A run with a SELECT that breaks a rule, if there are rows to break it with."""
        before = self.changing.rows()
        query, self.changing.queries[table] = self.changing.queries[table], BREAKING[table]
        built = self.changing.run()
        self.changing.queries[table] = query
        self.assert_kept(built, before)

    @rule(delivered=readings, is_taken_back=st.booleans())
    def reject_delivery(self, delivered: tuple[str, list[Any]], is_taken_back: bool) -> None:
        """A run that allows nothing in quarantine, and a damaged file, which somebody may remove afterwards."""
        folder, records = delivered
        self.put(folder, records, '{"user": ')
        before = self.changing.rows()
        allow_in_quarantine(self.changing, 0)
        built = self.changing.run()
        allow_in_quarantine(self.changing, 1)
        assert any(each.is_rejected for each in built.values())
        self.assert_kept(built, before)
        if is_taken_back:
            self.changing.path(folder, f"{self.number:04}.json").unlink()

    def assert_kept(self, built: Mapping[str, Built], before: Mapping[str, Counter[str]]) -> None:
        """From a rejected table on, each table has the rows from before."""
        rejected = [name for name in QUERIES if name in built and built[name].is_rejected]
        kept = list(QUERIES)[list(QUERIES).index(rejected[0]) :] if rejected else []
        after = self.changing.rows()
        assert [name for name in kept if after[name] != before[name]] == []
        self.assert_no_unneeded_file()

    @rule(number=st.integers(1, 12))
    def fail(self, number: int) -> None:
        """A run whose n-th write fails, if it has as many."""
        self.changing.opened = failing(self.opened, number)
        with suppress(StediError):
            self.changing.run()
        self.changing.opened = self.opened
        self.assert_no_unneeded_file()

    @rule()
    def vacuum(self) -> None:
        for name in TABLES:
            vacuum(Location(str(self.changing.table_folder(name))), timedelta(0))
        assert not any(self.changing.unneeded_files(name) for name in TABLES)

    @rule(table=st.sampled_from(list(QUERIES)))
    def compact(self, table: str) -> None:
        """Another program writes the rows of a table's files into one."""
        DeltaTable(self.changing.table_folder(table)).optimize.compact()

    @rule(name=names)
    def delete(self, name: str) -> None:
        """Another program deletes somebody's readings, and its log says whose."""
        DeltaTable(self.changing.table_folder("accelerometer_landing")).delete(f"user = '{name}@example.com'")

    @rule(table=st.sampled_from(list(QUERIES)))
    def optimize(self, table: str) -> None:
        with self.changing.open() as lakehouse:
            lakehouse.hold("a test")
            compact(Builder(lakehouse), table, "a run", at_least=2)

    @rule()
    def lose_states(self) -> None:
        for file in list((self.folder / "lakehouse").rglob(STATE_FILE)):
            file.unlink()

    @rule(first=st.integers(0, 8), last=st.integers(0, 8), full_refresh=st.sampled_from([False, False, True]))
    def run_some(self, first: int, last: int, full_refresh: bool) -> None:
        tables = list(QUERIES)[first : last + 1]
        if tables:
            self.changing.run(tables, full_refresh=full_refresh)

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
        assert not any(self.changing.unneeded_files(name) for name in TABLES)

    def assert_no_unneeded_file(self) -> None:
        """Besides the files of rejected versions, each file belongs to a version."""
        for name in TABLES:
            rejected = rejection(self.changing, name)
            assert self.changing.unneeded_files(name) == set(rejected.staged if rejected else [])
