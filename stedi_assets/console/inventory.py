"""Every table with what it holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from deltalake import DeltaTable
from rich.filesize import decimal
from rich.table import Table

from stedi_assets.console.catalogue import Entry, contract_entries, existing_tables
from stedi_assets.console.moments import commit_time, written
from stedi_assets.console.screen import age, shown
from stedi_assets.storage.delta import DataFile, current_files
from stedi_assets.storage.location import Location


@dataclass(frozen=True)
class Content:
    """What a table's current version holds.

    Attributes:
        files: Its Parquet files.
        version: Its number.
        committed: When it was committed.
    """

    files: Sequence[DataFile]
    version: int
    committed: datetime

    @property
    def rows(self) -> int | None:
        """The number of rows; None where another program wrote files without saying it."""
        return total_rows(self.files)

    @property
    def bytes(self) -> int:
        """The size of all files."""
        return sum(file.size for file in self.files)


def total_rows(files: Sequence[DataFile]) -> int | None:
    """Adds up the rows of files.

    Args:
        files: Of a table.

    Returns:
        The number of rows; None where a file does not say its own.
    """
    # The log need not say it, whatever the type promises.
    counts: list[int | None] = [file.rows for file in files]
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def take_inventory(lakehouse: Location) -> list[tuple[Entry, Content | None]]:
    """Looks at every table.

    Args:
        lakehouse: The folder that holds the tables.

    Returns:
        Each table with what it holds, or None for one that has not been built. A folder of other people's that is no
        table is left out.

    Raises:
        StediError: A table cannot be read.
    """
    existing = {entry: _content(table) for entry, table in existing_tables(lakehouse)}
    found = [*contract_entries(lakehouse), *(entry for entry in existing if not entry.is_of_contract)]
    return [(entry, existing.get(entry)) for entry in found]


def _content(table: DeltaTable) -> Content:
    (newest,) = table.history(limit=1)
    return Content(current_files(table), table.version(), commit_time(newest))


def inventory_table(inventory: Sequence[tuple[Entry, Content | None]]) -> Table:
    """Writes an inventory for people.

    Args:
        inventory: Each table with what it holds.
    """
    now = datetime.now(UTC)
    table = Table("table", "zone")
    for heading in ("rows", "size", "files", "version", "age"):
        table.add_column(heading, justify="right")
    table.add_column("path", overflow="fold")
    for entry, content in inventory:
        cells = ("not built", "", "", "", "")
        if content is not None:
            rows = "unknown" if content.rows is None else f"{content.rows:,}"
            held_for = age(now - content.committed)
            cells = (rows, decimal(content.bytes), f"{len(content.files):,}", str(content.version), held_for)
        table.add_row(shown(entry.name), entry.zone, *cells, shown(entry.folder))
    return table


def inventory_json(inventory: Sequence[tuple[Entry, Content | None]]) -> list[dict[str, Any]]:
    """Writes an inventory for programs.

    Args:
        inventory: Each table with what it holds.
    """
    return [
        {
            "name": entry.name,
            "zone": entry.zone,
            "built": content is not None,
            "rows": content and content.rows,
            "bytes": content and content.bytes,
            "files": content and len(content.files),
            "version": content and content.version,
            "committed": content and written(content.committed),
            "path": str(entry.folder),
        }
        for entry, content in inventory
    ]
