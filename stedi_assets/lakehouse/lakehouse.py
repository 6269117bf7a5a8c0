"""The lakehouse: tables that an engine computes and delta-rs commits, stored and read by name. No Dagster here."""

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from deltalake import DeltaTable, Schema

from stedi_assets.catalog.glue import GlueCatalog
from stedi_assets.contract import OTHER_TABLES, SOURCE_FILE, TABLES, Source, table_path
from stedi_assets.engines.engine import Engine, LandingRead, ReadStamp, Written
from stedi_assets.errors import MissingTableError
from stedi_assets.lakehouse.difference import stored_ledger
from stedi_assets.lakehouse.landing import LandingPlan, plan_landing
from stedi_assets.lakehouse.stopwatch import Stopwatch
from stedi_assets.lakehouse.stored import CommittedVersion, Landed, Stored
from stedi_assets.landing.digest import CONTRACT_KEY
from stedi_assets.landing.files import list_landing_files
from stedi_assets.landing.ledger import LEDGER_KEY, Ledger, to_json, with_digests
from stedi_assets.privacy.pseudonyms import Pseudonyms
from stedi_assets.privacy.tombstones import SHARED_FUNCTION
from stedi_assets.query import Query, portable_literal
from stedi_assets.storage import delta
from stedi_assets.storage.attempt import discarded_on_failure
from stedi_assets.storage.lease import WAIT_TIMEOUT_SECONDS, Lease, take_lease
from stedi_assets.storage.location import Location
from stedi_assets.storage.tombstones import read_tombstones

LOG = "/_delta_log/"
"""The part of a path that only the files of a Delta log have."""

IS_GONE = "it was removed before it could be read"
"""The reason for not reading a file that was listed."""

RUN_KEY = "dagster/run_id"
"""The key of a commit's metadata that holds the id of the run."""


class Lakehouse:
    """Stores and reads tables by name.

    Queries read the tables that this object stored at the versions that it stored. They read every other table at the
    version that is current at its first use. These versions stay the same until the next table is stored, so that the
    checks of a table read the same versions as its query.

    The first call that stores a table takes the lease of the lakehouse, and `close` releases it: no other run changes a
    table in between. Under the multiprocess executor, each step takes the lease for itself. The inputs of a step stay
    current until the step has stored its table. So of two runs at once, the steps of the run that landed a file last
    bring every table up to that file.

    Args:
        root: The folder that holds the tables.
        landing: The landing root.
        engine: The engine that computes queries and reads raw files.
        catalog: The catalog in which each stored table is registered; None for no catalog.
        pseudonyms: The keyed hash for the names of erased customers.
        lease_wait_timeout: How many seconds to wait while another run holds the lakehouse.
    """

    def __init__(
        self,
        root: Location,
        landing: Location,
        engine: Engine,
        catalog: GlueCatalog | None = None,
        pseudonyms: Pseudonyms | None = None,
        lease_wait_timeout: float = WAIT_TIMEOUT_SECONDS,
    ) -> None:
        self.root = root
        self.landing = landing
        self.pseudonyms = pseudonyms or Pseudonyms()
        self._engine = engine
        self._catalog = catalog
        self._defined: set[str] = set()
        self._stored_here: dict[str, Schema] = {}
        self._results: dict[str, list[dict[str, Any]]] = {}
        self._ledgers: dict[str, Ledger] = {}
        self._passed_over: dict[str, Mapping[str, str]] = {}
        self._lease_wait_timeout = lease_wait_timeout
        self._lease: Lease | None = None

    def hold(self, holder: str) -> None:
        """Takes the lease of the lakehouse: no other run changes a table until `close`.

        Waits while another run holds the lease. Versions that were read before are forgotten, as that run may have
        changed them. If this object holds the lease already, the call confirms that it still does.

        Args:
            holder: The name of the run or the command. Other runs print it while they wait.

        Raises:
            ConflictError: Another run did not end in time, or has taken the lease over.
            StediError: The lakehouse cannot be written.
        """
        if self._lease is not None:
            self._lease.confirm()
            return
        self._lease = take_lease(self.root, holder, self._lease_wait_timeout)
        for known in (self._defined, self._stored_here, self._results, self._ledgers, self._passed_over):
            known.clear()

    def close(self) -> None:
        """Releases the lease, so that other runs can change the tables."""
        if self._lease is not None:
            self._lease.release()
            self._lease = None

    def store(self, name: str, value: Any, run_id: str) -> Stored:
        """Replaces a table with the rows of a query or a data frame, in one commit.

        Args:
            name: The table's name.
            value: A `Query`, or a data frame of a type that the engine supports.
            run_id: The run's id, which the commit's metadata keeps.

        Returns:
            The version that was stored.

        Raises:
            ConflictError: Another writer holds the lakehouse, or changed the table first.
            StediError: The table cannot be computed, written, committed or registered. It is unchanged unless the
                message says that it is stored.
        """
        stopwatch = Stopwatch()
        self.hold(f"run {run_id}")
        self._forget()
        if isinstance(value, Query):
            self._prepare(value)
        stopwatch.end("open")
        folder = self._folder(name)
        with ThreadPoolExecutor() as pool:
            # Opened before the rows are computed: if another program commits meanwhile, the commit below fails instead
            # of replacing newer rows by older ones.
            opened = pool.submit(delta.open_table, folder)
            written = self._engine.write(value, folder)
        stopwatch.end("compute_and_write")
        version = self._commit(name, opened.result(), written, {RUN_KEY: run_id})
        stopwatch.end("commit")
        return self._stored(name, version, stopwatch)

    def land(self, source: Source, query: Query, run_id: str, *, full_refresh: bool) -> Landed:
        """Brings a landing table and its quarantine up to date with the landing folder.

        Only new and changed raw files are read, and the rows of removed files are deleted. If the stored rows follow
        another contract, all files are read and both tables replaced, with the new columns.

        The quarantine is committed first, the landing table with its ledger last. After a crash in between, the ledger
        still lacks the files: the next run reads them again, and replaces their records in the quarantine.

        Args:
            source: The kind of record.
            query: The landing table's SELECT over the source's name.
            run_id: The run's id, which the commits and the quarantined records keep.
            full_refresh: Whether to read all files again.

        Returns:
            The versions of both tables, and the names of the files that were read or removed.

        Raises:
            ConflictError: Another writer holds the lakehouse, or changed a table first.
            StediError: The files cannot be read, or a table cannot be committed or registered. The landing table is
                unchanged unless the message says that it is stored.
        """
        stopwatch = Stopwatch()
        self.hold(f"run {run_id}")
        self._forget()
        plan = plan_landing(
            source,
            query,
            self.landing,
            self._folder(source.landing),
            self._folder(source.quarantine),
            full_refresh=full_refresh,
        )
        stopwatch.end("list")
        if plan.is_needed:
            read = self._read_landing(plan, run_id)
            stopwatch.end("read_and_write")
            quarantine = self._commit_quarantine(plan, read, run_id)
            stopwatch.end("quarantine")
            landing = self._commit_landing(plan, read, run_id)
            stopwatch.end("commit")
            passed_over = {**plan.passed_over, **dict.fromkeys(read.gone, IS_GONE)}
            unknown_keys = sum((Counter(entry.unknown_keys) for entry in read.entries), Counter[str]())
        else:
            landing, quarantine = (_version_of(table) for table in (plan.landing, plan.quarantine) if table is not None)
            self._ledgers[source.landing] = plan.ledger or {}
            passed_over, unknown_keys = dict(plan.passed_over), Counter()
        self._passed_over[source.landing] = passed_over
        return Landed(
            landing=self._stored(source.landing, landing, stopwatch),
            quarantine=self._stored(source.quarantine, quarantine, stopwatch),
            files_read=[file.name for file in plan.changes.to_read],
            files_removed=plan.changes.gone,
            files_kept=len(plan.changes.kept),
            unknown_keys=unknown_keys,
            passed_over=passed_over,
        )

    def load(self, name: str, kind: Any) -> Any:
        """Loads the current version of a table as a value of the given type, such as `pandas.DataFrame`.

        Raises:
            MissingTableError: The table does not exist.
            StediError: The engine does not support the type.
        """
        self._defined.discard(name)
        self._results.clear()
        self._define([name])
        return self._engine.load(name, kind)

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Computes a query whose result fits in memory. The result is cached until the next table is stored.

        Args:
            sql: One SELECT over tables.

        Returns:
            For each row, a dict from column name to value.

        Raises:
            MissingTableError: A table does not exist.
            StediError: The query cannot be computed.
        """
        if sql not in self._results:
            query = Query(sql)
            self._prepare(query)
            self._results[sql] = self._engine.rows(query)
        return self._results[sql]

    def columns(self, name: str) -> dict[str, str]:
        """Returns the columns of a table, from name to Delta type, in order. A nested type is only named by its kind.

        Raises:
            MissingTableError: The table does not exist.
        """
        schema = self._stored_here.get(name) or self._open(name).schema()
        return {field.name: field.type.type for field in schema.fields}

    def folders(self) -> list[str]:
        """Returns the paths of all tables' folders below the lakehouse, those of users' own assets too, sorted.

        Raises:
            StediError: A folder is a symbolic link, or cannot be read.
        """
        root = str(self.root)
        others = self.root.local_path.glob(f"{OTHER_TABLES}/*") if self.root.is_local else ()
        # `walk` does not follow links: a linked table would be missing without an error.
        for folder in (*(table.path for table in TABLES.values()), *(f"{OTHER_TABLES}/{path.name}" for path in others)):
            (self.root / folder).refuse_links()
        logs = (file.path for file in self.root.files.walk(root) if LOG in file.path)
        return sorted({log.removeprefix(f"{root}/").partition(LOG)[0] for log in logs})

    def ledger(self, name: str) -> Ledger:
        """Returns the ledger of a landing table, from a raw file's name to its entry.

        The ledger is empty if another program made the table's last commit.

        Raises:
            MissingTableError: The table does not exist.
        """
        if name not in self._ledgers:
            self._ledgers[name] = stored_ledger(self._open(name))
        return self._ledgers[name]

    def passed_over(self, source: Source) -> Mapping[str, str]:
        """Returns the entries of a source's landing folder that are not read, from the name to the reason.

        The entries are those that the last `land` of this object found. Without one, the folder is listed now.

        Raises:
            StediError: The folder cannot be listed.
        """
        if source.landing not in self._passed_over:
            self._passed_over[source.landing] = list_landing_files(self.landing, source).passed_over
        return self._passed_over[source.landing]

    def _read_landing(self, plan: LandingPlan, run_id: str) -> LandingRead:
        tombstones = read_tombstones(self.root, self.pseudonyms)
        stamp = ReadStamp(run_id, int(time.time() * 1000), tombstones)
        folder = self._folder(plan.source.landing)
        return self._engine.read_landing(plan.query, plan.source, plan.changes.to_read, folder, stamp)

    def _commit_quarantine(self, plan: LandingPlan, read: LandingRead, run_id: str) -> CommittedVersion:
        """Replaces the quarantine. If the landing table is amended, the records of files that were not read stay."""
        name = plan.source.quarantine
        kept = ""
        with discarded_on_failure(self._folder(plan.source.landing), read.prefix):
            if plan.quarantine is not None and plan.ledger is not None:
                self._define_table(name, plan.quarantine)
                affected = {*plan.changes.replaced, *(entry.name for entry in read.entries)}
                names = ", ".join(portable_literal(file) for file in sorted(affected))
                kept = f"UNION ALL SELECT * FROM {name} WHERE {SOURCE_FILE.name} NOT IN ({names})"
            rows = Query(f"SELECT * FROM {read.quarantined.table} {kept}")
            written = self._engine.write(rows, self._folder(name))
            read.quarantined.discard()
            return self._commit(name, plan.quarantine, written, {RUN_KEY: run_id})

    def _commit_landing(self, plan: LandingPlan, read: LandingRead, run_id: str) -> CommittedVersion:
        name = plan.source.landing
        entries = with_digests([*plan.changes.kept, *read.entries], plan.files)
        metadata = {RUN_KEY: run_id, CONTRACT_KEY: plan.contract, LEDGER_KEY: to_json(entries)}
        if plan.landing is None or plan.ledger is None:
            version = self._commit(name, plan.landing, read.written, metadata)
        else:
            version = self._amend_landing(plan.landing, plan, read.written, metadata)
        self._ledgers[name] = {entry.name: entry for entry in entries}
        return version

    def _commit(
        self, name: str, current: DeltaTable | None, written: Written, metadata: Mapping[str, str]
    ) -> CommittedVersion:
        self._refuse_lost_lease(self._folder(name), written.files)
        description = TABLES[name].description if name in TABLES else None
        number = delta.commit(current, self._folder(name), written.schema, written.files, metadata, description)
        if current is None:
            return CommittedVersion(written, number)
        # The schema is read back from the log, because the commit keeps the order of the table's columns.
        delta.refresh(current, self._folder(name))
        return CommittedVersion(replace(written, schema=current.schema()), number)

    def _amend_landing(
        self, current: DeltaTable, plan: LandingPlan, read: Written, metadata: Mapping[str, str]
    ) -> CommittedVersion:
        folder = self._folder(plan.source.landing)
        stored = delta.data_files(current)
        removed, rewritten = self._engine.without_source_files(stored, plan.changes.replaced, folder)
        added = [file for file in (*read.files, *rewritten) if file.rows]
        if not added and len(removed) == len(stored):
            # A table without a row has one file too, as its readers need one for the columns.
            added = list(read.files)
        self._refuse_lost_lease(folder, [*read.files, *rewritten])
        delta.amend(current, folder, added, removed, metadata)
        delta.refresh(current, folder)
        return _version_of(current)

    def _refuse_lost_lease(self, folder: Location, staged: Sequence[delta.DataFile]) -> None:
        # If this process was suspended for too long, another run may have taken the lease over since. That run may have
        # changed the tables that this one read, or erased a customer whose rows are in the staged files.
        if self._lease is None:
            return
        with ExitStack() as discarding:
            for file in staged:
                discarding.enter_context(discarded_on_failure(folder, file.path.partition("/")[0]))
            self._lease.confirm()

    def _stored(self, name: str, version: CommittedVersion, stopwatch: Stopwatch) -> Stored:
        paths = [str(self._folder(name) / file.path) for file in version.written.files]
        self._engine.define_table(name, paths, version.written.schema)
        self._defined.add(name)
        self._stored_here[name] = version.written.schema
        seconds, phases = stopwatch.seconds, stopwatch.phases
        stored = Stored(self._folder(name), version.written, version.number, seconds, phases=phases)
        if self._catalog is None:
            return stored
        return replace(stored, registered=self._catalog.register(name, stored.folder, stored.version, stored.written))

    def _folder(self, name: str) -> Location:
        return self.root / table_path(name)

    def _forget(self) -> None:
        self._defined &= self._stored_here.keys()
        self._results.clear()

    def _prepare(self, query: Query) -> None:
        self._define(query.tables)
        if SHARED_FUNCTION in query.sql:
            self._engine.define_erased(read_tombstones(self.root, self.pseudonyms))

    def _define(self, names: Iterable[str]) -> None:
        for name in set(names) - self._defined:
            self._define_table(name, self._open(name))

    def _define_table(self, name: str, table: DeltaTable) -> None:
        self._engine.define_table(name, delta.data_files(table), table.schema())
        self._defined.add(name)

    def _open(self, name: str) -> DeltaTable:
        folder = self._folder(name)
        table = delta.open_table(folder)
        if table is None:
            raise MissingTableError(
                f"The table {name} does not exist at {folder}.",
                f"Materialize it first: stedi run --select '+key:{name}'.",
                name=name,
                folder=str(folder),
            )
        return table


def _version_of(table: DeltaTable) -> CommittedVersion:
    return CommittedVersion(Written(table.schema(), delta.current_files(table)), table.version())
