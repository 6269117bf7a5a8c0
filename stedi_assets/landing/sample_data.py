"""Made-up landing data with exactly known row counts, the same bytes on every machine.

`sample_population` makes the customers and their readings, one replica for each 1 of the scale. This module writes
them, and `sample_counts` counts the rows that every table should have.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from stedi_assets.contract import SOURCES
from stedi_assets.landing.expected import EXPECTED_COUNTS, ExpectedCounts, write_counts
from stedi_assets.landing.files import landing_digest
from stedi_assets.landing.sample_counts import count_rows
from stedi_assets.landing.sample_days import (
    HOUR,
    CutHour,
    cut_hour,
    day_files,
    day_of,
    is_day_file,
    require_possible_days,
)
from stedi_assets.landing.sample_population import (
    LAST_HOUR,
    MINUTE,
    DeviceReading,
    PhoneReading,
    Replica,
    hour_of,
    make_replica,
)
from stedi_assets.storage.location import Location

Item = TypeVar("Item")
Reading = TypeVar("Reading", PhoneReading, DeviceReading)

FILES_PER_SOURCE = {"customer": 1, "accelerometer": 9, "step_trainer": 3}
LANDING_FILES = {
    source: tuple(
        f"{SOURCES[f'{source}_files'].path}/{source}-{LAST_HOUR + HOUR + number * MINUTE}.json"
        for number in range(files)
    )
    for source, files in FILES_PER_SOURCE.items()
}


def write_sample_data(output: Path, scale: int = 1, days: int | None = None) -> dict[str, int]:
    """Writes made-up landing files, and the expected row count of every table with a digest of the files.

    The files are written to a temporary folder in `output` and moved into place when all are complete. The old file of
    expected counts is deleted first and the new one is moved last: landing files without it are an incomplete sample.

    Args:
        output: The landing root. A missing folder is created, and an earlier sample is replaced.
        scale: A multiple of 956 customers, 110,909 records and 11 MB; 1 or more.
        days: Spread the readings evenly over so many days, and write the files of `day_files` for each. The customers
            of all days arrive on the first. From 1 for each 23 of the scale to 365 times the scale. None: all readings
            lie in one hour for each 1 of the scale, and the files are parts of it.

    Returns:
        From a table to its expected number of rows. `days` does not change it.

    Raises:
        ValueError: `scale` is less than 1, or `days` does not fit it.
        FileExistsError: `output` has landing files that are not sample data.
        StediError: The contract has a table of which no rule counts the rows.
    """
    if scale < 1:
        raise ValueError(f"Cannot write sample data to {output} at scale {scale}: the scale must be 1 or more.")
    if days is not None:
        require_possible_days(scale, days)
    _refuse_foreign_files(output)
    output.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".sample-data-", dir=output) as folder:
        partial = Path(folder)
        counts = _write_landing_files(partial, scale, days)
        write_counts(partial / EXPECTED_COUNTS, ExpectedCounts(counts, landing_digest(Location.parse(folder))))
        _publish(partial, output, days)
    return counts


def _refuse_foreign_files(output: Path) -> None:
    foreign = sorted(path for path in _find_landing_files(output) if not _is_sample_file(path, output))
    if foreign:
        raise FileExistsError(
            f"Cannot write sample data to {output}: {len(foreign)} landing files there are not sample data. The first "
            f"is {foreign[0]}. Choose another folder, or move these files away."
        )


def _find_landing_files(output: Path) -> Iterator[Path]:
    return (path for source in SOURCES.values() for path in (output / source.path).rglob("*") if path.is_file())


def _is_sample_file(path: Path, output: Path) -> bool:
    name = path.relative_to(output).as_posix()
    return name in _file_names(days=None) or is_day_file(name)


def _file_names(days: int | None) -> list[str]:
    if days is None:
        return [name for names in LANDING_FILES.values() for name in names]
    return [name for day in range(1, days + 1) for name in day_files(day).values()]


def _publish(partial: Path, output: Path, days: int | None) -> None:
    (output / EXPECTED_COUNTS).unlink(missing_ok=True)
    names = _file_names(days)
    for name in names:
        (output / name).parent.mkdir(parents=True, exist_ok=True)
        (partial / name).replace(output / name)
    # An earlier sample with other days has files of other names.
    new = {output / name for name in names}
    for path in [path for path in _find_landing_files(output) if path not in new and _is_sample_file(path, output)]:
        path.unlink()
    (partial / EXPECTED_COUNTS).replace(output / EXPECTED_COUNTS)


def _write_landing_files(root: Path, scale: int, days: int | None) -> dict[str, int]:
    for name in _file_names(days):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
    counts: Counter[str] = Counter()
    for number in range(scale):
        counts.update(_write_replica(root, number, scale, days))
    return dict(counts)


def _write_replica(root: Path, number: int, scale: int, days: int | None) -> dict[str, int]:
    replica = make_replica(number)
    if days is None:
        _write_in_parts(root, replica)
    else:
        replica = _move_to_days(replica, number, scale, days)
        _write_by_day(root, replica)
    return count_rows(replica)


def _move_to_days(replica: Replica, number: int, scale: int, days: int) -> Replica:
    instants = sorted(reading.instant for reading in replica.device_readings)
    cut = cut_hour(hour_of(number), instants, scale - 1 - number, scale, days)
    return Replica(
        [_move_dates(customer, cut) for customer in replica.customers],
        [
            PhoneReading(user, cut.moved(instant), acceleration)
            for user, instant, acceleration in replica.phone_readings
        ],
        [DeviceReading(cut.moved(instant), device, distance) for instant, device, distance in replica.device_readings],
    )


def _move_dates(customer: dict[str, str | int], cut: CutHour) -> dict[str, str | int]:
    # A customer's only numbers are instants.
    return {name: cut.moved(value) if isinstance(value, int) else value for name, value in customer.items()}


def _write_in_parts(root: Path, replica: Replica) -> None:
    _append_parts(root, "customer", replica.customers, _customer_line)
    _append_parts(root, "accelerometer", replica.phone_readings, _phone_line)
    _append_parts(root, "step_trainer", replica.device_readings, _device_line)


def _append_parts(root: Path, source: str, records: Sequence[Item], line: Callable[[Item], str]) -> None:
    names = LANDING_FILES[source]
    size = -(-len(records) // len(names))
    for number, name in enumerate(names):
        _append_lines(root / name, map(line, records[number * size : (number + 1) * size]))


def _write_by_day(root: Path, replica: Replica) -> None:
    _append_lines(root / day_files(1)["customer"], map(_customer_line, replica.customers))
    _append_days(root, "accelerometer", replica.phone_readings, _phone_line)
    _append_days(root, "step_trainer", replica.device_readings, _device_line)


def _append_days(root: Path, source: str, readings: list[Reading], line: Callable[[Reading], str]) -> None:
    readings_of: defaultdict[int, list[Reading]] = defaultdict(list)
    for reading in readings:
        readings_of[day_of(reading.instant)].append(reading)
    for day, readings_of_day in readings_of.items():
        _append_lines(root / day_files(day)[source], map(line, readings_of_day))


def _append_lines(file: Path, lines: Iterable[str]) -> None:
    with file.open("a", encoding="utf-8", newline="\n") as opened:
        opened.write("".join(lines))


def _customer_line(customer: dict[str, str | int]) -> str:
    return json.dumps(customer) + "\n"


# Not by json.dumps, which takes much longer: readings have only ASCII letters, digits and ".@-", without escapes.
def _phone_line(reading: PhoneReading) -> str:
    return f'{{"user":"{reading.user}","timestamp":{reading.instant},{reading.acceleration}}}\n'


def _device_line(reading: DeviceReading) -> str:
    return (
        f'{{"sensorReadingTime":{reading.instant},"serialNumber":"{reading.serial_number}",'
        f'"distanceFromObject":{reading.distance}}}\n'
    )
