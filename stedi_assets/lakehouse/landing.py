"""The plan of a reading: which raw files a landing table lacks, and whether the table is amended or replaced."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from deltalake import DeltaTable

from stedi_assets.contract import TABLES, Source
from stedi_assets.lakehouse.archive import ledger_with_archive, other_columns, refuse_to_remove
from stedi_assets.lakehouse.plan import Plan
from stedi_assets.landing.digest import CONTRACT_KEY, contract_digest, has_columns
from stedi_assets.landing.files import LandingFile, list_landing_files
from stedi_assets.landing.ledger import Changes, Ledger, LedgerEntry, changes
from stedi_assets.landing.ledger_files import read_ledger
from stedi_assets.query import Query
from stedi_assets.storage import delta
from stedi_assets.storage.attempt import LEDGER_KEY
from stedi_assets.storage.location import Location

QUARANTINE_KEY = "stedi.quarantine"
"""The key of a landing table's commit that says which version of the quarantine belongs to it."""

READ_KEY = "stedi.read"
"""The key of a quarantine's commit that names the raw files which the reading covers."""

ALL_FILES = "all"
"""Stands in place of the names where a reading covers all files, or so many that a commit should not name them."""

FILES_NAMED = 50
"""The most raw files that a quarantine's commit names."""


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
        why_all: Why all files are read, and both tables replaced but for the rows of archived files; empty if they are
            not.
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
        if self.ledger is None:
            return Plan("all", self.why_all)
        if self.why_all and self.changes:
            return Plan("part", f"{self.why_all}; the rows of {len(self.changes.archived)} archived raw files stay")
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
    keeps_gone: bool,
) -> LandingPlan:
    """Returns a plan from the differences between a landing folder and the ledger of its landing table.

    All files are read and both tables replaced in four cases: a full refresh, another contract than that of the stored
    rows, a missing table, and a table whose columns are not those of the contract. A file is also read again where a
    rejected landing table left its quarantine ahead, and the file is no longer what the quarantine holds of it.

    Args:
        source: The kind of record.
        query: The landing table's SELECT over the source's name.
        root: The landing root.
        folder: The folder of the landing table.
        landing: The landing table, opened before the quarantine; None before the first reading.
        quarantine: Its quarantine.
        full_refresh: Whether to read all files again.
        keeps_gone: Whether the rows of files that are gone stay, even where all other files are read again.

    Raises:
        StediError: A folder or a table cannot be read, or rows of files that are gone cannot stay.
    """
    raw = list_landing_files(root, source, may_be_empty=keeps_gone and landing is not None)
    listed = {file.name for file in raw.files}
    contract = contract_digest(source, query)
    last_commit = delta.newest_metadata(landing) if landing else {}
    if not keeps_gone and not full_refresh:
        refuse_to_remove(folder, last_commit, listed)
    ledger, reason = None, "the table does not exist"
    if landing is not None and quarantine is not None:
        is_of_contract = last_commit.get(CONTRACT_KEY) == contract
        reason = _reason_for_all(source, landing, quarantine, is_of_contract, full_refresh)
        if not reason:
            ledger, reason = _settled_ledger(folder, last_commit, quarantine, contract)
    if reason and keeps_gone and landing is not None:
        ledger = ledger_with_archive(folder, last_commit, listed)
        if ledger is not None and not _have_columns(source, landing, quarantine):
            raise other_columns(folder)
    return LandingPlan(
        source,
        query,
        contract,
        landing,
        quarantine,
        ledger,
        tuple(raw.files),
        changes(raw.files, ledger or {}, keeps_gone=keeps_gone),
        raw.passed_over,
        None if ledger is None else last_commit[LEDGER_KEY],
        reason,
    )


def _settled_ledger(
    folder: Location, last_commit: Mapping[str, Any], quarantine: DeltaTable, contract: str
) -> tuple[Ledger | None, str]:
    """Returns the ledger of a landing table, or else why all files are read.

    A rejected landing table leaves its quarantine ahead: files of which that has another content count as changed.
    """
    ledger = read_ledger(folder, last_commit[LEDGER_KEY])
    if ledger is None:
        return None, "a part of the ledger is gone"
    if quarantine_id(quarantine) == last_commit.get(QUARANTINE_KEY):
        return ledger, ""
    last_read = delta.newest_metadata(quarantine)
    read = last_read.get(READ_KEY, "{}")
    if read == ALL_FILES or last_read.get(CONTRACT_KEY, contract) != contract:
        return None, "the quarantine is that of a rejected reading of all files"
    return _unsettled(ledger, read), ""


def quarantine_id(quarantine: DeltaTable) -> str:
    """Returns a text that no other version of a quarantine has, for `QUARANTINE_KEY`."""
    return f"{quarantine.metadata().id}:{quarantine.version()}"


def files_read(plan: LandingPlan, entries: Iterable[LedgerEntry]) -> str:
    """Returns the raw files of a reading as JSON, for `READ_KEY`: from the name to the size and `modified`.

    Args:
        plan: The plan of the reading. Its removed files count as empty ones.
        entries: The files that were read.
    """
    if plan.ledger is None or len(plan.changes.to_read) + len(plan.changes.gone) > FILES_NAMED:
        return ALL_FILES
    gone = dict.fromkeys(plan.changes.gone, (0, ""))
    return json.dumps({**gone, **{entry.name: (entry.size, entry.modified) for entry in entries}})


def _unsettled(ledger: Ledger, read: str) -> Ledger:
    """Returns a ledger in which each file counts as changed that the quarantine has with another content.

    When the next run comes, such a file may be gone, or be as it was before.

    Args:
        ledger: The ledger of the landing table.
        read: The files of the quarantine's last reading, as JSON.
    """
    unsettled = {}
    for name, (size, modified) in json.loads(read).items():
        entry = ledger.get(name, LedgerEntry(name, 0, "", "exact", 0))
        if (entry.size, entry.modified) != (size, modified):
            unsettled[name] = replace(entry, modified="")
    return {**ledger, **unsettled}


def _reason_for_all(
    source: Source, landing: DeltaTable, quarantine: DeltaTable, is_of_contract: bool, full_refresh: bool
) -> str:
    """Returns why all files are read; empty where only the changed ones are."""
    if full_refresh:
        return "a full refresh was asked for"
    if not is_of_contract:
        return "the contract or the reader was edited, or another program wrote the table"
    if not _have_columns(source, landing, quarantine):
        return "the stored columns are not those of the contract"
    return ""


def _have_columns(source: Source, landing: DeltaTable, quarantine: DeltaTable | None) -> bool:
    stored = {source.landing: landing, source.quarantine: quarantine}
    return all(has_columns(table.schema(), TABLES[name].columns) for name, table in stored.items() if table)
