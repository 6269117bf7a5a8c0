"""Tombstones at rest: each a small file of its own below the lakehouse, named by the keyed hash of a name.

Writing one twice changes nothing, and no two writers meet.
"""

import json
from collections.abc import Iterable

from stedi_assets.errors import StediError
from stedi_assets.privacy.pseudonyms import Pseudonyms
from stedi_assets.privacy.tombstones import NO_TOMBSTONES, Tombstones, email_tombstone
from stedi_assets.storage.location import Location

FOLDER = "erasure/tombstones"
"""Their folder below the lakehouse."""

KEY_CHECK = "the key of these tombstones"


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
    key_check = email_tombstone(pseudonyms, KEY_CHECK)
    if key_check not in names:
        raise StediError(
            f"Customers were erased from the lakehouse at {lakehouse}, and only with the key of that time can be told "
            "whether new files hold them.",
            "Set STEDI_PSEUDONYM_KEY to that key.",
        )
    return Tombstones(pseudonyms, frozenset(names - {key_check}))


def write_tombstones(
    lakehouse: Location, pseudonyms: Pseudonyms, hashes: Iterable[str], reason: dict[str, str]
) -> None:
    """Writes tombstones.

    Args:
        lakehouse: The root of the tables.
        pseudonyms: Holds the key.
        hashes: Of emails and serial numbers, under that key.
        reason: Who asked, and when; nothing personal about the customer.

    Raises:
        StediError: They cannot be written.
    """
    content = json.dumps(reason).encode()
    for keyed in (email_tombstone(pseudonyms, KEY_CHECK), *hashes):
        path = lakehouse / FOLDER / f"{keyed}.json"
        lakehouse.files.write(str(path), content)
