"""The days of a made-up sample: the files of each day, and the instants of its readings.

Without days, each replica of a sample has an hour of its own, and the hours follow each other. `cut_hour` cuts them
where a day has its share of the device readings. On its day, the first hour starts at midnight UTC, even where only its
end belongs to the day, and the next hours follow. Equal instants stay equal and earlier ones stay earlier. So days
change neither the row counts nor the readings before a consent.
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from datetime import date, timedelta
from typing import NamedTuple

from stedi_assets.contract import SOURCES

FIRST_DAY = date(2024, 3, 5)

# All times are in milliseconds.
HOUR = 3_600_000
DAY = 24 * HOUR
FIRST_MIDNIGHT = (FIRST_DAY - date(1970, 1, 1)).days * DAY

# The share of a day may start and end within an hour. Up to 23 replicas a day then have readings of at most 24 hours.
REPLICAS_PER_DAY = 23
# A day then has 78 device readings. With far fewer, the days would differ by more than a tenth of their share: up to
# five readings share an instant, and so a day.
DAYS_PER_REPLICA = 365

_FOLDERS = {source: SOURCES[f"{source}_files"].path for source in ("customer", "accelerometer", "step_trainer")}
_DAY_FILE = re.compile(
    "|".join(
        rf"{re.escape(folder)}/{source}-sample-[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}\.json"
        for source, folder in _FOLDERS.items()
    )
)


def day_files(day: int) -> dict[str, str]:
    """The files of one day, whatever the scale and the number of days.

    This program lands a sample day by day. The expected counts hold when all days have landed.

        for day in range(1, days + 1):
            for name in day_files(day).values():
                (landing / name).parent.mkdir(parents=True, exist_ok=True)
                (sample / name).rename(landing / name)
            ...  # stedi run

    Args:
        day: 1 is the first day.

    Returns:
        From `accelerometer` and `step_trainer`, and on the first day `customer`, to a path below the landing root, such
        as `accelerometer/landing/accelerometer-sample-2024-03-05.json`.

    Raises:
        ValueError: `day` is less than 1.
    """
    if day < 1:
        raise ValueError(f"A sample has no day {day}: the first day is 1.")
    at = FIRST_DAY + timedelta(days=day - 1)
    return {
        source: f"{folder}/{source}-sample-{at}.json"
        for source, folder in _FOLDERS.items()
        if source != "customer" or day == 1
    }


def is_day_file(name: str) -> bool:
    """Whether a path below the landing root has the form of `day_files`."""
    return _DAY_FILE.fullmatch(name) is not None


def day_of(instant: int) -> int:
    """The day of an instant. The first day is 1."""
    return (instant - FIRST_MIDNIGHT) // DAY + 1


def require_possible_days(scale: int, days: int) -> None:
    """Refuses a number of days that is too small or too large for the scale.

    Raises:
        ValueError: A day would have more than 23 replicas, or fewer than 78 device readings.
    """
    least, most = -(-scale // REPLICAS_PER_DAY), scale * DAYS_PER_REPLICA
    if not least <= days <= most:
        raise ValueError(
            f"Cannot spread a sample of scale {scale} over {days} days. Choose from {least} to {most} days."
        )


class CutHour(NamedTuple):
    """The hour of one replica, cut into days.

    Attributes:
        cuts: The instants at which a next day begins, ascending.
        shifts: What `moved` adds to an instant before the first cut, before the second, ..., and after the last.
    """

    cuts: list[int]
    shifts: list[int]

    def moved(self, instant: int) -> int:
        """The instant on its day."""
        return instant + self.shifts[bisect_right(self.cuts, instant)]


def cut_hour(hour: int, instants: Sequence[int], place: int, scale: int, days: int) -> CutHour:
    """The hour of one replica, cut where a day has its share of the device readings of all replicas.

    Args:
        hour: The instant at which the hour begins.
        instants: Those of the replica's device readings, ascending. All replicas have the same number of them.
        place: The number of replicas with an earlier hour.
        scale: The number of replicas.
        days: The number of days of the sample.
    """
    size = len(instants)
    readings = range(place * size, (place + 1) * size)
    days_here = range(readings[0] * days // (scale * size), readings[-1] * days // (scale * size) + 1)
    first_readings = [-(-day * scale * size // days) for day in days_here]
    cuts = [instants[reading - readings.start] for reading in first_readings[1:]]
    starts = [
        FIRST_MIDNIGHT + day * DAY + (place - reading // size) * HOUR
        for day, reading in zip(days_here, first_readings, strict=True)
    ]
    return CutHour(cuts, [start - hour for start in starts])
