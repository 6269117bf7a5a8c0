"""A table's history, with what each commit did to its rows."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError
from rich.table import Table

from stedi_assets.console.inventory import total_rows
from stedi_assets.console.moments import commit_time, written
from stedi_assets.console.screen import shown
from stedi_assets.lakehouse.lakehouse import RUN_KEY
from stedi_assets.storage.delta import DataFile, current_files


@dataclass(frozen=True)
class Version:
    """One version of a table. What is not known is None.

    Attributes:
        version: Its number.
        time: When it was committed, in UTC.
        operation: What Delta calls the commit.
        rows: The rows it holds.
        rows_added: The rows of the files that the commit added.
        rows_removed: The rows of those that it took away.
        run_id: The Dagster run that made it.
        engine: The program that committed it.
    """

    version: int
    time: str
    operation: str
    rows: int | None
    rows_added: int | None
    rows_removed: int | None
    run_id: str | None
    engine: str | None


def versions(table: DeltaTable, limit: int) -> Iterator[Version]:
    """Looks through a table's history.

    Args:
        table: The table, at its current version.
        limit: The most versions.

    Yields:
        The versions, the newest first.
    """
    history = table.history(limit=limit)
    following = _files(table, int(history[0]["version"]))
    for entry in history:
        version = int(entry["version"])
        files, following = following, _files(table, version - 1)
        yield Version(
            version=version,
            time=written(commit_time(entry)),
            operation=entry["operation"],
            rows=None if files is None else total_rows(files),
            rows_added=_rows_of_difference(files, following),
            rows_removed=_rows_of_difference(following, files),
            run_id=entry.get(RUN_KEY),
            engine=entry.get("engineInfo"),
        )


def _files(table: DeltaTable, version: int) -> Sequence[DataFile] | None:
    if version < 0:
        return []
    try:
        table.load_as_version(version)
    except DeltaError:
        # The log may have been cleaned up to here.
        return None
    return current_files(table)


def _rows_of_difference(files: Sequence[DataFile] | None, others: Sequence[DataFile] | None) -> int | None:
    if files is None or others is None:
        return None
    paths = {file.path for file in others}
    return total_rows([file for file in files if file.path not in paths])


def versions_table(found: Sequence[Version]) -> Table:
    """Writes versions for people.

    Args:
        found: The versions.
    """
    table = Table()
    table.add_column("version", justify="right")
    table.add_column("time", no_wrap=True)
    table.add_column("operation")
    for heading in ("rows", "added", "removed"):
        table.add_column(heading, justify="right")
    table.add_column("run", overflow="fold")
    table.add_column("engine", overflow="fold")
    for version in found:
        counts = (version.rows, version.rows_added, version.rows_removed)
        table.add_row(
            str(version.version),
            version.time,
            shown(version.operation),
            *("" if count is None else f"{count:,}" for count in counts),
            shown(version.run_id or ""),
            shown(version.engine or ""),
        )
    return table


def versions_json(found: Sequence[Version]) -> list[dict[str, Any]]:
    """Writes versions for programs.

    Args:
        found: The versions.
    """
    return [asdict(version) for version in found]
