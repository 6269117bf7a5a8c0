"""The history of a table, with the rows that each commit added and removed."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError
from rich.table import Table

from stedi_assets.console.inventory import total_rows
from stedi_assets.console.screen import printable_text
from stedi_assets.console.time_travel import commit_time, format_instant
from stedi_assets.storage.delta import ENGINE_KEY, RUN_KEY, DataFile, current_files

RUN_ID = re.compile(r"([0-9a-f]{8})(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""The id of a run of Dagster's, whose first group is what a table shows of it, as Dagster's pages do."""


@dataclass(frozen=True)
class HistoryEntry:
    """One version of a table. An unknown value is None.

    Attributes:
        version: The Delta version.
        time: When the version was committed, in ISO 8601, in UTC.
        operation: Delta's name of the operation, such as WRITE.
        rows: The number of rows.
        rows_added: The number of rows in the files that the commit added.
        rows_removed: The number of rows in the files that the commit removed.
        run_id: The Dagster run that committed the version.
        engine: The engine that computed the rows, with its version; None for a commit of another program.
        writer: The library that committed the version, with its version.
    """

    version: int
    time: str
    operation: str
    rows: int | None
    rows_added: int | None
    rows_removed: int | None
    run_id: str | None
    engine: str | None
    writer: str | None


def history_entries(table: DeltaTable, limit: int) -> Iterator[HistoryEntry]:
    """Yields the versions of a table, the newest first.

    Args:
        table: The table, open at its current version; afterwards it is open at an earlier one.
        limit: The most versions.
    """
    history = table.history(limit=limit)
    following = _files(table, int(history[0]["version"]))
    for entry in history:
        version = int(entry["version"])
        files, following = following, _files(table, version - 1)
        yield HistoryEntry(
            version=version,
            time=format_instant(commit_time(entry)),
            operation=entry["operation"],
            rows=None if files is None else total_rows(files),
            rows_added=_rows_of_difference(files, following),
            rows_removed=_rows_of_difference(following, files),
            run_id=entry.get(RUN_KEY),
            engine=entry.get(ENGINE_KEY),
            writer=entry.get("engineInfo"),
        )


def _files(table: DeltaTable, version: int) -> Sequence[DataFile] | None:
    if version < 0:
        return []
    try:
        table.load_as_version(version)
    except DeltaError:
        # Delta deletes old entries of the log, so the version may no longer be readable.
        return None
    return current_files(table)


def _rows_of_difference(files: Sequence[DataFile] | None, others: Sequence[DataFile] | None) -> int | None:
    if files is None or others is None:
        return None
    paths = {file.path for file in others}
    return total_rows([file for file in files if file.path not in paths])


def history_table(entries: Sequence[HistoryEntry]) -> Table:
    """Returns a history as the table that `stedi history` prints."""
    table = Table()
    table.add_column("version", justify="right")
    table.add_column("time", no_wrap=True)
    table.add_column("operation")
    for heading in ("rows", "added", "removed"):
        table.add_column(heading, justify="right")
    table.add_column("run", no_wrap=True)
    table.add_column("engine", overflow="fold")
    for entry in entries:
        counts = (entry.rows, entry.rows_added, entry.rows_removed)
        table.add_row(
            str(entry.version),
            entry.time,
            printable_text(entry.operation),
            *("" if count is None else f"{count:,}" for count in counts),
            printable_text(RUN_ID.sub(r"\1", entry.run_id or "")),
            printable_text(entry.engine or entry.writer or ""),
        )
    return table


def history_json(entries: Sequence[HistoryEntry]) -> list[dict[str, Any]]:
    """Returns a history as the array that `stedi history --json` prints."""
    return [asdict(entry) for entry in entries]
