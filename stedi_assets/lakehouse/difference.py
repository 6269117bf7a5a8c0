"""The difference between a landing folder and its landing table."""

from dataclasses import dataclass
from typing import Any

from deltalake import DeltaTable

from stedi_assets.contract import Source, table_path
from stedi_assets.landing.files import list_landing_files
from stedi_assets.landing.ledger import Changes, Ledger, changes
from stedi_assets.landing.ledger_files import read_ledger
from stedi_assets.storage.attempt import LEDGER_KEY
from stedi_assets.storage.delta import newest_metadata, open_table
from stedi_assets.storage.location import Location


@dataclass(frozen=True)
class FolderDifference:
    """The difference between a landing folder and its landing table.

    Attributes:
        source: The kind of record.
        version: The table's Delta version; None before the first build.
        changes: The listed files that are new or changed, and the files of the table that are gone.
        is_cut: Whether the folder may hold more files than were listed.
    """

    source: Source
    version: int | None
    changes: Changes
    is_cut: bool

    @property
    def identity(self) -> list[Any]:
        """The values, as JSON, that no other difference has: the table's version, and the files with their marks."""
        files = [(file.name, file.size, file.modified) for file in self.changes.to_read]
        return [self.source.name, self.version, files, list(self.changes.replaced)]


def folder_difference(landing: Location, lakehouse: Location, source: Source, limit: int) -> FolderDifference:
    """Compares a landing folder with the ledger of its landing table.

    Args:
        landing: The landing root.
        lakehouse: The folder that holds the tables.
        source: The kind of record.
        limit: The greatest number of files to list.

    Raises:
        StediError: The folder or the table cannot be read.
    """
    folder = list_landing_files(landing, source, limit)
    place = lakehouse / table_path(source.landing)
    table = open_table(place)
    ledger = stored_ledger(table, place) if table else {}
    if folder.is_cut:
        # The folder may hold more files after the last listed one: entries for them are not compared.
        ledger = {name: entry for name, entry in ledger.items() if name <= folder.files[-1].name}
    return FolderDifference(source, table.version() if table else None, changes(folder.files, ledger), folder.is_cut)


def stored_ledger(table: DeltaTable, folder: Location) -> Ledger:
    """Returns the ledger of the last commit of a landing table; empty if another program made it, or a part is gone.

    Args:
        table: The table.
        folder: Its folder.

    Raises:
        StediError: The store refuses.
    """
    return read_ledger(folder, newest_metadata(table).get(LEDGER_KEY) or "[]") or {}
