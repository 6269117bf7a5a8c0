"""The results of storing tables: their versions, and what a reading of raw files changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from stedi_assets.engines.engine import Written
from stedi_assets.lakehouse.check import CheckResult
from stedi_assets.lakehouse.plan import Plan
from stedi_assets.storage.delta import DataFile
from stedi_assets.storage.location import Location


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


@dataclass(frozen=True)
class Built:
    """The result of bringing a table up to date.

    Attributes:
        plan: How much of the table was to be computed, and why.
        stored: The published version; None if the table's first version was rejected.
        version: The identity of the published version; empty if there is none.
        run_id: The run that committed the published version.
        rows_added: The rows in the files that the run added.
        rows_removed: The rows in the files that the run removed.
        results: The results of the table's checks. Of a rejected version, only the blocking checks ran.
        added: The files that the run added.
        keeps_rejected: Whether a version is kept that a blocking check rejected. An unchanged table that fails a check
            has none.
    """

    plan: Plan
    stored: Stored | None
    version: str
    run_id: str
    rows_added: int = 0
    rows_removed: int = 0
    results: Sequence[CheckResult] = ()
    added: Sequence[DataFile] = ()
    keeps_rejected: bool = False

    @property
    def is_rejected(self) -> bool:
        """Whether a blocking check failed."""
        return any(result.is_blocked for result in self.results)


@dataclass(frozen=True)
class Landed:
    """The result of bringing a landing table and its quarantine up to date.

    Attributes:
        landing: The landing table.
        quarantine: Its quarantine.
        files_read: The names of the raw files that were new or changed.
        files_removed: The names of the raw files that are gone. Their rows were removed.
        files_kept: The number of unchanged raw files.
        files_archived: The number of raw files that are gone and whose rows stay.
        unknown_keys: For the files read, from a key that the contract does not have to the number of records with it.
        passed_over: From the name of each entry of the landing folder that was not read to the reason.
        files_digest: The digest of the landing folder's files.
    """

    landing: Built
    quarantine: Built
    files_read: Sequence[str]
    files_removed: Sequence[str]
    files_kept: int
    files_archived: int
    unknown_keys: Mapping[str, int]
    passed_over: Mapping[str, str]
    files_digest: str

    @property
    def is_changed(self) -> bool:
        """Whether the reading found a new, a changed or a removed file."""
        return bool(self.files_read or self.files_removed)
