"""Versions of tables as the lakehouse stored or found them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from stedi_assets.engines.engine import Written
from stedi_assets.storage.location import Location


@dataclass(frozen=True)
class CommittedVersion:
    """A version of a table.

    Attributes:
        written: Its columns and files.
        number: Its Delta version.
    """

    written: Written
    number: int


@dataclass(frozen=True)
class Stored:
    """The current version of a table, as a run stored or found it.

    Attributes:
        folder: The table's folder.
        written: Its columns and files.
        version: The Delta version that holds them.
        seconds: What computing, writing and committing it took.
        registered: Its name in the catalogue, where there is one.
        phases: From each phase of that to the seconds it took.
    """

    folder: Location
    written: Written
    version: int
    seconds: float
    registered: str | None = None
    phases: Mapping[str, float] = field(default_factory=dict)


class Catalog(Protocol):
    """What other programs look tables up in."""

    def register(self, name: str, folder: Location, version: int, written: Written) -> str:
        """Creates or updates the entry of a table.

        Args:
            name: The table's name.
            folder: The table's folder.
            version: Its current Delta version.
            written: The columns and files of that version.

        Returns:
            The entry's name.

        Raises:
            StediError: It could not be registered. The table is stored all the same, and another run repairs it.
        """
        ...


@dataclass(frozen=True)
class Landed:
    """What a landing table and its quarantine hold after a reading.

    Attributes:
        landing: The landing table.
        quarantine: Its quarantine.
        files_read: The names of the raw files that were new or changed.
        files_removed: The names of those that are gone, and their rows with them.
        files_kept: How many were as they were.
        unknown_keys: Of the files read, the records by the name of a key that the contract does not have.
        passed_over: From the name of each entry of the landing folder that was not read to the reason.
    """

    landing: Stored
    quarantine: Stored
    files_read: Sequence[str]
    files_removed: Sequence[str]
    files_kept: int
    unknown_keys: Mapping[str, int]
    passed_over: Mapping[str, str]

    @property
    def is_changed(self) -> bool:
        """Whether anything was committed."""
        return bool(self.files_read or self.files_removed)
