"""Three days of readings of three customers, each day landed by a run of its own."""

from collections.abc import Sequence
from pathlib import Path

from stedi_assets_tests.support.changing import FOLDERS, Changing, Opened
from stedi_assets_tests.support.records import Record, customer, device_reading, phone_reading

CUSTOMERS, PHONES, DEVICES = FOLDERS.values()

DAY = 86_400_000
DAYS = 3
MOMENTS = range(8)
NAMES = ("ada", "bob", "cyd")
"""Ada consents from the first day, Bob from the second, Cyd never. They all read at the same instants."""


def phones(day: int, names: Sequence[str] = NAMES, moments: Sequence[int] = MOMENTS) -> list[Record]:
    return [phone_reading(name, day * DAY + moment) for name in names for moment in moments]


def devices(day: int, names: Sequence[str] = NAMES, moments: Sequence[int] = MOMENTS) -> list[Record]:
    return [device_reading(name, day * DAY + moment) for name in names for moment in moments]


def deliver_day(changing: Changing, day: int) -> None:
    """Lands the readings of a day, in two raw files."""
    changing.put(PHONES, f"{day}.json", phones(day))
    changing.put(DEVICES, f"{day}.json", devices(day))


def three_days(folder: Path, opened: Opened) -> Changing:
    """Three days of readings, with the tables of all of them. A table of readings has a file for each day."""
    changing = Changing(folder, opened)
    changing.put(CUSTOMERS, "0.json", [customer("ada", research=1), customer("bob", research=DAY), customer("cyd")])
    for day in range(DAYS):
        deliver_day(changing, day)
        changing.run()
    return changing
