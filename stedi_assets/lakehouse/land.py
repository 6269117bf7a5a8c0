"""Landing: brings a landing table and its quarantine up to date with the landing folder."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from stedi_assets.contract import SOURCE_FILE, Source
from stedi_assets.engines.engine import LandingRead, ReadStamp
from stedi_assets.lakehouse.archive import GONE_FILES_KEY, KEPT
from stedi_assets.lakehouse.build import Builder, Staged, Step
from stedi_assets.lakehouse.compaction import MANY_SMALL_FILES, compact
from stedi_assets.lakehouse.landing import (
    QUARANTINE_KEY,
    READ_KEY,
    LandingPlan,
    files_read,
    plan_landing,
    quarantine_id,
)
from stedi_assets.lakehouse.state import read_state
from stedi_assets.lakehouse.stopwatch import Stopwatch
from stedi_assets.lakehouse.stored import Built, Landed
from stedi_assets.landing.digest import CONTRACT_KEY
from stedi_assets.landing.files import files_digest
from stedi_assets.landing.ledger import Ledger, LedgerEntry, with_digests
from stedi_assets.landing.ledger_files import Part, write_ledger
from stedi_assets.query import Query, portable_literal
from stedi_assets.storage.attempt import LEDGER_KEY, discarded_on_failure

if TYPE_CHECKING:
    from stedi_assets.lakehouse.check import Checks

IS_GONE = "it was removed before it could be read"
"""The reason for not reading a file that was listed."""


def land(builder: Builder, source: Source, query: Query, checks: Checks, run_id: str, *, full_refresh: bool) -> Landed:
    """Brings a landing table and its quarantine up to date with the landing folder.

    Only new and changed raw files are read, and the rows of removed files are deleted. If the stored rows follow
    another contract, all files are read and both tables replaced, with the new columns.

    The quarantine is committed first, even where the landing table is rejected, and the landing table with its ledger
    last. After a crash in between, the ledger still lacks the files: the next run reads them again, and replaces their
    records in the quarantine.

    Args:
        builder: Builds the tables.
        source: The kind of record.
        query: The landing table's SELECT over the source's name.
        checks: The checks of all tables; a table without an entry has none.
        run_id: The run's id, which the commits and the quarantined records keep.
        full_refresh: Whether to read all files again.

    Returns:
        What was done with both tables, and the names of the files that were read or removed.

    Raises:
        ConflictError: Another writer holds the lakehouse, or changed a table first.
        StediError: The files cannot be read, or a table cannot be committed or registered. The landing table is
            unchanged unless the message says that it is stored.
    """
    lakehouse = builder.lakehouse
    stopwatch = Stopwatch()
    lakehouse.begin(run_id)
    plan = plan_landing(
        source,
        query,
        lakehouse.landing,
        lakehouse.folder(source.landing),
        lakehouse.find(source.landing),
        lakehouse.find(source.quarantine),
        full_refresh=full_refresh,
        keeps_gone=lakehouse.keeps_gone_files,
    )
    stopwatch.end("list")
    landing = _Landing(builder, plan, checks, run_id, stopwatch)
    return landing.read() if plan.is_needed else landing.unchanged()


class _Landing:
    def __init__(self, builder: Builder, plan: LandingPlan, checks: Checks, run_id: str, stopwatch: Stopwatch) -> None:
        self._builder = builder
        self._lakehouse = builder.lakehouse
        self._plan = plan
        self._source = plan.source
        self._checks = checks
        self._run_id = run_id
        self._stopwatch = stopwatch
        # Read before the rows are staged: it may bring a table up to another program's commit, which then must not come
        # between the version that the staged rows follow and their own commit.
        self._states = {
            name: read_state(self._lakehouse, name) for name in (self._source.landing, self._source.quarantine)
        }

    def unchanged(self) -> Landed:
        plan, source = self._plan, self._source
        self._lakehouse.take_reading(source, plan.ledger or {}, plan.passed_over)
        quarantine = self._publish(source.quarantine, None)
        return self._landed(self._publish(source.landing, None), quarantine, [])

    def read(self) -> Landed:
        plan, source, lakehouse = self._plan, self._source, self._lakehouse
        if plan.ledger is not None and compact(self._builder, source.landing, self._run_id, at_least=MANY_SMALL_FILES):
            self._stopwatch.end("compact")
        stamp = ReadStamp(self._run_id, int(time.time() * 1000), lakehouse.tombstones())
        folder = lakehouse.folder(source.landing)
        read = lakehouse.engine.read_landing(plan.query, source, plan.changes.to_read, folder, stamp)
        self._stopwatch.end("read_and_write")
        with discarded_on_failure(folder, read.prefix):
            staged_quarantine = self._staged_quarantine(read)
            self._stopwatch.end("quarantine")
            reading = {CONTRACT_KEY: plan.contract, READ_KEY: files_read(plan, read.entries)}
            quarantine = self._publish(source.quarantine, staged_quarantine, reading)
            staged = self._staged_rows(read)
        self._stopwatch.end("rewrite")
        keeps_gone = lakehouse.keeps_gone_files
        entries = with_digests([*plan.changes.kept, *read.entries], plan.files, of_all=keeps_gone)
        passed_over = {**plan.passed_over, **dict.fromkeys(read.gone, IS_GONE)}
        ledger = {entry.name: entry for entry in entries}
        lakehouse.take_reading(source, ledger, passed_over)
        with lakehouse.discarding(source.landing, staged.added):
            parts = self._write_ledger(ledger)
        metadata = {
            CONTRACT_KEY: plan.contract,
            LEDGER_KEY: parts,
            QUARANTINE_KEY: quarantine_id(lakehouse.table(source.quarantine)),
            **({GONE_FILES_KEY: KEPT} if keeps_gone else {}),
        }
        landing = self._publish(source.landing, staged, metadata)
        if landing.is_rejected:
            lakehouse.take_reading(source, plan.ledger or {}, passed_over)
        return self._landed(landing, quarantine, read.entries, passed_over)

    def _write_ledger(self, ledger: Ledger) -> str:
        before = self._plan.ledger or {}
        changed = [entry for name, entry in ledger.items() if before.get(name) is not entry]
        gone = sorted(before.keys() - ledger.keys())
        folder = self._lakehouse.folder(self._source.landing)
        return write_ledger(folder, self._plan.ledger_parts, ledger, Part(changed, gone))

    def _publish(self, name: str, staged: Staged | None, metadata: dict[str, str] | None = None) -> Built:
        checks = self._checks.get(name, ())
        step = Step(
            name,
            self._plan.plan,
            self._states[name],
            checks,
            self._run_id,
            self._stopwatch,
            metadata=metadata or {},
            # Its registration waits for the landing table: a catalog that refuses must not cost the reading.
            registers=name != self._source.quarantine,
        )
        return self._builder.publish(step, staged)

    def _registered(self, quarantine: Built) -> Built:
        """Registers the quarantine, once the landing table is published too."""
        if quarantine.stored is None:
            return quarantine
        return replace(quarantine, stored=self._lakehouse.registered(self._source.quarantine, quarantine.stored))

    def _staged_quarantine(self, read: LandingRead) -> Staged | None:
        """Stages the quarantine. If the landing table is amended, the records of files that were not read stay."""
        plan, lakehouse, name = self._plan, self._lakehouse, self._source.quarantine
        view, kept = read.quarantined.table, ""
        removed = [] if plan.quarantine is None else lakehouse.content(name).files
        if plan.quarantine is not None and plan.ledger is not None:
            affected = {*plan.changes.replaced, *(entry.name for entry in read.entries)}
            current = lakehouse.define(lakehouse.content(name))
            kept = f"UNION ALL SELECT * FROM {current} WHERE {_is_not_of(affected)}"
        written = lakehouse.engine.write(Query(f"SELECT * FROM {view} {kept}"), lakehouse.folder(name))
        read.quarantined.discard()
        staged = Staged(written.files, removed, is_whole=True)
        if plan.quarantine is None or plan.ledger is None or self._builder.differs(name, staged):
            return staged
        lakehouse.discard(name, written.files)
        return None

    def _staged_rows(self, read: LandingRead) -> Staged:
        plan, lakehouse, name = self._plan, self._lakehouse, self._source.landing
        if plan.landing is None or plan.ledger is None:
            removed = [] if plan.landing is None else lakehouse.content(name).files
            return Staged(read.written.files, removed, is_whole=True)
        content = lakehouse.content(name)
        replaced = plan.changes.replaced
        with_old_rows = set(lakehouse.engine.files_with(content.paths, _is_of(replaced)) if replaced else ())
        touched = [file for path, file in zip(content.paths, content.files, strict=True) if path in with_old_rows]
        rewritten = self._builder.rewrite(name, touched, _is_not_of(replaced))
        added = [file for file in (*read.written.files, *rewritten) if file.rows]
        if not added and len(touched) == len(content.files):
            # A table without a row has one file too, as its readers need one for the columns.
            added = list(read.written.files)
        lakehouse.discard(name, [file for file in read.written.files if file not in added])
        return Staged(added, touched)

    def _landed(
        self,
        landing: Built,
        quarantine: Built,
        entries: Sequence[LedgerEntry],
        passed_over: dict[str, str] | None = None,
    ) -> Landed:
        plan = self._plan
        return Landed(
            landing=landing,
            quarantine=self._registered(quarantine),
            files_read=[file.name for file in plan.changes.to_read],
            files_removed=plan.changes.gone,
            files_kept=len(plan.changes.kept) - len(plan.changes.archived),
            files_archived=len(plan.changes.archived),
            unknown_keys=sum((Counter(entry.unknown_keys) for entry in entries), Counter[str]()),
            passed_over=dict(plan.passed_over) if passed_over is None else passed_over,
            files_digest=files_digest(plan.files),
        )


def _is_of(source_files: Sequence[str]) -> str:
    names = ", ".join(portable_literal(file) for file in sorted(source_files))
    return f"{SOURCE_FILE.name} IN ({names})"


def _is_not_of(source_files: Sequence[str] | set[str]) -> str:
    names = ", ".join(portable_literal(file) for file in sorted(source_files))
    return f"{SOURCE_FILE.name} NOT IN ({names})"
