"""Removing what runs have made at a lakehouse: its tables, and their entries in AWS Glue."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePosixPath

from stedi_assets.catalog.glue import GlueCatalog
from stedi_assets.contract import OTHER_TABLES
from stedi_assets.settings import Settings
from stedi_assets.storage.lease import lease_held
from stedi_assets.storage.location import Location
from stedi_assets.storage.removal import TableFiles, files_below, remove, why_not_ours
from stedi_assets.contract import TABLES

HOLDER = "stedi clean"
"""Who holds the lakehouse meanwhile, as others are told that wait."""


@dataclass(frozen=True)
class Cleaning:
    """What is to be removed.

    Attributes:
        lakehouse: Where.
        tables: The tables' folders with their files.
        entries: The names of the entries in Glue.
        refused: The folders that are not this program's, each with the reason.
    """

    lakehouse: Location
    tables: Sequence[TableFiles]
    entries: Sequence[str]
    refused: Sequence[tuple[Location, str]]

    @property
    def files(self) -> int:
        """How many files all tables have."""
        return sum(len(table.files) for table in self.tables)

    @property
    def bytes(self) -> int:
        """The size of all tables."""
        return sum(table.bytes for table in self.tables)


def plan_cleaning(settings: Settings) -> Cleaning:
    """Finds what runs have made.

    Args:
        settings: Say where.

    Returns:
        The tables of the contract and of other people's assets, with the entries in Glue that point to such a folder.

    Raises:
        StediError: The lakehouse or Glue cannot be read.
    """
    found = [table for table in _table_folders(settings.lakehouse) if table.files]
    judged = [(table, why_not_ours(table)) for table in found]
    return Cleaning(
        lakehouse=settings.lakehouse,
        tables=[table for table, reason in judged if reason is None],
        entries=_entries(settings),
        refused=[(table.folder, reason) for table, reason in judged if reason is not None],
    )


def clean(cleaning: Cleaning, settings: Settings) -> bool:
    """Removes what was found: the entries first, so that nobody finds a table any more that is about to go.

    It holds the lakehouse meanwhile. Whoever holds it as `HOLDER` from before the planning on has planned for what is
    there.

    Args:
        cleaning: As planned, with nothing refused.
        settings: Those that it was planned by.

    Returns:
        Whether the Glue database was removed too: one that a run created, and that is empty now.

    Raises:
        StediError: Something cannot be removed, or a run is on for too long. A second cleaning goes on.
    """
    catalog = _catalog(settings)
    with lease_held(cleaning.lakehouse, HOLDER, settings.lease_wait_timeout) as lease:
        if catalog:
            for entry in cleaning.entries:
                catalog.remove(entry)
        for table in cleaning.tables:
            lease.confirm()
            remove(table.folder)
            if table.folder.is_local:
                _remove_empty_parents(table.folder, cleaning.lakehouse)
    return catalog.remove_database() if catalog else False


def _table_folders(lakehouse: Location) -> list[TableFiles]:
    of_contract = [lakehouse / table.path for table in TABLES.values()]
    others = lakehouse / OTHER_TABLES
    names = {file.name.partition("/")[0] for file in files_below(others) if "/" in file.name}
    return [
        TableFiles(folder, files_below(folder)) for folder in [*of_contract, *(others / it for it in sorted(names))]
    ]


def _entries(settings: Settings) -> list[str]:
    catalog = _catalog(settings)
    locations = catalog.locations() if catalog else {}
    return sorted(name for name, location in locations.items() if _is_table_folder(location, settings.lakehouse))


def _is_table_folder(location: str, lakehouse: Location) -> bool:
    place = PurePosixPath(location)
    of_contract = {PurePosixPath(str(lakehouse / table.path)) for table in TABLES.values()}
    return place in of_contract or place.parent == PurePosixPath(str(lakehouse / OTHER_TABLES))


def _catalog(settings: Settings) -> GlueCatalog | None:
    return GlueCatalog(settings.glue_database, settings.aws) if settings.glue_database else None


def _remove_empty_parents(folder: Location, lakehouse: Location) -> None:
    for parent in folder.local_path.parents:
        if not parent.is_relative_to(lakehouse.local_path) or parent == lakehouse.local_path:
            return
        with suppress(OSError):
            parent.rmdir()
