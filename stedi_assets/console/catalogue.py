"""The tables that a lakehouse has, by name: those of the contract, and other people's assets."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from stedi_assets.contract import OTHER_TABLES, TABLES
from stedi_assets.errors import MissingTableError, StediError
from stedi_assets.storage.delta import open_table
from stedi_assets.storage.location import Location

OTHER_ZONE = "other"
"""What stands for the zone of a table that the contract does not have."""

OPENED_AT_ONCE = 8
"""Opening a table in a bucket is mostly waiting."""


@dataclass(frozen=True)
class Entry:
    """A table's name and place, whether or not it has been built.

    Attributes:
        name: Its name in SQL.
        zone: The part of the lakehouse it belongs to.
        folder: Its folder.
    """

    name: str
    zone: str
    folder: Location

    @property
    def is_of_contract(self) -> bool:
        """Whether the contract has it."""
        return self.zone != OTHER_ZONE


def contract_entries(lakehouse: Location) -> list[Entry]:
    """Returns the tables of the contract, in its order.

    Args:
        lakehouse: The folder that holds the tables.
    """
    return [Entry(table.name, table.zone, lakehouse / table.path) for table in TABLES.values()]


def other_entries(lakehouse: Location) -> list[Entry]:
    """Returns the tables of other people's assets, sorted by name.

    Args:
        lakehouse: The folder that holds the tables.

    Raises:
        StediError: The folder cannot be read.
    """
    folder = lakehouse / OTHER_TABLES
    return [Entry(name, OTHER_ZONE, folder / name) for name in folder.files.folders(folder.path)]


def entries(lakehouse: Location) -> list[Entry]:
    """Returns every table of the contract, and then every other.

    Args:
        lakehouse: The folder that holds the tables.

    Raises:
        StediError: The folder cannot be read.
    """
    return [*contract_entries(lakehouse), *other_entries(lakehouse)]


def find(lakehouse: Location, name: str) -> tuple[Entry, DeltaTable]:
    """Opens a table at its current version.

    Args:
        lakehouse: The folder that holds the tables.
        name: The table's name, in any case, as in SQL.

    Returns:
        Its entry and the table.

    Raises:
        MissingTableError: The table does not exist. The message names the existing tables.
        StediError: The table cannot be read.
    """
    for entry in _named(contract_entries(lakehouse), name) or _named(other_entries(lakehouse), name):
        table = _opened(entry)
        if table is not None:
            return entry, table
    existing = [entry.name for entry, _ in existing_tables(lakehouse)]
    in_contract = _named(contract_entries(lakehouse), name)
    what = "has not been built" if in_contract else "does not exist"
    folder = in_contract[0].folder if in_contract else lakehouse / OTHER_TABLES / name
    raise MissingTableError(
        f"The table {name} {what} at {lakehouse}.",
        f"The tables that exist are {', '.join(existing)}."
        if existing
        else "No table exists yet: stedi run builds them.",
        name=name,
        folder=str(folder),
    )


def existing_tables(lakehouse: Location) -> list[tuple[Entry, DeltaTable]]:
    """Opens every table that there is.

    Args:
        lakehouse: The folder that holds the tables.

    Returns:
        Each table's entry and the table, at its current version.

    Raises:
        StediError: A folder or a table cannot be read.
    """
    found = entries(lakehouse)
    with ThreadPoolExecutor(max_workers=OPENED_AT_ONCE) as pool:
        tables = list(pool.map(_opened, found))
    return [(entry, table) for entry, table in zip(found, tables, strict=True) if table is not None]


def _opened(entry: Entry) -> DeltaTable | None:
    try:
        return open_table(entry.folder)
    except (DeltaError, OSError) as error:
        raise StediError(
            f"The table {entry.name} at {entry.folder} cannot be opened: {str(error).splitlines()[0].rstrip('.')}.",
            "Check the folder's permissions and its _delta_log.",
        ) from None


def _named(found: Sequence[Entry], name: str) -> list[Entry]:
    return [entry for entry in found if entry.name.casefold() == name.casefold()]
