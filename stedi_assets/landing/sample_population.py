"""A made-up population of customers with their readings, the same on every machine.

Time is divided into beats 2.75 s apart. Every customer takes part in 30 consecutive beats, with one device reading at
most 375 ms before or after each beat. So a customer's readings are always 2 to 3.5 s apart. Readings of one beat may
share a millisecond; readings of different beats never do. `SHARED_INSTANTS` says how many customers share how many
instants, and `PHONE_READINGS` how many phone readings accompany a device reading. Both are dealt like shuffled decks of
cards: chance decides who gets a card, but not how many cards of each kind exist.

One deal is one replica of the population. A larger scale has more replicas, each with other customers and an hour
earlier than the one before. `sample_days` spreads these hours over days, and `sample_gait` gives readings their values.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from hashlib import sha256
from itertools import accumulate, islice
from random import Random
from typing import NamedTuple, TypeVar
from uuid import UUID

from stedi_assets.landing.sample_days import FIRST_MIDNIGHT, HOUR
from stedi_assets.landing.sample_gait import make_gait

Item = TypeVar("Item")
# Of the methods of `random.Random`, only `random()` guarantees the same numbers in every Python version.
Draw = Callable[[], float]

CUSTOMERS = 956
RESEARCH = "shareWithResearchAsOfDate"
CONSENTS = {RESEARCH: 482, "shareWithPublicAsOfDate": 491, "shareWithFriendsAsOfDate": 508}
CONSENTING = CONSENTS[RESEARCH]
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
# Phone readings of consenting customers from before the consent. They leave 40,981 - 8,956 = 32,025 rows to
# machine_learning_pseudonymized.
PHONE_READINGS_BEFORE_CONSENT = 8_956

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


class Replica(NamedTuple):
    """The records of one population of customers."""

    customers: list[dict[str, str | int]]
    phone_readings: list[PhoneReading]
    device_readings: list[DeviceReading]


def make_replica(number: int) -> Replica:
    """Makes the records of one replica of the population.

    Args:
        number: 0 is the replica with the latest hour.
    """
    draw = Random(number).random
    hour = hour_of(number)
    plan = _plan_readings(draw, hour)
    consents = _plan_consents(draw)
    people, members = [], []
    for customer_number, member in enumerate(_shuffled(draw, range(CUSTOMERS)), start=number * CUSTOMERS + 1):
        people.append(_make_person(draw, customer_number))
        members.append(member)
    early = _plan_early_readings(draw, plan)
    customers = [
        person | _make_dates(draw, hour, sorted(plan[member]), early[member], _given(consents, member))
        for person, member in zip(people, members, strict=True)
    ]
    readings = [list(_shuffled(draw, plan[member])) for member in members]
    return Replica(customers, *_make_readings(number, people, readings))


def hour_of(number: int) -> int:
    """The instant at which the hour of a replica begins."""
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


def _make_dates(draw: Draw, hour: int, readings: list[PlannedReading], early: int, given: list[str]) -> dict[str, int]:
    """Makes the dates of a customer, whose consent to research comes after so many of the sorted readings."""
    registration = _pick(draw, range(hour, readings[0].instant))
    earliest = readings[early - 1].instant + 1 if early else registration
    latest = readings[early].instant if early < len(readings) else hour + HOUR - 1
    research = _pick(draw, range(earliest, latest + 1)) if RESEARCH in given else registration
    last_update = _pick(draw, range(research, hour + HOUR))
    dates = {
        consent: research if consent == RESEARCH else _pick(draw, range(registration, last_update + 1))
        for consent in given
    }
    return {"registrationDate": registration, "lastUpdateDate": last_update} | dates


def _make_readings(
    number: int, people: list[dict[str, str]], readings: list[list[PlannedReading]]
) -> tuple[list[PhoneReading], list[DeviceReading]]:
    gait = make_gait(
        number,
        [[reading.instant for reading in of_person] for of_person in readings],
        [[reading.phone_readings for reading in of_person] for of_person in readings],
    )
    distances, accelerations = iter(gait.distances), iter(gait.accelerations)
    phone_readings: list[PhoneReading] = []
    device_readings: list[DeviceReading] = []
    for person, of_person in zip(people, readings, strict=True):
        user, serial_number = person["email"], person["serialNumber"]
        for instant, count in of_person:
            device_readings.append(DeviceReading(instant, serial_number, next(distances)))
            phone_readings.extend(PhoneReading(user, instant, each) for each in islice(accelerations, count))
    return phone_readings, device_readings


def _plan_consents(draw: Draw) -> dict[str, set[int]]:
    members = {consent: set(islice(_shuffled(draw, range(CUSTOMERS)), count)) for consent, count in CONSENTS.items()}
    # `_plan_readings` gives the shared instants to the first members as the ones who consent to research.
    return members | {RESEARCH: set(range(CONSENTING))}


def _given(consents: dict[str, set[int]], member: int) -> list[str]:
    return [consent for consent, members in consents.items() if member in members]


def _plan_early_readings(draw: Draw, plan: list[list[PlannedReading]]) -> list[int]:
    """Returns of how many device readings of each member the consent to research comes later."""
    early = [0] * CUSTOMERS
    left = PHONE_READINGS_BEFORE_CONSENT
    for member in _shuffled(draw, range(CONSENTING)):
        totals = list(accumulate(reading.phone_readings for reading in sorted(plan[member])))
        if left in totals:
            early[member] = totals.index(left) + 1
            break
        count = _pick(draw, range(1, READINGS_PER_CUSTOMER + 1))
        if totals[count - 1] < left:
            early[member] = count
            left -= totals[count - 1]
    return early


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
