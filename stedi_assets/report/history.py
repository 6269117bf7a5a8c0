"""The last versions of each table: their rows, their checks, the run and the engine of each."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from stedi_assets.console.tables import OPENING_THREADS
from stedi_assets.console.versions import HistoryEntry, history_entries
from stedi_assets.lakehouse.lakehouse import Lakehouse
from stedi_assets.lakehouse.state import read_state
from stedi_assets.storage.delta import open_table

VERSIONS = 10
"""The most versions of a table."""


@dataclass(frozen=True)
class Version:
    """One version of a table.

    Attributes:
        entry: Its entry in the table's history.
        outcome: The number of its checks with each status; empty where no run of this program checked the version.
    """

    entry: HistoryEntry
    outcome: Mapping[str, int]

    @property
    def committed(self) -> datetime:
        """When it was committed, in UTC."""
        return datetime.fromisoformat(self.entry.time)

    @property
    def status(self) -> str:
        """The worst status of its checks; empty where it was not checked."""
        return next((status for status in ("failed", "warned", "passed") if self.outcome.get(status)), "")


def last_versions(lakehouse: Lakehouse, names: Sequence[str]) -> dict[str, Sequence[Version]]:
    """Returns the last versions of tables, the oldest first; none for a table that does not exist.

    Args:
        lakehouse: The tables.
        names: Their names.

    Raises:
        StediError: A table cannot be read.
    """
    with ThreadPoolExecutor(max_workers=OPENING_THREADS) as pool:
        return dict(zip(names, pool.map(lambda name: _versions(lakehouse, name), names), strict=True))


def _versions(lakehouse: Lakehouse, name: str) -> Sequence[Version]:
    # Not the table that queries read: a look at its history leaves a table open at an earlier version.
    table = open_table(lakehouse.folder(name))
    state = read_state(lakehouse, name)
    if table is None or state is None:
        return []
    table_id = table.metadata().id
    entries = list(history_entries(table, VERSIONS))
    return [Version(entry, state.outcomes.get(f"{table_id}:{entry.version}", {})) for entry in reversed(entries)]
