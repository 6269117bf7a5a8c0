"""Tombstones: what is left of customers who were erased, so that a later delivery of their records stays out.

They travel to the workers of an engine, and need nothing but the standard library there.
"""

from dataclasses import dataclass
from functools import lru_cache

from stedi_assets.privacy.pseudonyms import Pseudonyms

SERIAL_NUMBER_KEY = "serialnumber"
"""The column that names a customer by a device, in lower case; every other one does by the email."""

SHARED_FUNCTION = "shared_with_erased"
"""The name of the function, in queries, that says whether a customer who was erased had a serial number too."""

OF_SHARED_SERIAL_NUMBER = "tombstone of the shared serial number "
"""What is hashed, with a serial number, for one that an erased customer had in common with others."""


def email_tombstone(pseudonyms: Pseudonyms, email: str) -> str:
    """Returns the keyed hash by which a tombstone remembers an email; it is not the pseudonym of training data.

    Args:
        pseudonyms: Holds the key.
        email: Its case does not matter.
    """
    return pseudonyms(f"tombstone of {email.lower()}")


def serial_number_tombstone(pseudonyms: Pseudonyms, serial_number: str) -> str:
    """Returns the keyed hash by which a tombstone remembers a serial number that was the customer's alone.

    Args:
        pseudonyms: Holds the key.
        serial_number: Devices are told apart by case too.
    """
    return pseudonyms(f"tombstone of the serial number {serial_number}")


def shared_serial_number_tombstone(pseudonyms: Pseudonyms, serial_number: str) -> str:
    """Returns the keyed hash by which a tombstone remembers that a serial number has no single owner.

    Args:
        pseudonyms: Holds the key.
        serial_number: Of a device that others' records carry too.
    """
    return pseudonyms(OF_SHARED_SERIAL_NUMBER + serial_number)


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

    def has_shared(self, serial_number: str) -> bool:
        """Whether a customer who was erased had a serial number in common with others.

        Args:
            serial_number: A device's.
        """
        return bool(self.hashes) and shared_serial_number_tombstone(self.pseudonyms, serial_number) in self.hashes

    def __contains__(self, named: object) -> bool:
        """Whether a value stays out, given as a column's name and the value: an email is no serial number."""
        match named:
            case (str(column), str(value)):
                return _hash(self.pseudonyms, column, value) in self.hashes
        return False


@lru_cache(maxsize=1 << 16)
def _hash(pseudonyms: Pseudonyms, column: str, value: str) -> str:
    is_serial_number = column.lower() == SERIAL_NUMBER_KEY
    return serial_number_tombstone(pseudonyms, value) if is_serial_number else email_tombstone(pseudonyms, value)


NO_TOMBSTONES = Tombstones(Pseudonyms(), frozenset())
