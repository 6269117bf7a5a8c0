"""Archived raw files: files that are gone from the landing folder, and whose rows stay in the tables.

Rows of such a file cannot be read again. So what replaces a whole landing table otherwise reads the files that are
there, and leaves the rows of the archived ones as they are.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from stedi_assets.errors import StediError
from stedi_assets.landing.ledger import Ledger
from stedi_assets.landing.ledger_files import read_ledger
from stedi_assets.storage.attempt import LEDGER_KEY
from stedi_assets.storage.location import Location

GONE_FILES_KEY = "stedi.gone_files"
"""The key of a landing table's commit that says whether the rows of raw files that are gone stay."""

KEPT = "keep"


def ledger_with_archive(folder: Location, last_commit: Mapping[str, Any], listed: Collection[str]) -> Ledger | None:
    """Returns a ledger after which every file is read again, while the rows of archived files stay.

    Args:
        folder: The folder of a landing table that exists.
        last_commit: The metadata of its last commit.
        listed: The names of the files in the landing folder.

    Returns:
        The ledger; None where no file is gone, so that the table can be replaced.

    Raises:
        StediError: The ledger is gone, or another program made the last commit: nothing tells which files are archived.
    """
    ledger = read_ledger(folder, last_commit[LEDGER_KEY]) if LEDGER_KEY in last_commit else None
    if ledger is None:
        raise StediError(
            f"The table at {folder} has to be read again from its raw files, and nothing tells which of them are "
            "archived: another program wrote the table, or a part of its ledger is gone. The table is as it was.",
            "Put the archived files back into the landing folder and run once with STEDI_GONE_FILES=remove, or restore "
            "the table's version from before the other program.",
        )
    if ledger.keys() <= set(listed):
        return None
    return {name: replace(entry, modified="") if name in listed else entry for name, entry in ledger.items()}


def other_columns(folder: Location) -> StediError:
    """Returns the error for a table that has rows of archived files and needs other columns.

    Args:
        folder: The table's folder.
    """
    return StediError(
        f"The columns of the table at {folder} are not those of the contract. All raw files would have to be read "
        "again, but some of them are archived. The table is as it was.",
        "Put the archived files back into the landing folder for one run. To give their rows up, run once with "
        "STEDI_GONE_FILES=remove and full_refresh.",
    )


def refuse_to_remove(folder: Location, last_commit: Mapping[str, Any], listed: Collection[str]) -> None:
    """Refuses to remove the rows of archived files from a table whose last run kept them.

    Args:
        folder: The table's folder.
        last_commit: The metadata of its last commit.
        listed: The names of the files in the landing folder.

    Raises:
        StediError: There are archived files, and the last run kept their rows.
    """
    if last_commit.get(GONE_FILES_KEY) != KEPT:
        return
    gone = (read_ledger(folder, last_commit[LEDGER_KEY]) or {}).keys() - set(listed)
    if gone:
        raise StediError(
            f"The last run kept the rows of archived raw files in the table at {folder}. With STEDI_GONE_FILES=remove "
            f"this run would remove the rows of {len(gone)} of them. The table is as it was.",
            "Set STEDI_GONE_FILES=keep. To remove the rows, run once with full_refresh.",
        )
