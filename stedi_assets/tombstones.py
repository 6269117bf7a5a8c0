"""Tombstones: what is left of customers who were erased, so that a later delivery of their records stays out.

They travel to the workers of an engine, and need nothing but the standard library there.
"""

from dataclasses import dataclass
from functools import lru_cache

from stedi_assets.pseudonyms import Pseudonyms


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
