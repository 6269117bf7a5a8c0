"""The results of storing tables: their versions, and what a reading of raw files changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from stedi_assets.engines.engine import Written
from stedi_assets.storage.location import Location


@dataclass(frozen=True)
class CommittedVersion:
    """A committed version of a table.

    Attributes:
        written: Its columns and files.
        number: The number of the Delta version.
    """

    written: Written
    number: int


@dataclass(frozen=True)
class Stored:
    """The current version of a table, which a run stored or found unchanged.

    Attributes:
        folder: The table's folder.
        written: Its columns and files.
        version: The number of the Delta version.
        seconds: How long the run took to compute, write and commit it.
        registered: The name of its entry in the catalog; None without a catalog.
        phases: From each phase of `seconds` to its duration in seconds.
    """

    folder: Location
    written: Written
    version: int
    seconds: float
    registered: str | None = None
    phases: Mapping[str, float] = field(default_factory=dict)


class Catalog(Protocol):
    """A catalog in which other programs look up tables, such as AWS Glue."""

    def register(self, name: str, folder: Location, version: int, written: Written) -> str:
        """Creates or updates the entry of a table, and returns the entry's name.

        Args:
            name: The table's name.
            folder: The table's folder.
            version: Its current Delta version.
            written: The columns and files of that version.

        Raises:
            StediError: The table could not be registered. It is stored all the same, and the next run repairs the
                entry.
        """
        ...


@dataclass(frozen=True)
class Landed:
    """The result of bringing a landing table and its quarantine up to date.

    Attributes:
        landing: The landing table.
        quarantine: Its quarantine.
        files_read: The names of the raw files that were new or changed.
        files_removed: The names of the raw files that are gone. Their rows were removed.
        files_kept: The number of unchanged raw files.
        unknown_keys: For the files read, from a key that the contract does not have to the number of records with it.
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
        """Whether the reading committed a new version."""
        return bool(self.files_read or self.files_removed)
