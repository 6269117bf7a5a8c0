"""The plan of a reading: which raw files a landing table lacks, and whether the table is amended or replaced."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from deltalake import DeltaTable

from stedi_assets.contract import TABLES, Source
from stedi_assets.landing.digest import CONTRACT_KEY, contract_digest, has_columns
from stedi_assets.landing.files import LandingFile, list_landing_files
from stedi_assets.landing.ledger import LEDGER_KEY, Changes, Ledger, changes, from_json
from stedi_assets.query import Query
from stedi_assets.storage import delta
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

    @property
    def is_needed(self) -> bool:
        """Whether a table changes."""
        return self.ledger is None or bool(self.changes)


def plan_landing(
    source: Source,
    query: Query,
    root: Location,
    landing_folder: Location,
    quarantine_folder: Location,
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
        landing_folder: The folder of the landing table.
        quarantine_folder: The folder of the quarantine.
        full_refresh: Whether to read all files again.

    Raises:
        StediError: A folder or a table cannot be read.
    """
    with ThreadPoolExecutor() as pool:
        opened = pool.map(delta.open_table, (landing_folder, quarantine_folder))
        raw = list_landing_files(root, source)
    landing, quarantine = opened
    if quarantine is not None:
        # A run commits the quarantine first. Refreshed after the landing table was opened, the quarantine is at least
        # as new.
        delta.refresh(quarantine, quarantine_folder)
    contract = contract_digest(source, query)
    last_commit = delta.newest_metadata(landing) if landing else {}
    stored = {source.landing: landing, source.quarantine: quarantine}
    is_of_contract = last_commit.get(CONTRACT_KEY) == contract and all(
        table and has_columns(table.schema(), TABLES[name].columns) for name, table in stored.items()
    )
    ledger = from_json(last_commit[LEDGER_KEY]) if is_of_contract and not full_refresh else None
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
    )
