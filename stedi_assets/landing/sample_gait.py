"""The values of made-up readings: what the device and the phone see of customers who stand and step in turn.

A customer stands for some readings, then steps for some, and so on. A step lifts the foot towards the device: the
distance shrinks and grows again. The phone feels the earth's pull, along the direction in which the customer carries
it. At both ends of a step it feels more, in the middle less, and it shakes. Customers differ in how long they stand and
step, how fast, how high and how hard, in the place of the device, and in the direction of the phone.

All is computed in whole numbers from a hash, so that each machine and each release of a library gives the same values.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import shake_128
from math import isqrt
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.int64]

# Each customer has one of these for all readings. Distances have the unit of the device; the course's are 201 to 300.
GROUNDS = range(255, 297)
"""The distances while standing."""
HEIGHTS = range(20, 51)
"""By how much a step shortens the distance."""
PERIODS = range(1_100, 1_800)
"""The milliseconds that a step takes."""
LENGTHS = range(3, 12)
"""Readings in a row of which a customer stands, or steps, give or take one."""
VIGOURS = range(5, 45)
"""The greatest difference that a step makes to the acceleration, in hundredths of the earth's pull."""
TILTS = range(-70, 71)
"""The earth's pull along x and along y, in hundredths."""

PHASES = 16
"""The shortest possible phases have two readings each. So many suffice for 30 readings."""
DISTANCES = (201, 300)
DISTANCE_NOISE = 3
STILL = 3
"""The noise of an acceleration while standing, in hundredths of the earth's pull."""
LARGEST_TENTHS = 20
"""The largest acceleration that a phone tells, in tenths of the earth's pull."""


class Gait(NamedTuple):
    """The values of the readings of several customers.

    Attributes:
        distances: Of each device reading.
        accelerations: Of each phone reading, as JSON without braces.
    """

    distances: list[int]
    accelerations: list[str]


class _Chance:
    """Numbers that follow from a seed and a name."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def pick(self, name: str, items: range, *shape: int) -> Numbers:
        """Returns items, each as likely as the others."""
        picked: Numbers = items.start + self._bits(name, *shape) % len(items)
        return picked

    def noise(self, name: str, *shape: int) -> Numbers:
        """Returns numbers around 0 whose standard deviation is 148: sums of four bytes, which look like a bell."""
        bits = self._bits(name, *shape)
        total: Numbers = (bits & 255) + (bits >> 8 & 255) + (bits >> 16 & 255) + (bits >> 24)
        return total - 510

    def _bits(self, name: str, *shape: int) -> Numbers:
        import numpy as np  # noqa: PLC0415

        count = int(np.prod(shape))
        digest = shake_128(f"{name} {self._seed}".encode()).digest(4 * count)
        return np.frombuffer(digest, "<u4").astype(np.int64).reshape(shape)


def make_gait(seed: int, instants: Sequence[Sequence[int]], phone_readings: Sequence[Sequence[int]]) -> Gait:
    """Makes the values of the readings of several customers.

    Args:
        seed: Another one gives other values.
        instants: Those of each customer's device readings, in any order. All customers have the same number of them.
        phone_readings: The number of phone readings at each of the instants.

    Returns:
        The values, in the order of `instants`.
    """
    import numpy as np  # noqa: PLC0415

    chance = _Chance(seed)
    at = np.array(instants)
    customers = len(at)
    steps = _are_steps(chance, at)
    period = chance.pick("period", PERIODS, customers, 1)
    thousandths = at % period * 1_000 // period
    lift = np.where(steps, 4 * thousandths * (1_000 - thousandths) // 1_000, 0)
    ground, height = chance.pick("ground", GROUNDS, customers, 1), chance.pick("height", HEIGHTS, customers, 1)
    distances = ground - height * lift // 1_000 + chance.noise("distance", *at.shape) * DISTANCE_NOISE // 148
    vigour = chance.pick("vigour", VIGOURS, customers, 1)
    pull = np.where(steps, 100 + vigour * (500 - lift) // 500, 100)
    shaking = np.where(steps, STILL + vigour // 5, STILL)
    accelerations = _accelerations(chance, pull, shaking, np.array(phone_readings))
    return Gait(distances.clip(*DISTANCES).ravel().tolist(), accelerations)


def _are_steps(chance: _Chance, instants: Numbers) -> NDArray[np.bool_]:
    """Returns whether the customer steps at each instant."""
    import numpy as np  # noqa: PLC0415

    customers = len(instants)
    standing, stepping = (chance.pick(name, LENGTHS, customers, 1) for name in ("standing", "stepping"))
    lengths = np.where(np.arange(PHASES) % 2, stepping, standing) + chance.pick(
        "length", range(-1, 2), customers, PHASES
    )
    places = instants.argsort().argsort() + chance.pick("first", range(LENGTHS.stop), customers, 1)
    ended = lengths.cumsum(axis=1)[:, np.newaxis, :] <= places[:, :, np.newaxis]
    is_step: NDArray[np.bool_] = ended.sum(axis=2) % 2 == 1
    return is_step


def _accelerations(chance: _Chance, pull: Numbers, shaking: Numbers, phone_readings: Numbers) -> list[str]:
    """Returns the acceleration of each phone reading, from those of the device readings that they accompany."""
    import numpy as np  # noqa: PLC0415

    customers = len(pull)
    x, y = chance.pick("x", TILTS, customers), chance.pick("y", TILTS, customers)
    z = np.array([-isqrt(10_000 - square) for square in (x * x + y * y).tolist()])
    repeats = phone_readings.ravel()
    noise = shaking.ravel().repeat(repeats)
    axes = []
    for name, direction in {"x": x, "y": y, "z": z}.items():
        felt = (pull * direction[:, np.newaxis] // 100).ravel().repeat(repeats)
        hundredths = felt + chance.noise(f"noise {name}", len(felt)) * noise // 148
        tenths = ((hundredths + 5) // 10).clip(-LARGEST_TENTHS, LARGEST_TENTHS)
        axes.append((tenths + LARGEST_TENTHS).tolist())
    texts = [str(tenths / 10) for tenths in range(-LARGEST_TENTHS, LARGEST_TENTHS + 1)]
    return [f'"x":{texts[x]},"y":{texts[y]},"z":{texts[z]}' for x, y, z in zip(*axes, strict=True)]
