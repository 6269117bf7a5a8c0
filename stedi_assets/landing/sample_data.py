"""Made-up landing data with exactly known row counts, the same bytes on every machine.

Time is divided into beats 2.75 s apart. Every customer takes part in 30 consecutive beats, with one device reading at
most 375 ms before or after each beat. So a customer's readings are always 2 to 3.5 s apart. Readings of one beat may
share a millisecond; readings of different beats never do. `SHARED_INSTANTS` says how many customers share how many
instants, and `PHONE_READINGS` how many phone readings accompany a device reading. Both are dealt like shuffled decks of
cards: chance decides who gets a card, but not how many cards of each kind exist.

One deal is one replica of the population. A larger scale writes more replicas, each with other customers and an hour
earlier than the one before. `sample_days` spreads these hours over days.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from hashlib import sha256
from itertools import islice, product
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import NamedTuple, TypeVar
from uuid import UUID

from stedi_assets.contract import SOURCES
from stedi_assets.landing.sample_days import (
    FIRST_MIDNIGHT,
    HOUR,
    CutHour,
    cut_hour,
    day_files,
    day_of,
    is_day_file,
    require_possible_days,
)

Item = TypeVar("Item")
# Of the methods of `random.Random`, only `random()` guarantees the same numbers in every Python version.
Draw = Callable[[], float]

CUSTOMERS = 956
CONSENTS = {"shareWithResearchAsOfDate": 482, "shareWithPublicAsOfDate": 491, "shareWithFriendsAsOfDate": 508}
CONSENTING = CONSENTS["shareWithResearchAsOfDate"]
READINGS_PER_CUSTOMER = 30

# All times are in milliseconds.
MINUTE = 60_000
LAST_HOUR = FIRST_MIDNIGHT + 14 * HOUR
FIRST_BEAT = 10 * MINUTE
BEAT = 2_750
LARGEST_OFFSET = 375
BEATS = 43 * MINUTE // BEAT

# From the (consenting, other) customers at an instant to the number of such instants. Any other has one customer.
# fmt: off
SHARED_INSTANTS = {
    (3, 2): 1, (2, 3): 1,
    (3, 1): 1, (2, 2): 2,
    (3, 0): 12, (2, 1): 33, (1, 2): 25, (0, 3): 7,
    (2, 0): 398, (1, 1): 683, (0, 2): 318,
}
# fmt: on
# A full beat has readings of at least 15 consenting and 15 other customers. That suffices for four shared instants with
# at most three customers of either kind each.
SHARED_INSTANTS_PER_BEAT = 4
FULL_BEATS = range(READINGS_PER_CUSTOMER - 1, BEATS - READINGS_PER_CUSTOMER + 1)

# By the number of consenting customers at an instant: from a number of phone readings to the number of device readings
# that they accompany. The key 0 is for customers without consent. machine_learning_curated also pairs a phone reading
# with other consenting customers' devices: (2 * 1 + 138 * 2 + 728 * 3) * 1 + (7 * 2 + 35 * 3) * 2 = 2,700 rows.
PHONE_READINGS = {
    0: {1: 46, 2: 2_280, 3: 11_892, 4: 1, 6: 1},
    1: {1: 44, 2: 2_164, 3: 11_341, 5: 1},
    2: {1: 2, 2: 138, 3: 728},
    3: {2: 7, 3: 35},
}

DISTANCES = range(201, 301)
ACCELERATIONS = tuple(
    f'"x":{x},"y":{y},"z":{z}' for x, y, z in product((-1.0, 0.0, 1.0), (-1.0, 0.0, 1.0), (-1.0, 0.0))
)
BIRTH_DAYS = range(date(1938, 1, 1).toordinal(), date(2005, 12, 31).toordinal())
AREA_CODES = ("206", "213", "303", "312", "404", "503", "512", "602", "617", "702", "801", "919")
# fmt: off
FIRST_NAMES = (
    "Abena", "Aiko", "Alejandra", "Amara", "Anders", "Anjali", "Astrid", "Bilal", "Camila", "Chidi", "Daniel", "Diego",
    "Elena", "Emeka", "Fatima", "Freya", "Gabriel", "Hana", "Hassan", "Ingrid", "Ivan", "Jamal", "Joao", "Kavita",
    "Keiko", "Kwame", "Leila", "Liam", "Lucia", "Malia", "Marek", "Mei", "Mikhail", "Nadia", "Noah", "Olga", "Omar",
    "Priya", "Rafael", "Rosa", "Samuel", "Sofia", "Tariq", "Thandiwe", "Tomas", "Wei", "Yusuf", "Zainab",
)
LAST_NAMES = (
    "Abdi", "Achebe", "Almeida", "Andersen", "Bakker", "Banerjee", "Bauer", "Bianchi", "Castillo", "Chaudhry", "Chen",
    "Cohen", "Costa", "Dang", "Diallo", "Dubois", "Eriksen", "Farouk", "Fischer", "Garcia", "Gupta", "Haddad", "Hansen",
    "Hernandez", "Horvath", "Ibrahim", "Ito", "Jansen", "Johnson", "Kamau", "Kapoor", "Kim", "Kovacs", "Kowalski",
    "Larsen", "Lopez", "Mahlaba", "Mensah", "Moreau", "Nakamura", "Nguyen", "Novak", "Okafor", "Oliveira", "Owusu",
    "Park", "Patel", "Petrov", "Popescu", "Quispe", "Rahman", "Reyes", "Rossi", "Sato", "Schmidt", "Silva", "Singh",
    "Smith", "Suzuki", "Tanaka", "Tran", "Vargas", "Virtanen", "Wang", "Yilmaz", "Zhang",
)
# fmt: on

FILES_PER_SOURCE = {"customer": 1, "accelerometer": 9, "step_trainer": 3}
LANDING_FILES = {
    source: tuple(
        f"{SOURCES[f'{source}_files'].path}/{source}-{LAST_HOUR + HOUR + number * MINUTE}.json"
        for number in range(files)
    )
    for source, files in FILES_PER_SOURCE.items()
}
EXPECTED_COUNTS = "expected_counts.json"


class PlannedReading(NamedTuple):
    """The instant of a device reading, and the number of phone readings that accompany it."""

    instant: int
    phone_readings: int


class PhoneReading(NamedTuple):
    """One record of the accelerometer files."""

    user: str
    instant: int
    acceleration: str


class DeviceReading(NamedTuple):
    """One record of the step trainer files."""

    instant: int
    serial_number: str
    distance: int


Reading = TypeVar("Reading", PhoneReading, DeviceReading)


class Replica(NamedTuple):
    """The records of one population of customers."""

    customers: list[dict[str, str | int]]
    phone_readings: list[PhoneReading]
    device_readings: list[DeviceReading]


def write_sample_data(output: Path, scale: int = 1, days: int | None = None) -> dict[str, int]:
    """Writes made-up landing files, and the expected row count of every table.

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
        (partial / EXPECTED_COUNTS).write_text(json.dumps(counts, indent=2) + "\n", encoding="utf-8", newline="\n")
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
    replica = _make_replica(number)
    if days is None:
        _write_in_parts(root, replica)
    else:
        replica = _move_to_days(replica, number, scale, days)
        _write_by_day(root, replica)
    return _count_rows(replica)


def _move_to_days(replica: Replica, number: int, scale: int, days: int) -> Replica:
    instants = sorted(reading.instant for reading in replica.device_readings)
    cut = cut_hour(_hour(number), instants, scale - 1 - number, scale, days)
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


def _count_rows(replica: Replica) -> dict[str, int]:
    # Replicas share no customer and no instant, so their counts add up to the counts of all data.
    customer_trusted = [customer for customer in replica.customers if customer.get("shareWithResearchAsOfDate")]
    emails = {customer["email"] for customer in customer_trusted}
    accelerometer_trusted = [reading for reading in replica.phone_readings if reading.user in emails]
    users = {reading.user for reading in accelerometer_trusted}
    customer_curated = [customer for customer in customer_trusted if customer["email"] in users]
    serial_numbers = {customer["serialNumber"] for customer in customer_curated}
    step_trainer_trusted = [reading for reading in replica.device_readings if reading.serial_number in serial_numbers]
    phone_readings_at = Counter(reading.instant for reading in accelerometer_trusted)
    owners = {customer["serialNumber"]: str(customer["email"]) for customer in customer_curated}
    consents = {customer["email"]: int(customer["shareWithResearchAsOfDate"]) for customer in customer_curated}
    consented_phone_readings = Counter(
        (reading.user, reading.instant)
        for reading in accelerometer_trusted
        if reading.instant >= consents[reading.user]
    )
    return {
        "customer_landing": len(replica.customers),
        "accelerometer_landing": len(replica.phone_readings),
        "step_trainer_landing": len(replica.device_readings),
        "customer_trusted": len(customer_trusted),
        "accelerometer_trusted": len(accelerometer_trusted),
        "customer_curated": len(customer_curated),
        "step_trainer_trusted": len(step_trainer_trusted),
        "machine_learning_curated": sum(phone_readings_at[reading.instant] for reading in step_trainer_trusted),
        "machine_learning_pseudonymized": sum(
            consented_phone_readings[owners[reading.serial_number], reading.instant] for reading in step_trainer_trusted
        ),
    }


def _make_replica(number: int) -> Replica:
    draw = Random(number).random
    hour = _hour(number)
    plan = _plan_readings(draw, hour)
    consents = _plan_consents(draw)
    replica = Replica([], [], [])
    for customer_number, member in enumerate(_shuffled(draw, range(CUSTOMERS)), start=number * CUSTOMERS + 1):
        person = _make_person(draw, customer_number)
        given = [consent for consent, members in consents.items() if member in members]
        readings = list(_shuffled(draw, plan[member]))
        replica.customers.append(person | _make_dates(draw, hour, min(readings).instant, given))
        replica.phone_readings.extend(_make_phone_readings(draw, person["email"], readings))
        replica.device_readings.extend(_make_device_readings(draw, person["serialNumber"], readings))
    return replica


def _hour(number: int) -> int:
    return LAST_HOUR - number * HOUR


def _make_person(draw: Draw, number: int) -> dict[str, str]:
    first_name, last_name = _pick(draw, FIRST_NAMES), _pick(draw, LAST_NAMES)
    return {
        "customerName": f"{first_name} {last_name}",
        "email": f"{first_name}.{last_name}{number}@example.com".lower(),
        "phone": f"{_pick(draw, AREA_CODES)}55501{_pick(draw, range(100)):02}",
        "birthDay": date.fromordinal(_pick(draw, BIRTH_DAYS)).isoformat(),
        "serialNumber": str(UUID(bytes=sha256(f"Step Trainer {number}".encode()).digest()[:16], version=4)),
    }


def _make_dates(draw: Draw, hour: int, first_reading: int, consents: list[str]) -> dict[str, int]:
    registration = _pick(draw, range(hour, first_reading))
    last_update = _pick(draw, range(registration, hour + HOUR))
    dates = {"registrationDate": registration, "lastUpdateDate": last_update}
    return dates | {consent: _pick(draw, range(registration, last_update + 1)) for consent in consents}


def _make_phone_readings(draw: Draw, user: str, readings: list[PlannedReading]) -> Iterator[PhoneReading]:
    for reading in readings:
        for _ in range(reading.phone_readings):
            yield PhoneReading(user, reading.instant, _pick(draw, ACCELERATIONS))


def _make_device_readings(draw: Draw, serial_number: str, readings: list[PlannedReading]) -> Iterator[DeviceReading]:
    for reading in readings:
        yield DeviceReading(reading.instant, serial_number, _pick(draw, DISTANCES))


def _plan_consents(draw: Draw) -> dict[str, set[int]]:
    members = {consent: set(islice(_shuffled(draw, range(CUSTOMERS)), count)) for consent, count in CONSENTS.items()}
    # `_plan_readings` gives the shared instants to the first members as the ones who consent to research.
    return members | {"shareWithResearchAsOfDate": set(range(CONSENTING))}


def _plan_readings(draw: Draw, hour: int) -> list[list[PlannedReading]]:
    readings: list[list[PlannedReading]] = [[] for _ in range(CUSTOMERS)]
    consenting_at = _members_by_beat(range(CONSENTING))
    others_at = _members_by_beat(range(CONSENTING, CUSTOMERS))
    instants_at = _deal_instants(draw, consenting_at, others_at)
    phone_readings = {key: _shuffled(draw, Counter(deck).elements()) for key, deck in PHONE_READINGS.items()}
    for beat in range(BEATS):
        consenting, others = _shuffled(draw, consenting_at[beat]), _shuffled(draw, others_at[beat])
        offsets = _shuffled(draw, range(-LARGEST_OFFSET, LARGEST_OFFSET + 1))
        for (consenting_count, other_count), offset in zip(instants_at[beat], offsets, strict=False):
            instant = hour + FIRST_BEAT + beat * BEAT + offset
            for member in islice(consenting, consenting_count):
                readings[member].append(PlannedReading(instant, next(phone_readings[consenting_count])))
            for member in islice(others, other_count):
                readings[member].append(PlannedReading(instant, next(phone_readings[0])))
    return readings


def _members_by_beat(members: range) -> list[list[int]]:
    beats: list[list[int]] = [[] for _ in range(BEATS)]
    for rank, member in enumerate(members):
        first_beat = rank * (BEATS - READINGS_PER_CUSTOMER) // (len(members) - 1)
        for beat in range(first_beat, first_beat + READINGS_PER_CUSTOMER):
            beats[beat].append(member)
    return beats


def _deal_instants(
    draw: Draw, consenting_at: list[list[int]], others_at: list[list[int]]
) -> list[list[tuple[int, int]]]:
    instants_at: list[list[tuple[int, int]]] = [[] for _ in range(BEATS)]
    places = _shuffled(draw, list(FULL_BEATS) * SHARED_INSTANTS_PER_BEAT)
    for instant, beat in zip(Counter(SHARED_INSTANTS).elements(), places, strict=False):
        instants_at[beat].append(instant)
    for instants, consenting, others in zip(instants_at, consenting_at, others_at, strict=True):
        consenting_left = len(consenting) - sum(count for count, _ in instants)
        others_left = len(others) - sum(count for _, count in instants)
        instants.extend([(1, 0)] * consenting_left + [(0, 1)] * others_left)
    return instants_at


def _shuffled(draw: Draw, items: Iterable[Item]) -> Iterator[Item]:
    remaining = list(items)
    while remaining:
        index = int(draw() * len(remaining))
        remaining[index], remaining[-1] = remaining[-1], remaining[index]
        yield remaining.pop()


def _pick(draw: Draw, items: Sequence[Item]) -> Item:
    return items[int(draw() * len(items))]
