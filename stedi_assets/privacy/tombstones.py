"""Tombstones: keyed hashes of the emails and serial numbers of erased customers, whose records stay out from then on.

Engines send tombstones to their workers, where only the standard library is available.
"""

from dataclasses import dataclass
from functools import lru_cache

from stedi_assets.privacy.pseudonyms import Pseudonyms

SERIAL_NUMBER_KEY = "serialnumber"
"""The column that identifies a customer by a device, in lower case. All others identify a customer by the email."""

SHARED_FUNCTION = "shared_with_erased"
"""The name of the SQL function that tells whether an erased customer shared a serial number with others."""

OF_SHARED_SERIAL_NUMBER = "tombstone of the shared serial number "
"""The prefix of the hashed text for a serial number that an erased customer shared with others."""


def email_tombstone(pseudonyms: Pseudonyms, email: str) -> str:
    """Returns the keyed hash of an email in any case. It differs from the email's pseudonym in training data."""
    return pseudonyms(f"tombstone of {email.lower()}")


def serial_number_tombstone(pseudonyms: Pseudonyms, serial_number: str) -> str:
    """Returns the keyed hash of a serial number that only the customer had. Serial numbers are case-sensitive."""
    return pseudonyms(f"tombstone of the serial number {serial_number}")


def shared_serial_number_tombstone(pseudonyms: Pseudonyms, serial_number: str) -> str:
    """Returns the keyed hash of a serial number that other customers' records have too."""
    return pseudonyms(OF_SHARED_SERIAL_NUMBER + serial_number)


@dataclass(frozen=True)
class Tombstones:
    """The emails and serial numbers whose records stay out of a lakehouse.

    Attributes:
        pseudonyms: Holds the key.
        hashes: The keyed hashes of the emails and serial numbers.
    """

    pseudonyms: Pseudonyms
    hashes: frozenset[str]

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.hashes)

    def has_shared(self, serial_number: str) -> bool:
        """Whether an erased customer shared a serial number with others."""
        return bool(self.hashes) and shared_serial_number_tombstone(self.pseudonyms, serial_number) in self.hashes

    def __contains__(self, named: object) -> bool:
        """Whether a value stays out, given as the column's name and the value."""
        match named:
            case (str(column), str(value)):
                return _hash(self.pseudonyms, column, value) in self.hashes
        return False


@lru_cache(maxsize=1 << 16)
def _hash(pseudonyms: Pseudonyms, column: str, value: str) -> str:
    is_serial_number = column.lower() == SERIAL_NUMBER_KEY
    return serial_number_tombstone(pseudonyms, value) if is_serial_number else email_tombstone(pseudonyms, value)


NO_TOMBSTONES = Tombstones(Pseudonyms(), frozenset())
