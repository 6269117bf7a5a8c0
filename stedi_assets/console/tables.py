"""The tables of a lakehouse by name: those of the contract, those of other assets, and former ones."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from stedi_assets.contract import OTHER_TABLES, TABLES, table_path
from stedi_assets.errors import MissingTableError, StediError
from stedi_assets.lakehouse.folders import former_folders, former_name
from stedi_assets.storage.delta import open_table
from stedi_assets.storage.location import Location

OTHER_ZONE = "other"
"""The zone of a table that is not in the contract."""

FORMER_ZONE = "former"
"""The zone of a table that left the contract, and whose folder is still in the lakehouse."""

OPENING_THREADS = 8
"""The size of the thread pool that opens tables: in a bucket, opening a table is mostly waiting for the network."""


@dataclass(frozen=True)
class TableEntry:
    """A table's name and folder, whether or not the table has been built.

    Attributes:
        name: The name in SQL.
        zone: The zone of the contract, `OTHER_ZONE` or `FORMER_ZONE`.
        folder: The table's folder.
    """

    name: str
    zone: str
    folder: Location

    @property
    def is_of_contract(self) -> bool:
        """Whether the table is in the contract."""
        return self.zone not in (OTHER_ZONE, FORMER_ZONE)


def contract_entries(lakehouse: Location) -> list[TableEntry]:
    """Returns the tables of the contract, in its order."""
    return [TableEntry(table.name, table.zone, lakehouse / table.path) for table in TABLES.values()]


def other_entries(lakehouse: Location) -> list[TableEntry]:
    """Returns the tables that are not in the contract, sorted by name.

    Raises:
        StediError: The folder cannot be read.
    """
    folder = lakehouse / OTHER_TABLES
    return [TableEntry(name, OTHER_ZONE, folder / name) for name in folder.files.folders(folder.path)]


def former_entries(lakehouse: Location) -> list[TableEntry]:
    """Returns the tables that left the contract, sorted by folder.

    Raises:
        StediError: A folder cannot be read.
    """
    return [TableEntry(former_name(path), FORMER_ZONE, lakehouse / path) for path in former_folders(lakehouse)]


def open_by_name(lakehouse: Location, name: str) -> tuple[TableEntry, DeltaTable]:
    """Opens the current version of a table.

    Args:
        lakehouse: The folder that holds the tables.
        name: The table's name, in any case, as in SQL.

    Returns:
        The entry and the table.

    Raises:
        MissingTableError: The table does not exist. The message names the existing tables.
        StediError: The table cannot be read.
    """
    for entry in _named(contract_entries(lakehouse), name) or _named(other_entries(lakehouse), name):
        table = _open(entry)
        if table is not None:
            return entry, table
    existing = [entry.name for entry, _ in existing_tables(lakehouse)]
    in_contract = _named(contract_entries(lakehouse), name)
    problem = "has not been built" if in_contract else "does not exist"
    folder = in_contract[0].folder if in_contract else lakehouse / table_path(name)
    raise MissingTableError(
        f"The table {name} {problem} at {lakehouse}.",
        f"The tables that exist are {', '.join(existing)}."
        if existing
        else "No table exists yet: stedi run builds them.",
        name=name,
        folder=str(folder),
    )


def names_of_contract(names: Sequence[str]) -> list[str]:
    """Returns the names of tables as the contract writes them.

    Args:
        names: Names in any case; none for all tables.

    Raises:
        StediError: The contract has no table of a name.
    """
    by_folded = {name.casefold(): name for name in TABLES}
    for name in names:
        if name.casefold() not in by_folded:
            raise StediError(f"{name} is not a table of the contract.", f"The tables are {', '.join(TABLES)}.")
    return [by_folded[name.casefold()] for name in names] or list(TABLES)


def existing_tables(lakehouse: Location) -> list[tuple[TableEntry, DeltaTable]]:
    """Opens the current version of every table that exists, but for former ones.

    Returns:
        Each entry with its table: the contract's tables in order, then the others by name.

    Raises:
        StediError: A folder or a table cannot be read.
    """
    return opened([*contract_entries(lakehouse), *other_entries(lakehouse)])


def opened(entries: Sequence[TableEntry]) -> list[tuple[TableEntry, DeltaTable]]:
    """Opens the current version of those tables of a list that exist.

    Raises:
        StediError: A table cannot be read.
    """
    with ThreadPoolExecutor(max_workers=OPENING_THREADS) as pool:
        tables = list(pool.map(_open, entries))
    return [(entry, table) for entry, table in zip(entries, tables, strict=True) if table is not None]


def _open(entry: TableEntry) -> DeltaTable | None:
    try:
        return open_table(entry.folder)
    except (DeltaError, OSError) as error:
        raise StediError(
            f"The table {entry.name} at {entry.folder} cannot be opened: {str(error).splitlines()[0].rstrip('.')}.",
            "Check the folder's permissions and its _delta_log.",
        ) from None


def _named(entries: Sequence[TableEntry], name: str) -> list[TableEntry]:
    return [entry for entry in entries if entry.name.casefold() == name.casefold()]
