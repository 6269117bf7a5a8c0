"""Removal of what runs have created: tables of a lakehouse, by default all, and their entries in AWS Glue."""

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePosixPath

from stedi_assets.catalog.glue import GlueCatalog
from stedi_assets.contract import OTHER_TABLES, TABLES
from stedi_assets.errors import StediError
from stedi_assets.lakehouse.folders import former_folders, former_name
from stedi_assets.settings import Settings
from stedi_assets.storage.lease import lease_held
from stedi_assets.storage.location import Location
from stedi_assets.storage.removal import TableFiles, files_below, remove, why_not_ours

HOLDER = "stedi clean"
"""The name under which a cleaning holds the lakehouse. Runs that wait for it print the name."""


@dataclass(frozen=True)
class Cleaning:
    """The plan of a cleaning.

    Attributes:
        lakehouse: The lakehouse to clean.
        tables: The folders of tables to remove, with their files.
        entries: The names of the Glue tables to remove.
        refused: The folders that another program wrote, each with the reason for that conclusion.
    """

    lakehouse: Location
    tables: Sequence[TableFiles]
    entries: Sequence[str]
    refused: Sequence[tuple[Location, str]]

    @property
    def files(self) -> int:
        """Number of files of all tables."""
        return sum(len(table.files) for table in self.tables)

    @property
    def bytes(self) -> int:
        """Total size of the files in bytes."""
        return sum(table.bytes for table in self.tables)


def plan_cleaning(settings: Settings, names: Sequence[str] = ()) -> Cleaning:
    """Returns a plan with tables and their Glue entries.

    Args:
        settings: The settings.
        names: The names of tables, in any case, or their paths below the lakehouse: tables of the contract, tables of
            users' own assets, and former tables of the contract. Without names, all tables but the former ones.

    Raises:
        StediError: A name is not that of one table, or the lakehouse or Glue cannot be read.
    """
    lakehouse = settings.lakehouse
    named = [lakehouse / path for path in _paths(lakehouse, names)]
    found = [table for table in _table_folders(lakehouse, named) if table.files]
    reasons = [(table, why_not_ours(table)) for table in found]
    return Cleaning(
        lakehouse=settings.lakehouse,
        tables=[table for table, reason in reasons if reason is None],
        entries=_entries(settings, {PurePosixPath(str(folder)) for folder in named}),
        refused=[(table.folder, reason) for table, reason in reasons if reason is not None],
    )


def clean(cleaning: Cleaning, settings: Settings) -> bool:
    """Carries out a plan, while it holds the lakehouse: no run writes meanwhile.

    The Glue entries go first, so that no reader finds a table that is being deleted. A caller that already holds the
    lakehouse as `HOLDER` since before the planning keeps runs from adding files in between.

    Args:
        cleaning: A plan without refused folders.
        settings: The settings of the plan.

    Returns:
        Whether the Glue database was removed too. A database that a run created is removed once it is empty.

    Raises:
        StediError: Something cannot be removed, or another run holds the lakehouse for too long. A second cleaning
            continues.
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


def _paths(lakehouse: Location, names: Sequence[str]) -> list[str]:
    """Returns the path, below a lakehouse, of the table of each name."""
    if not names:
        return []
    known = [
        *((name, table.path) for name, table in TABLES.items()),
        *((name, f"{OTHER_TABLES}/{name}") for name in lakehouse.files.folders(str(lakehouse / OTHER_TABLES))),
        *((former_name(path), path) for path in former_folders(lakehouse)),
    ]
    found: list[str] = []
    for given in names:
        paths = [path for name, path in known if given.casefold() == name.casefold() or given == path]
        if not paths:
            raise StediError(
                f"{given} is not a table of the lakehouse at {lakehouse}.",
                f"The tables are {', '.join(name for name, _ in known)}.",
            )
        if len(paths) > 1:
            raise StediError(f"{given} is the name of several tables.", f"Give one of {', '.join(paths)}.")
        found += paths
    return list(dict.fromkeys(found))


def _table_folders(lakehouse: Location, named: Sequence[Location]) -> list[TableFiles]:
    if named:
        return [TableFiles(folder, files_below(folder)) for folder in named]
    of_contract = [lakehouse / table.path for table in TABLES.values()]
    others = lakehouse / OTHER_TABLES
    names = {file.name.partition("/")[0] for file in files_below(others) if "/" in file.name}
    folders = [*of_contract, *(others / name for name in sorted(names))]
    return [TableFiles(folder, files_below(folder)) for folder in folders]


def _entries(settings: Settings, named: Collection[PurePosixPath]) -> list[str]:
    catalog = _catalog(settings)
    locations = catalog.locations() if catalog else {}
    places = {name: PurePosixPath(location) for name, location in locations.items()}
    return sorted(
        name
        for name, place in places.items()
        if (place in named if named else _is_table_folder(place, settings.lakehouse))
    )


def _is_table_folder(place: PurePosixPath, lakehouse: Location) -> bool:
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
