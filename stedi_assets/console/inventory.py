"""The inventory of a lakehouse: every table with its rows, size and version."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from deltalake import DeltaTable
from rich.filesize import decimal
from rich.table import Table

from stedi_assets.console.screen import format_age, printable_text
from stedi_assets.console.tables import TableEntry, contract_entries, existing_tables, former_entries, opened
from stedi_assets.console.time_travel import commit_time, format_instant
from stedi_assets.storage.delta import DataFile, current_files
from stedi_assets.storage.location import Location


@dataclass(frozen=True)
class TableContent:
    """The content of a table's current version.

    Attributes:
        files: The Parquet files.
        version: The Delta version.
        committed: When the version was committed, in UTC.
    """

    files: Sequence[DataFile]
    version: int
    committed: datetime

    @property
    def rows(self) -> int | None:
        """The number of rows; None if another program wrote files without that statistic."""
        return total_rows(self.files)

    @property
    def bytes(self) -> int:
        """The total size of the files."""
        return sum(file.size for file in self.files)


def total_rows(files: Sequence[DataFile]) -> int | None:
    """Returns the number of rows in files; None if the log lacks the number of any file."""
    # `DataFile.rows` is None in that case, although its type is int.
    counts: list[int | None] = [file.rows for file in files]
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def take_inventory(lakehouse: Location) -> list[tuple[TableEntry, TableContent | None]]:
    """Returns every table of a lakehouse with its content.

    Returns:
        The contract's tables, with None as the content of a table that has not been built; then the other tables, and
        at last the former ones.

    Raises:
        StediError: A table cannot be read.
    """
    stored = [*existing_tables(lakehouse), *opened(former_entries(lakehouse))]
    existing = {entry: _content(table) for entry, table in stored}
    found = [*contract_entries(lakehouse), *(entry for entry in existing if not entry.is_of_contract)]
    return [(entry, existing.get(entry)) for entry in found]


def _content(table: DeltaTable) -> TableContent:
    (newest,) = table.history(limit=1)
    return TableContent(current_files(table), table.version(), commit_time(newest))


def inventory_table(inventory: Sequence[tuple[TableEntry, TableContent | None]]) -> Table:
    """Returns an inventory as the table that `stedi tables` prints."""
    now = datetime.now(UTC)
    table = Table("table", "zone")
    for heading in ("rows", "size", "files", "version", "age"):
        table.add_column(heading, justify="right")
    table.add_column("path", overflow="fold")
    for entry, content in inventory:
        cells = ("not built", "", "", "", "")
        if content is not None:
            rows = "unknown" if content.rows is None else f"{content.rows:,}"
            age = format_age(now - content.committed)
            cells = (rows, decimal(content.bytes), f"{len(content.files):,}", str(content.version), age)
        table.add_row(printable_text(entry.name), entry.zone, *cells, printable_text(entry.folder))
    return table


def inventory_json(inventory: Sequence[tuple[TableEntry, TableContent | None]]) -> list[dict[str, Any]]:
    """Returns an inventory as the array that `stedi tables --json` prints."""
    return [
        {
            "name": entry.name,
            "zone": entry.zone,
            "built": content is not None,
            "rows": content and content.rows,
            "bytes": content and content.bytes,
            "files": content and len(content.files),
            "version": content and content.version,
            "committed": content and format_instant(content.committed),
            "path": str(entry.folder),
        }
        for entry, content in inventory
    ]
