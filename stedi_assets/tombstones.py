"""Tombstones: what is left of customers who were erased, so that a later delivery of their records stays out.

Each is a small file of its own below the lakehouse, named by the keyed hash of an email or a serial number: writing one
twice changes nothing, and no two writers meet.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from stedi_assets.errors import StediError
from stedi_assets.pseudonyms import Pseudonyms
from stedi_assets.storage.location import Location

FOLDER = "erasure/tombstones"
"""Their folder below the lakehouse."""

KEY_CHECK = "the key of these tombstones"


def tombstone_hash(pseudonyms: Pseudonyms, name: str) -> str:
    """Returns the keyed hash by which a tombstone remembers a name; it is not the pseudonym of training data.

    Args:
        pseudonyms: Holds the key.
        name: An email or a serial number; its case does not matter.
    """
    return pseudonyms(f"tombstone of {name.lower()}")


@dataclass(frozen=True)
class Tombstones:
    """Which names stay out.

    Attributes:
        pseudonyms: Holds the key.
        hashes: The keyed hashes of the names.
    """

    pseudonyms: Pseudonyms
    hashes: frozenset[str]

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.hashes)

    def __contains__(self, name: object) -> bool:
        """Whether a name stays out."""
        return isinstance(name, str) and _hash(self.pseudonyms, name) in self.hashes


@lru_cache(maxsize=1 << 16)
def _hash(pseudonyms: Pseudonyms, name: str) -> str:
    return tombstone_hash(pseudonyms, name)


NO_TOMBSTONES = Tombstones(Pseudonyms(), frozenset())


def read_tombstones(lakehouse: Location, pseudonyms: Pseudonyms) -> Tombstones:
    """Reads which names stay out of a lakehouse.

    Args:
        lakehouse: The root of the tables.
        pseudonyms: Holds the key that they were written under.

    Returns:
        The tombstones.

    Raises:
        StediError: There are some, and the key is not theirs.
    """
    names = {file.name.removesuffix(".json") for file in lakehouse.files.walk(str(lakehouse / FOLDER))}
    if not names:
        return NO_TOMBSTONES
    key_check = tombstone_hash(pseudonyms, KEY_CHECK)
    if key_check not in names:
        raise StediError(
            f"Customers were erased from the lakehouse at {lakehouse}, and only with the key of that time can be told "
            "whether new files hold them.",
            "Set STEDI_PSEUDONYM_KEY to that key.",
        )
    return Tombstones(pseudonyms, frozenset(names - {key_check}))


def write_tombstones(lakehouse: Location, pseudonyms: Pseudonyms, names: Iterable[str], reason: dict[str, str]) -> None:
    """Writes tombstones.

    Args:
        lakehouse: The root of the tables.
        pseudonyms: Holds the key.
        names: Emails and serial numbers.
        reason: Who asked, and when; nothing personal about the customer.

    Raises:
        StediError: They cannot be written.
    """
    content = json.dumps(reason).encode()
    for name in (KEY_CHECK, *names):
        path = lakehouse / FOLDER / f"{tombstone_hash(pseudonyms, name)}.json"
        lakehouse.files.write(str(path), content)
