"""A run computes the part of a table that its inputs have changed, and no more."""

import shutil
from collections.abc import Callable, Mapping
from datetime import timedelta

import pytest

from stedi_assets.contract import TABLES
from stedi_assets.lakehouse.stored import Built
from stedi_assets.storage.location import Location
from stedi_assets.storage.vacuum import vacuum
from stedi_assets_tests.support.changing import Changing, findings
from stedi_assets_tests.support.days import CUSTOMERS, DAY, DEVICES, PHONES, deliver_day, devices, phones
from stedi_assets_tests.support.records import customer, device_reading, phone_reading

READINGS = [table.name for table in TABLES.values() if table.event_time]


def files(changing: Changing) -> dict[str, list[str]]:
    """The data files of each table of readings, in the order of their instants."""
    with changing.open() as lakehouse:
        listed = {}
        for name in READINGS:
            event_time = TABLES[name].event_time or ""
            stored = lakehouse.content(name).files
            ordered = sorted(stored, key=lambda file: file.statistics["minValues"][event_time])
            listed[name] = [file.path for file in ordered]
        return listed


def versions(changing: Changing) -> dict[str, int]:
    with changing.open() as lakehouse:
        return {name: lakehouse.table(name).version() for name in TABLES}


def kinds(built: Mapping[str, Built]) -> dict[str, str]:
    return {name: each.plan.kind for name, each in built.items()}


def test_deliveries_in_order_of_time_only_append(changing: Changing) -> None:
    before = files(changing)
    deliver_day(changing, 3)
    built = changing.run()
    after = files(changing)
    assert {name: len(paths) for name, paths in before.items()} == dict.fromkeys(READINGS, 3)
    assert {name: paths[:3] for name, paths in after.items()} == before
    assert {name: len(paths) for name, paths in after.items()} == dict.fromkeys(READINGS, 4)
    assert {name: built[name].rows_removed for name in READINGS} == dict.fromkeys(READINGS, 0)
    assert built["accelerometer_landing"].rows_added == len(phones(3))


def test_a_late_delivery_rewrites_the_files_that_have_rows_at_its_instants_and_no_others(changing: Changing) -> None:
    before = files(changing)
    changing.put(PHONES, "late.json", [phone_reading("ada", DAY + 3, x=9.0)])
    built = changing.run()
    after = files(changing)
    for name in ("accelerometer_trusted", "machine_learning_curated", "machine_learning_pseudonymized"):
        first, _, last = before[name]
        assert {first, last} < set(after[name])
        assert before[name][1] not in after[name]
    assert len(after["accelerometer_landing"]) == 4
    assert after["step_trainer_trusted"] == before["step_trainer_trusted"]
    assert built["step_trainer_trusted"].plan.kind == "nothing"
    # Of Ada and Bob, eight instants a day; Ada's new reading pairs with two devices.
    assert (built["accelerometer_trusted"].rows_removed, built["accelerometer_trusted"].rows_added) == (16, 17)
    assert (built["machine_learning_curated"].rows_removed, built["machine_learning_curated"].rows_added) == (32, 34)


def test_a_late_delivery_between_the_instants_of_a_file_leaves_the_file(changing: Changing) -> None:
    changing.put(PHONES, "3.json", [phone_reading("ada", 3 * DAY), phone_reading("ada", 3 * DAY + 1000)])
    changing.run()
    before = files(changing)["accelerometer_trusted"]
    changing.put(PHONES, "late.json", [phone_reading("ada", 3 * DAY + 500)])
    built = changing.run()
    assert set(before) < set(files(changing)["accelerometer_trusted"])
    assert built["accelerometer_trusted"].rows_removed == 0


def unknown_reading(changing: Changing) -> None:
    changing.put(PHONES, "3.json", [phone_reading("zoe", 3 * DAY)])


def split_file(changing: Changing) -> None:
    """The same readings come in two files instead of one."""
    changing.path(PHONES, "1.json").unlink()
    changing.put(PHONES, "1a.json", phones(1, names=["ada"]))
    changing.put(PHONES, "1b.json", phones(1, names=["bob", "cyd"]))


@pytest.mark.parametrize("change", [unknown_reading, split_file])
def test_a_change_that_changes_no_row_downstream_stops_there(
    changing: Changing, change: Callable[[Changing], None]
) -> None:
    before = versions(changing)
    change(changing)
    built = changing.run()
    assert versions(changing) == {**before, "accelerometer_landing": 3}
    downstream = ("customer_curated", "step_trainer_trusted", "machine_learning_curated")
    assert [kinds(built)[name] for name in ("accelerometer_landing", "accelerometer_trusted")] == ["part", "part"]
    assert {kinds(built)[name] for name in (*downstream, "machine_learning_pseudonymized")} == {"nothing"}
    # The version stayed, and yet the next run knows that it follows from the new one upstream.
    assert set(kinds(changing.run()).values()) == {"nothing"}
    assert versions(changing) == {**before, "accelerometer_landing": 3}


def test_a_table_without_an_event_time_that_is_computed_to_the_same_rows_keeps_its_version(changing: Changing) -> None:
    before = versions(changing)
    deliver_day(changing, 3)
    assert changing.run()["customer_curated"].plan.kind == "all"
    assert versions(changing)["customer_curated"] == before["customer_curated"]
    assert changing.run()["customer_curated"].plan.kind == "nothing"


def consent_withdrawn(changing: Changing) -> None:
    changing.put(CUSTOMERS, "1.json", [customer("ada", lastUpdateDate=1_000)])


def consent_given(changing: Changing) -> None:
    changing.put(CUSTOMERS, "1.json", [customer("cyd", research=DAY, lastUpdateDate=1_000)])


def consent_dated_anew(changing: Changing) -> None:
    changing.put(CUSTOMERS, "1.json", [customer("ada", research=2 * DAY, lastUpdateDate=1_000)])


def serial_number_moved(changing: Changing) -> None:
    records = [customer("ada", research=1), customer("bob", research=DAY, serialNumber="serial-cyd"), customer("cyd")]
    changing.put(CUSTOMERS, "0.json", records)


def serial_number_shared(changing: Changing) -> None:
    changing.put(CUSTOMERS, "1.json", [customer("eve", research=1, serialNumber="serial-ada")])


def files_removed(changing: Changing) -> None:
    changing.path(PHONES, "1.json").unlink()
    changing.path(DEVICES, "2.json").unlink()


def files_changed(changing: Changing) -> None:
    changing.put(PHONES, "1.json", phones(1, moments=range(3, 12)), damage='{"user": ')
    changing.put(DEVICES, "0.json", [device_reading("ada", 0, distance=1)])


def file_delivered_twice(changing: Changing) -> None:
    shutil.copy(changing.path(DEVICES, "1.json"), changing.path(DEVICES, "1 again.json"))


def phone_readings_gone(changing: Changing) -> None:
    """Without a phone reading, Bob is no curated customer: the readings of his device leave every instant."""
    for day in range(3):
        changing.put(PHONES, f"{day}.json", phones(day, names=["ada", "cyd"]))


CHANGES = (
    consent_withdrawn,
    consent_given,
    consent_dated_anew,
    serial_number_moved,
    serial_number_shared,
    files_removed,
    files_changed,
    file_delivered_twice,
    phone_readings_gone,
)


@pytest.mark.parametrize("change", CHANGES)
def test_tables_that_were_built_by_parts_equal_those_of_a_full_build(
    changing: Changing, change: Callable[[Changing], None]
) -> None:
    change(changing)
    built = changing.run()
    assert "part" in {kinds(built)[name] for name in READINGS if TABLES[name].zone != "landing"}
    rows, checks = changing.fresh()
    assert changing.rows() == rows
    assert findings(built) == checks
    assert set(kinds(changing.run()).values()) == {"nothing"}


def test_a_table_that_parts_have_emptied_fills_again(changing: Changing) -> None:
    consent = changing.path(CUSTOMERS, "0.json").read_text()
    changing.put(CUSTOMERS, "0.json", [customer("ada"), customer("bob"), customer("cyd")])
    assert changing.run()["machine_learning_curated"].plan.kind == "part"
    assert not changing.rows()["machine_learning_curated"]
    changing.path(CUSTOMERS, "0.json").write_text(consent)
    assert changing.run()["machine_learning_curated"].plan.kind == "part"
    rows, _ = changing.fresh()
    assert changing.rows() == rows
    assert rows["machine_learning_curated"]


def test_a_part_whose_old_files_a_vacuum_deleted_is_computed_whole(changing: Changing) -> None:
    changing.put(PHONES, "1.json", phones(1, moments=range(6)))
    changing.run(["accelerometer_landing"])
    vacuum(Location(str(changing.table_folder("accelerometer_landing"))), timedelta(0))
    plan = changing.run()["accelerometer_trusted"].plan
    assert plan.kind == "all"
    assert plan.reason.endswith("at version 3, after 2, and files of the earlier version are gone")
    rows, _ = changing.fresh()
    assert changing.rows() == rows


def test_a_run_leaves_no_file_that_no_version_names(changing: Changing) -> None:
    changing.path(PHONES, "1.json").unlink()
    changing.put(DEVICES, "late.json", devices(1, names=["zoe"]))
    changing.put(CUSTOMERS, "1.json", [customer("ada", research=1)])
    changing.run()
    changing.run()
    assert {name: changing.unneeded_files(name) for name in TABLES} == {name: set() for name in TABLES}
