"""The lakehouse: tables that an engine computes and delta-rs commits, stored and read by name. No Dagster here."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from deltalake import DeltaTable

from stedi_assets.catalog.glue import GlueCatalog
from stedi_assets.contract import TABLES, Source, column_descriptions, table_path
from stedi_assets.engines.engine import Engine, Written
from stedi_assets.errors import MissingTableError
from stedi_assets.lakehouse.content import Content, Cut, View, content_of
from stedi_assets.lakehouse.difference import stored_ledger
from stedi_assets.lakehouse.names import ADDED, Names, tables_of
from stedi_assets.lakehouse.stopwatch import Stopwatch
from stedi_assets.lakehouse.stored import Stored
from stedi_assets.landing.files import LandingFolder, list_landing_files
from stedi_assets.landing.ledger import Ledger
from stedi_assets.privacy.pseudonyms import Pseudonyms
from stedi_assets.privacy.tombstones import SHARED_FUNCTION, Tombstones
from stedi_assets.query import Query
from stedi_assets.storage import delta
from stedi_assets.storage.attempt import files_discarded_on_failure
from stedi_assets.storage.comments import comment_columns, commented
from stedi_assets.storage.lease import WAIT_TIMEOUT_SECONDS, Lease, take_lease
from stedi_assets.storage.location import Location
from stedi_assets.storage.tombstones import read_tombstones


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
        keeps_gone_files: Whether the rows of raw files that are gone stay in the landing tables.
    """

    def __init__(
        self,
        root: Location,
        landing: Location,
        engine: Engine,
        catalog: GlueCatalog | None = None,
        pseudonyms: Pseudonyms | None = None,
        lease_wait_timeout: float = WAIT_TIMEOUT_SECONDS,
        *,
        keeps_gone_files: bool = False,
    ) -> None:
        self.root = root
        self.landing = landing
        self.engine = engine
        self.pseudonyms = pseudonyms or Pseudonyms()
        self.keeps_gone_files = keeps_gone_files
        self._catalog = catalog
        self._opened: dict[str, DeltaTable] = {}
        self._contents: dict[str, Content] = {}
        self._stored_here: set[str] = set()
        self._scene: Mapping[str, View] = {}
        self._names = Names(engine)
        self._results: dict[Any, list[dict[str, Any]]] = {}
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
        for known in (self._opened, self._contents, self._stored_here, self._results, self._ledgers, self._passed_over):
            known.clear()

    def close(self) -> None:
        """Releases the lease, so that other runs can change the tables."""
        if self._lease is not None:
            self._lease.release()
            self._lease = None

    def begin(self, run_id: str) -> None:
        """Takes the lease for the storing of a table, and forgets the versions of tables that others may have stored.

        Args:
            run_id: The run's id.

        Raises:
            ConflictError: Another run did not end in time, or has taken the lease over.
            StediError: The lakehouse cannot be written.
        """
        self.hold(f"run {run_id}")
        for known in (self._opened, self._contents):
            for name in known.keys() - self._stored_here:
                del known[name]

    def store(self, name: str, value: Any, run_id: str, metadata: Mapping[str, str] | None = None) -> Stored:
        """Replaces a table with the rows of a query or a data frame, in one commit.

        Args:
            name: The table's name.
            value: A `Query`, or a data frame of a type that the engine supports.
            run_id: The run's id, which the commit's metadata keeps.
            metadata: More metadata for the commit.

        Returns:
            The version that was stored.

        Raises:
            ConflictError: Another writer holds the lakehouse, or changed the table first.
            StediError: The table cannot be computed, written, committed or registered. It is unchanged unless the
                message says that it is stored.
        """
        stopwatch = Stopwatch()
        self.begin(run_id)
        folder = self.folder(name)
        with ThreadPoolExecutor() as pool:
            # Opened before the rows are computed: if another program commits meanwhile, the commit below fails instead
            # of replacing newer rows by older ones.
            opened = pool.submit(delta.open_table, folder)
            written = self.write(name, value)
        stopwatch.end("compute_and_write")
        self.replace(name, opened.result(), written, {delta.RUN_KEY: run_id, **(metadata or {})})
        stopwatch.end("commit")
        return self.registered(name, self.stored(name, stopwatch))

    def write(self, name: str, value: Any, *, in_one_file: bool = False) -> Written:
        """Stages the rows of a query or a data frame in a table's folder.

        Raises:
            MissingTableError: The query reads a table that does not exist.
            StediError: The rows cannot be computed or written.
        """
        if isinstance(value, Query):
            self._prepare(value)
        return self.engine.write(value, self.folder(name), in_one_file=in_one_file)

    def replace(self, name: str, current: DeltaTable | None, written: Written, metadata: Mapping[str, str]) -> None:
        """Commits staged files as the whole new content of a table.

        Args:
            name: The table's name.
            current: The table at the version that the commit follows; None to create the table.
            written: The staged files, which are deleted if the lease is lost.
            metadata: Stored with the commit.

        Raises:
            ConflictError: Another writer committed first, or another run has taken the lease over.
            StediError: The commit failed.
        """
        folder = self.folder(name)
        self._confirm_lease(name, written.files)
        description = TABLES[name].description if name in TABLES else None
        stamped = {**metadata, delta.ENGINE_KEY: self.engine.name}
        schema = commented(written.schema, column_descriptions(name))
        delta.commit(current, folder, schema, written.files, stamped, description, written.partition_columns)
        if current is not None:
            delta.refresh(current, folder)
        self._take(name, current or delta.open_table(folder), written)

    def amend(
        self,
        name: str,
        current: DeltaTable,
        added: Sequence[delta.DataFile],
        removed: Sequence[delta.DataFile],
        metadata: Mapping[str, str],
    ) -> None:
        """Adds staged files to a table and removes others, in one commit.

        Args:
            name: The table's name.
            current: The table at the version that the removed files were chosen from.
            added: The staged files, which are deleted if the lease is lost.
            removed: The files to remove from the table.
            metadata: Stored with the commit.

        Raises:
            ConflictError: Another writer committed first, or another run has taken the lease over.
            StediError: The commit failed.
        """
        folder = self.folder(name)
        self._confirm_lease(name, added)
        comment_columns(current, column_descriptions(name))
        stamped = {**metadata, delta.ENGINE_KEY: self.engine.name}
        delta.amend(current, folder, added, [f"{folder}/{file.path}" for file in removed], stamped)
        delta.refresh(current, folder)
        self._take(name, current)

    def stored(self, name: str, stopwatch: Stopwatch) -> Stored:
        """Returns the current version of a table that this run built or found unchanged."""
        content, version = self.content(name), self.table(name).version()
        self._stored_here.add(name)
        written = Written(content.schema, content.files)
        return Stored(self.folder(name), written, version, stopwatch.seconds, phases={**stopwatch.phases})

    def registered(self, name: str, stored: Stored) -> Stored:
        """Registers a version in the catalog, if there is one, and returns it with the name of its entry.

        Raises:
            StediError: The catalog refuses.
        """
        if self._catalog is None:
            return stored
        return replace(stored, registered=self._catalog.register(name, stored.folder, stored.version, stored.written))

    def _take(self, name: str, table: DeltaTable | None, written: Written | None = None) -> None:
        """Takes a version that was just committed as the one that queries read."""
        if table is None:
            raise self._missing(name)
        self._opened[name] = table
        # The schema is read back from the log, because the commit keeps the order of the table's columns.
        self._contents[name] = (
            content_of(self.folder(name), table)
            if written is None
            else Content(self.folder(name), written.files, table.schema())
        )
        self._stored_here.add(name)

    def load(self, name: str, kind: Any) -> Any:
        """Loads the current version of a table as a value of the given type, such as `pandas.DataFrame`.

        Raises:
            MissingTableError: The table does not exist.
            StediError: The engine does not support the type.
        """
        self._opened.pop(name, None)
        self._contents.pop(name, None)
        self._names.define(name, self._view(name))
        return self.engine.load(name, kind)

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Computes a query whose result fits in memory. The result is cached while the tables stay the same.

        Args:
            sql: One SELECT over tables.

        Returns:
            For each row, a dict from column name to value.

        Raises:
            MissingTableError: A table does not exist.
            StediError: The query cannot be computed.
        """
        query = Query(sql)
        erased = self.tombstones().hashes if SHARED_FUNCTION in sql else frozenset()
        views = [self._view(name) for name in sorted(tables_of(sql)) if not name.startswith(ADDED)]
        key = (sql, erased, *(view if isinstance(view, Cut) else view.identity for view in views))
        if key not in self._results:
            self._prepare(query)
            self._results[key] = self.engine.rows(query)
        return self._results[key]

    def keep(self, sql: str) -> str:
        """Computes a query once, and returns the name by which queries read its rows until the engine closes.

        Raises:
            MissingTableError: A table does not exist.
            StediError: The query cannot be computed.
        """
        query = Query(sql)
        self._prepare(query)
        return self._names.keep(query)

    def define(self, content: Content) -> str:
        """Returns a new name by which queries read the rows of a content."""
        return self._names.add(content)

    @contextmanager
    def reading(self, scene: Mapping[str, View]) -> Iterator[None]:
        """Lets queries in the block read other rows than those of the current versions.

        Args:
            scene: From a table's name, or another name, to the rows.
        """
        before = self._scene
        self._scene = {**before, **scene}
        try:
            yield
        finally:
            self._scene = before

    def columns(self, name: str) -> dict[str, str]:
        """Returns the columns of a table, from name to Delta type, in order. A nested type is only named by its kind.

        Raises:
            MissingTableError: The table does not exist.
        """
        return {field.name: field.type.type for field in self.content(name).schema.fields}

    def content(self, name: str) -> Content:
        """Returns the content that queries read under a table's name, of which `reading` may have cut out a part.

        Raises:
            MissingTableError: The table does not exist.
        """
        view = self._view(name)
        return view.content if isinstance(view, Cut) else view

    def published(self, name: str) -> Content:
        """Returns the content of a table's published version, whatever `reading` has put in its place.

        Raises:
            MissingTableError: The table does not exist.
        """
        if name not in self._contents:
            self._contents[name] = content_of(self.folder(name), self.table(name))
        return self._contents[name]

    def folder(self, name: str) -> Location:
        """Returns the folder of a table."""
        return self.root / table_path(name)

    def find(self, name: str) -> DeltaTable | None:
        """Returns a table at the version that queries read; None where it does not exist.

        Raises:
            StediError: The table cannot be opened.
        """
        if name not in self._opened and (table := delta.open_table(self.folder(name))) is not None:
            self._opened[name] = table
        return self._opened.get(name)

    def table(self, name: str) -> DeltaTable:
        """Returns a table at the version that queries read.

        Raises:
            MissingTableError: The table does not exist.
        """
        table = self.find(name)
        if table is None:
            raise self._missing(name)
        return table

    def tombstones(self) -> Tombstones:
        """Returns the tombstones of erased customers.

        Raises:
            StediError: They were written with another key.
        """
        return read_tombstones(self.root, self.pseudonyms)

    def ledger(self, name: str) -> Ledger:
        """Returns the ledger of a landing table, from a raw file's name to its entry.

        The ledger is empty if another program made the table's last commit.

        Raises:
            MissingTableError: The table does not exist.
        """
        if name not in self._ledgers:
            self._ledgers[name] = stored_ledger(self.table(name), self.folder(name))
        return self._ledgers[name]

    def raw_files(self, source: Source) -> LandingFolder:
        """Lists the raw files of a source now.

        Raises:
            StediError: The folder cannot be listed, or holds no file and the rows of files that are gone do not stay.
        """
        return list_landing_files(self.landing, source, may_be_empty=self.keeps_gone_files)

    def passed_over(self, source: Source) -> Mapping[str, str]:
        """Returns the entries of a source's landing folder that are not read, from the name to the reason.

        The last landing of this object found the entries. Before a landing, `raw_files` lists the folder.
        """
        if source.landing not in self._passed_over:
            self._passed_over[source.landing] = self.raw_files(source).passed_over
        return self._passed_over[source.landing]

    def take_reading(self, source: Source, ledger: Ledger, passed_over: Mapping[str, str]) -> None:
        """Takes what a landing found, for `ledger` and `passed_over`.

        Args:
            source: The kind of record.
            ledger: The ledger of the landing table.
            passed_over: From the name of each entry of the landing folder that is not read to the reason.
        """
        self._ledgers[source.landing] = ledger
        self._passed_over[source.landing] = passed_over

    @contextmanager
    def discarding(self, name: str, staged: Sequence[delta.DataFile]) -> Iterator[None]:
        """Deletes staged files of a table when the block fails."""
        with files_discarded_on_failure(self.folder(name), [file.path for file in staged]):
            yield

    def discard(self, name: str, staged: Sequence[delta.DataFile]) -> None:
        """Deletes staged files of a table.

        Raises:
            StediError: A file cannot be deleted.
        """
        folder = self.folder(name)
        folder.files.delete_files(folder.path, [file.path for file in staged])

    def _confirm_lease(self, name: str, staged: Sequence[delta.DataFile]) -> None:
        # If this process was suspended for too long, another run may have taken the lease over since. That run may have
        # changed the tables that this one read, or erased a customer whose rows are in the staged files.
        if self._lease is not None:
            with self.discarding(name, staged):
                self._lease.confirm()

    def _prepare(self, query: Query) -> None:
        for name in tables_of(query.sql):
            if not name.startswith(ADDED):
                self._names.define(name, self._view(name))
        if SHARED_FUNCTION in query.sql:
            self.engine.define_erased(self.tombstones())

    def _view(self, name: str) -> View:
        return self._scene[name] if name in self._scene else self.published(name)

    def _missing(self, name: str) -> MissingTableError:
        folder = self.folder(name)
        remedy = f"Materialize it first: stedi run --select '+key:{name}'."
        return MissingTableError(f"The table {name} does not exist at {folder}.", remedy, name=name, folder=str(folder))
