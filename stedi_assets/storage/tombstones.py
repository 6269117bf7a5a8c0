"""Reads and writes the tombstones of a lakehouse.

Each tombstone is a small file of its own, named by the keyed hash of an identifier of a customer. Writing one twice
changes nothing, and two writers never conflict.
"""

import json
from collections.abc import Iterable

from stedi_assets.errors import StediError
from stedi_assets.privacy.pseudonyms import Pseudonyms
from stedi_assets.privacy.tombstones import NO_TOMBSTONES, Tombstones, email_tombstone
from stedi_assets.storage.location import Location

FOLDER = "erasure/tombstones"
"""The folder of the tombstones, below the lakehouse."""

KEY_CHECK = "the key of these tombstones"
"""A text whose own tombstone is written with the others: another key gives another hash of it."""


def read_tombstones(lakehouse: Location, pseudonyms: Pseudonyms) -> Tombstones:
    """Reads the tombstones of a lakehouse.

    Args:
        lakehouse: The root of the tables.
        pseudonyms: Holds the key that the tombstones were written with.

    Raises:
        StediError: The lakehouse has tombstones, and they were written with another key.
    """
    names = {file.name.removesuffix(".json") for file in lakehouse.files.walk(str(lakehouse / FOLDER))}
    if not names:
        return NO_TOMBSTONES
    key_check = email_tombstone(pseudonyms, KEY_CHECK)
    if key_check not in names:
        raise StediError(
            f"Customers were erased from the lakehouse at {lakehouse} with another key, and only that key shows "
            "whether new files hold their records.",
            "Set STEDI_PSEUDONYM_KEY to the key of the erasure.",
        )
    return Tombstones(pseudonyms, frozenset(names - {key_check}))


def write_tombstones(
    lakehouse: Location, pseudonyms: Pseudonyms, hashes: Iterable[str], reason: dict[str, str]
) -> None:
    """Adds tombstones to a lakehouse.

    Args:
        lakehouse: The root of the tables.
        pseudonyms: Holds the key.
        hashes: The keyed hashes of identifiers.
        reason: Who asked for the erasure, and when. It must not hold personal data of the customer.

    Raises:
        StediError: A tombstone cannot be written.
    """
    content = json.dumps(reason).encode()
    for keyed in (email_tombstone(pseudonyms, KEY_CHECK), *hashes):
        path = lakehouse / FOLDER / f"{keyed}.json"
        lakehouse.files.write(str(path), content)
