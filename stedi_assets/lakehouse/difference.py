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

FEW_FILES = 20_000
"""The greatest number of files of a landing folder that are all listed each time. In a bucket these are 20 requests."""


@dataclass(frozen=True)
class FolderDifference:
    """The difference between a landing folder and its landing table.

    Attributes:
        source: The kind of record.
        version: The table's Delta version; None before the first build.
        changes: The listed files that are new or changed, and the files of the table that are gone.
        is_partial: Whether only files were listed whose names come after those of the table.
    """

    source: Source
    version: int | None
    changes: Changes
    is_partial: bool

    @property
    def identity(self) -> list[Any]:
        """The values, as JSON, that no other difference has: the table's version, and the files with their marks."""
        files = [(file.name, file.size, file.modified) for file in self.changes.to_read]
        return [self.source.name, self.version, files, list(self.changes.replaced)]


def folder_difference(
    landing: Location, lakehouse: Location, source: Source, *, lists_all: bool, keeps_gone: bool
) -> FolderDifference:
    """Compares a landing folder with the ledger of its landing table.

    Args:
        landing: The landing root.
        lakehouse: The folder that holds the tables.
        source: The kind of record.
        lists_all: Whether to list all files of a folder with more than `FEW_FILES`. Otherwise only those are listed
            whose names come after the names of all files of the table. A name that carries the time of a delivery does.
        keeps_gone: Whether the rows of files that are gone stay, so that these are no difference.

    Raises:
        StediError: The folder or the table cannot be read.
    """
    place = lakehouse / table_path(source.landing)
    table = open_table(place)
    ledger = stored_ledger(table, place) if table else {}
    is_partial = not lists_all and len(ledger) > FEW_FILES
    newest = max(ledger) if is_partial else ""
    folder = list_landing_files(landing, source, newest, may_be_empty=keeps_gone and table is not None)
    found = changes(folder.files, {} if is_partial else ledger, keeps_gone=keeps_gone)
    return FolderDifference(source, table.version() if table else None, found, is_partial)


def stored_ledger(table: DeltaTable, folder: Location) -> Ledger:
    """Returns the ledger of the last commit of a landing table; empty if another program made it, or a part is gone.

    Args:
        table: The table.
        folder: Its folder.

    Raises:
        StediError: The store refuses.
    """
    return read_ledger(folder, newest_metadata(table).get(LEDGER_KEY) or "[]") or {}
