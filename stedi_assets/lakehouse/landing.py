"""The plan of a reading: which raw files a landing table lacks, and whether the table is amended or replaced."""

from collections.abc import Mapping
from dataclasses import dataclass

from deltalake import DeltaTable

from stedi_assets.contract import TABLES, Source
from stedi_assets.lakehouse.plan import Plan
from stedi_assets.landing.digest import CONTRACT_KEY, contract_digest, has_columns
from stedi_assets.landing.files import LandingFile, list_landing_files
from stedi_assets.landing.ledger import Changes, Ledger, changes
from stedi_assets.landing.ledger_files import read_ledger
from stedi_assets.query import Query
from stedi_assets.storage import delta
from stedi_assets.storage.attempt import LEDGER_KEY
from stedi_assets.storage.location import Location


@dataclass(frozen=True)
class LandingPlan:
    """The plan of one reading of a landing folder.

    Attributes:
        source: The kind of record.
        query: The landing table's SELECT over the source's name.
        contract: The digest of the contract for the rows; see `contract_digest`.
        landing: The landing table; None before the first reading.
        quarantine: Its quarantine; None before the first reading.
        ledger: The raw files that the landing table holds; None if all files are read and both tables replaced.
        files: The raw files of the landing folder.
        changes: The differences between the folder and the ledger.
        passed_over: From the name of each entry of the folder that is not read to the reason.
        ledger_parts: The metadata of the last commit that names the parts of the ledger; None without a ledger.
        why_all: Why all files are read and both tables replaced; empty if they are not.
    """

    source: Source
    query: Query
    contract: str
    landing: DeltaTable | None
    quarantine: DeltaTable | None
    ledger: Ledger | None
    files: tuple[LandingFile, ...]
    changes: Changes
    passed_over: Mapping[str, str]
    ledger_parts: str | None
    why_all: str

    @property
    def plan(self) -> Plan:
        """The plan of both tables."""
        if self.why_all:
            return Plan("all", self.why_all)
        if not self.changes:
            return Plan("nothing", "no raw file was added, changed or removed")
        read, gone = len(self.changes.to_read), len(self.changes.gone)
        return Plan("part", f"{read} raw files are new or changed, {gone} are gone")

    @property
    def is_needed(self) -> bool:
        """Whether a table changes."""
        return self.ledger is None or bool(self.changes)


def plan_landing(
    source: Source,
    query: Query,
    root: Location,
    folder: Location,
    landing: DeltaTable | None,
    quarantine: DeltaTable | None,
    *,
    full_refresh: bool,
) -> LandingPlan:
    """Returns a plan from the differences between a landing folder and the ledger of its landing table.

    All files are read and both tables replaced in four cases: a full refresh, another contract than that of the stored
    rows, a missing table, and a table whose columns are not those of the contract.

    Args:
        source: The kind of record.
        query: The landing table's SELECT over the source's name.
        root: The landing root.
        folder: The folder of the landing table.
        landing: The landing table, opened before the quarantine; None before the first reading.
        quarantine: Its quarantine.
        full_refresh: Whether to read all files again.

    Raises:
        StediError: A folder or a table cannot be read.
    """
    raw = list_landing_files(root, source)
    contract = contract_digest(source, query)
    last_commit = delta.newest_metadata(landing) if landing else {}
    reason = _reason_for_all(source, landing, quarantine, last_commit.get(CONTRACT_KEY) == contract, full_refresh)
    parts = None if reason else last_commit[LEDGER_KEY]
    ledger = None if parts is None else read_ledger(folder, parts)
    if not reason and ledger is None:
        parts, reason = None, "a part of the ledger is gone"
    return LandingPlan(
        source,
        query,
        contract,
        landing,
        quarantine,
        ledger,
        tuple(raw.files),
        changes(raw.files, ledger or {}),
        raw.passed_over,
        parts,
        reason,
    )


def _reason_for_all(
    source: Source, landing: DeltaTable | None, quarantine: DeltaTable | None, is_of_contract: bool, full_refresh: bool
) -> str:
    """Returns why all files are read; empty where only the changed ones are."""
    if landing is None or quarantine is None:
        return "the table does not exist"
    if full_refresh:
        return "a full refresh was asked for"
    stored = {source.landing: landing, source.quarantine: quarantine}
    if not is_of_contract:
        return "the contract or the reader was edited, or another program wrote the table"
    if not all(has_columns(table.schema(), TABLES[name].columns) for name, table in stored.items()):
        return "the stored columns are not those of the contract"
    return ""
