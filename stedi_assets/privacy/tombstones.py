"""Tombstones: keyed hashes of the identifiers of erased customers, whose records stay out from then on.

Engines send tombstones to their workers, where only the standard library is available.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from stedi_assets.contract import CUSTOMERS, EMAIL, TABLES, Identifier
from stedi_assets.privacy.pseudonyms import Pseudonyms

IDENTIFIERS: Mapping[str, Identifier] = {
    column.name.lower(): column.identifies
    for table in TABLES.values()
    for column in table.columns
    if column.identifies is not None
}
"""From the name of each column that identifies a customer, in lower case, to the identifier. A name means the same in
every source, because a file may lie in another source's folder."""

OTHER_IDENTIFIERS = tuple(
    dict.fromkeys(column.identifies for column in CUSTOMERS.columns if column.identifies and column.identifies != EMAIL)
)
"""The identifiers of customers but the email. Several customers may share a value of them."""

SHARED_FUNCTION = "shared_with_erased"
"""The name of the SQL function that tells whether an erased customer shared an identifier with others."""

SHARED_PREFIXES = tuple(f"tombstone of the shared {identifier.name} " for identifier in OTHER_IDENTIFIERS)
"""For each of `OTHER_IDENTIFIERS`, the prefix of the hashed text for a value that an erased customer shared."""


def email_tombstone(pseudonyms: Pseudonyms, email: str) -> str:
    """Returns the keyed hash of an email in any case. It differs from the email's pseudonym in training data."""
    return pseudonyms(f"tombstone of {email.lower()}")


def other_tombstone(pseudonyms: Pseudonyms, identifier: Identifier, value: str) -> str:
    """Returns the keyed hash of another identifier that only the customer had. Its case matters."""
    return pseudonyms(f"tombstone of the {identifier.name} {value}")


def shared_tombstones(pseudonyms: Pseudonyms, value: str) -> list[str]:
    """Returns the keyed hashes of a value that other customers' records have too, one for each kind of identifier."""
    return [pseudonyms(prefix + value) for prefix in SHARED_PREFIXES]


@dataclass(frozen=True)
class Tombstones:
    """The identifiers whose records stay out of a lakehouse.

    Attributes:
        pseudonyms: Holds the key.
        hashes: The keyed hashes of the identifiers.
    """

    pseudonyms: Pseudonyms
    hashes: frozenset[str]

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.hashes)

    def has_shared(self, value: str) -> bool:
        """Whether an erased customer shared an identifier, such as a serial number, with others."""
        return bool(self.hashes) and not self.hashes.isdisjoint(shared_tombstones(self.pseudonyms, value))

    def __contains__(self, named: object) -> bool:
        """Whether a value stays out, given as the column's name and the value."""
        match named:
            case (str(column), str(value)):
                return _hash(self.pseudonyms, column, value) in self.hashes
        return False


@lru_cache(maxsize=1 << 16)
def _hash(pseudonyms: Pseudonyms, column: str, value: str) -> str:
    identifier = IDENTIFIERS.get(column.lower(), EMAIL)
    return email_tombstone(pseudonyms, value) if identifier == EMAIL else other_tombstone(pseudonyms, identifier, value)


NO_TOMBSTONES = Tombstones(Pseudonyms(), frozenset())
