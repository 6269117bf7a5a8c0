"""Builds of a table: plan, write, audit, publish.

The plan says how much of the table its inputs have changed. The rows of that part are staged in the table's folder. The
blocking checks run on the version as it would be. Only if all pass, one commit publishes it. Warnings run afterwards.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from stedi_assets.contract import TABLES
from stedi_assets.engines.engine import Written
from stedi_assets.errors import StediError
from stedi_assets.lakehouse.audit import audit, known_findings
from stedi_assets.lakehouse.compaction import MANY_SMALL_FILES, compact
from stedi_assets.lakehouse.content import Content
from stedi_assets.lakehouse.part import DAY, Changes, Part, unequally_often
from stedi_assets.lakehouse.plan import BUILT_FROM_KEY, BuiltFrom, Plan, built_from, identity, plan_table
from stedi_assets.lakehouse.state import KnownFindings, State, read_state, with_outcome, write_state
from stedi_assets.lakehouse.stopwatch import Stopwatch
from stedi_assets.lakehouse.stored import Built
from stedi_assets.query import Query
from stedi_assets.storage.columns import column_types
from stedi_assets.storage.delta import RUN_KEY, DataFile
from stedi_assets.storage.rejection import Rejection, discard_rejection, write_rejection
from stedi_assets.storage.vacuum import vacuum

if TYPE_CHECKING:
    from stedi_assets.lakehouse.check import Check, CheckResult
    from stedi_assets.lakehouse.lakehouse import Lakehouse

REWRITTEN_BYTES = 32 << 20
"""The total size of the files that are rewritten into one. The rows of neighbouring instants stay together."""


@dataclass(frozen=True)
class Staged:
    """The files by which a version would differ from the current one.

    Attributes:
        added: The staged files.
        removed: The current files that they replace.
        is_whole: Whether they are all files of the version, whose columns then count.
        part: The instants at which rows may differ; None where that is not known.
    """

    added: Sequence[DataFile]
    removed: Sequence[DataFile]
    is_whole: bool = False
    part: Part | None = None

    @property
    def rows_added(self) -> int:
        """The number of rows in the added files."""
        return sum(file.rows for file in self.added)

    @property
    def rows_removed(self) -> int:
        """The number of rows in the removed files, as far as the log has it."""
        return sum(file.rows or 0 for file in self.removed)


@dataclass(frozen=True)
class Step:
    """One table's turn in a run.

    Attributes:
        name: The table's name.
        plan: Its plan.
        state: The state of its current version; None where there is none.
        checks: Its checks.
        run_id: The run's id.
        stopwatch: Measures the phases.
        now: What a new version follows from; None for a landing table.
        metadata: More metadata for the commit.
        registers: Whether to register the published version in the catalog.
    """

    name: str
    plan: Plan
    state: State | None
    checks: Sequence[Check]
    run_id: str
    stopwatch: Stopwatch
    now: BuiltFrom | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    registers: bool = True

    def known(self, staged: Staged) -> Mapping[str, KnownFindings]:
        """Returns the findings of an earlier run from which those of the staged version may be computed."""
        # All rows of a version that was computed whole are new to its checks.
        return {} if self.state is None or staged.is_whole else self.state.findings


class Builder:
    """Builds the tables of a run, one after the other.

    Args:
        lakehouse: The tables.
        retention: The age up to which an old version stays readable. A table is vacuumed once a day; None for never.
    """

    def __init__(self, lakehouse: Lakehouse, retention: timedelta | None = None) -> None:
        self.lakehouse = lakehouse
        self.changes = Changes(lakehouse)
        self._retention = retention

    def build(self, name: str, query: Query, checks: Sequence[Check], run_id: str, *, full_refresh: bool) -> Built:
        """Brings a table up to date with its inputs, and publishes it if its blocking checks pass.

        Args:
            name: The table's name.
            query: Its SELECT.
            checks: Its checks.
            run_id: The run's id.
            full_refresh: Whether to compute all of it whatever has changed.

        Returns:
            What was done. After a rejection, the published version is the one from before.

        Raises:
            ConflictError: Another writer holds the lakehouse, or changed the table first.
            StediError: The table cannot be computed, written, committed or registered. It is unchanged unless the
                message says that it is stored.
        """
        stopwatch = Stopwatch()
        lakehouse = self.lakehouse
        lakehouse.begin(run_id)
        state = read_state(lakehouse, name)
        now = built_from(lakehouse, name, query)
        plan = plan_table(
            lakehouse, name, now, state.built_from if state else None, self.changes, full_refresh=full_refresh
        )
        stopwatch.end("plan")
        if plan.since is not None and compact(self, name, run_id, at_least=MANY_SMALL_FILES):
            stopwatch.end("compact")
        plan, staged = self._staged(name, query, plan)
        stopwatch.end("compute_and_write")
        return self.publish(Step(name, plan, state, checks, run_id, stopwatch, now), staged)

    def _staged(self, name: str, query: Query, plan: Plan) -> tuple[Plan, Staged | None]:
        """Writes the rows that the plan asks for; nothing where no row differs from the current version."""
        if plan.kind == "nothing":
            return plan, None
        if plan.kind == "part":
            try:
                return plan, self._staged_part(name, query, plan)
            except LookupError:
                plan = Plan("all", f"{plan.reason}, and files of the earlier version are gone")
        if plan.since is not None and TABLES[name].event_time is None:
            return plan, self._staged_difference(name, query)
        written = self.lakehouse.write(name, query)
        is_stored = self.lakehouse.find(name) is not None
        current = self.lakehouse.content(name).files if is_stored else []
        staged = Staged(written.files, current, is_whole=True)
        if is_stored and TABLES[name].event_time is None and not self.differs(name, staged):
            self.lakehouse.discard(name, staged.added)
            return plan, None
        return plan, staged

    def _staged_difference(self, name: str, query: Query) -> Staged | None:
        """Computes all rows of a table, and writes those that it lacks; all of them where it has rows too many."""
        lakehouse = self.lakehouse
        columns = ", ".join(column.name for column in TABLES[name].columns)
        content = lakehouse.content(name)
        rows = lakehouse.keep(query.sql)
        differing = lakehouse.keep(unequally_often(columns, rows, lakehouse.define(content)))
        (found,) = lakehouse.rows(
            f"SELECT count(*) AS differing, sum(CASE WHEN times = 1 THEN 1 ELSE 0 END) AS lacking FROM {differing}"
        )
        if not found["differing"]:
            return None
        if found["differing"] != found["lacking"]:
            return Staged(lakehouse.write(name, Query(f"SELECT {columns} FROM {rows}")).files, content.files, True)
        lacking = Query(f"SELECT {columns} FROM {differing}")
        return Staged(lakehouse.write(name, lacking).files, [])

    def _staged_part(self, name: str, query: Query, plan: Plan) -> Staged | None:
        lakehouse, event_time = self.lakehouse, TABLES[name].event_time or ""
        if plan.since is None:
            raise LookupError(name)
        since = {each: before for each, before in plan.since.inputs.items() if before != identity(lakehouse, each)}
        readings = [each for each in plan.since.inputs if TABLES[each].event_time]
        part = self._part(since, readings)
        if not part:
            return None
        inputs = {each: lakehouse.content(each) for each in plan.since.inputs}
        with lakehouse.reading(self.changes.scene(part, inputs, cuts_customers=True)):
            written = lakehouse.write(name, query)
        with lakehouse.discarding(name, written.files):
            content = lakehouse.content(name)
            touched = set(self._touched(content, event_time, part))
            removed = [file for path, file in zip(content.paths, content.files, strict=True) if path in touched]
            added = [file for file in written.files if file.rows]
            differs = self.differs(name, Staged(added, removed), part)
            kept = f"{event_time} NOT IN (SELECT instant FROM {part.instants})"
            added += self.rewrite(name, removed, kept) if differs else []
        if differs and not added and len(removed) == len(content.files):
            # A table without a row has one file too, as some readers need one for the columns.
            added = list(written.files[:1])
        lakehouse.discard(name, [file for file in written.files if not differs or file not in added])
        return Staged(added, removed, part=part) if differs else None

    def _part(self, since: Mapping[str, str], readings: Sequence[str]) -> Part:
        try:
            return self.changes.part(since, readings)
        except StediError as error:
            # The old files that tell what changed are gone after a vacuum. If there is another reason, the computation
            # of all rows meets it too.
            raise LookupError(error.what) from None

    def _touched(self, content: Content, event_time: str, part: Part) -> Sequence[str]:
        candidates = part.overlapping(content, event_time)
        condition = f"{event_time} IN (SELECT instant FROM {part.instants})"
        return self.lakehouse.engine.files_with(candidates, condition)

    def rewrite(self, name: str, files: Sequence[DataFile], condition: str) -> list[DataFile]:
        """Stages the rows of files for which a condition is true, with the rows of neighbouring instants together.

        Args:
            name: The table's name.
            files: Files of the table's current version.
            condition: An expression of SQL over its columns.

        Returns:
            The staged files with rows.

        Raises:
            StediError: The rows cannot be written. What was staged is deleted.
        """
        lakehouse = self.lakehouse
        content = lakehouse.content(name)
        staged: list[DataFile] = []
        for group in _neighbours(files, TABLES[name].event_time):
            view = lakehouse.define(Content(content.folder, group, content.schema))
            with lakehouse.discarding(name, staged):
                query = Query(f"SELECT * FROM {view} AS stored WHERE {condition}")
                staged += lakehouse.write(name, query, in_one_file=True).files
        lakehouse.discard(name, [file for file in staged if not file.rows])
        return [file for file in staged if file.rows]

    def differs(self, name: str, staged: Staged, part: Part | None = None) -> bool:
        """Whether staged rows differ from those of the files that they replace.

        Args:
            name: The table's name.
            staged: The staged files, and the current ones.
            part: The instants at which the rows are compared; None for all.

        Raises:
            StediError: The rows cannot be compared.
        """
        if part is None and staged.rows_added != staged.rows_removed:
            return True
        if not (staged.rows_added and staged.removed):
            # The log may lack the number of rows of another program's file.
            return bool(staged.rows_added) or any(file.rows != 0 for file in staged.removed)
        content = self.lakehouse.content(name)
        new = Content(content.folder, staged.added, staged.added[0].schema)
        old = Content(content.folder, staged.removed, content.schema)
        if column_types(new.schema) != column_types(old.schema):
            return True
        columns = ", ".join(column.name for column in TABLES[name].columns)
        first, second = self.lakehouse.define(new), self.lakehouse.define(old)
        if part is not None:
            condition = f"{TABLES[name].event_time} IN (SELECT instant FROM {part.instants})"
            second = self.lakehouse.keep(f"SELECT {columns} FROM {second} WHERE {condition}")
        differing = unequally_often(columns, first, second)
        (found,) = self.lakehouse.rows(f"SELECT count(*) AS found FROM ({differing}) AS differing")
        return bool(found["found"])

    def publish(self, step: Step, staged: Staged | None) -> Built:
        """Audits the version that staged files would make, and publishes it where its blocking checks pass.

        Args:
            step: The table, and what is known of it.
            staged: The staged files; None where the current version stays.

        Returns:
            What was done.

        Raises:
            ConflictError: Another writer changed the table first, or took the lease over.
            StediError: A check cannot be computed, and the staged files are deleted; or the commit failed. Its staged
                files stay until a vacuum, as a store may have taken a commit without an answer.
        """
        if staged is None:
            return self._published(step, [], is_committed=False)
        if step.state is not None and staged.part is not None:
            self.changes.know(step.name, step.state.version, staged.part)
        candidate = self._candidate(step.name, staged)
        with self.lakehouse.discarding(step.name, staged.added), self.lakehouse.reading({step.name: candidate}):
            blocking = [check for check in step.checks if check.blocking]
            known = step.known(staged)
            results = audit(self.lakehouse, step.name, blocking, known, self.changes, is_staged=True)
        step.stopwatch.end("audit")
        if any(result.is_blocked for result in results):
            self._reject(step, staged, candidate, results)
            return replace(self._built(step, results), keeps_rejected=True)
        self._commit(step, staged)
        step.stopwatch.end("commit")
        vacuumed = step.state.vacuumed if step.state else _now()
        outcomes = step.state.outcomes if step.state else {}
        state = State(identity(self.lakehouse, step.name), step.run_id, step.now, known, vacuumed, outcomes)
        built = self._published(replace(step, state=state), results, is_committed=True)
        return replace(built, rows_added=staged.rows_added, rows_removed=staged.rows_removed, added=staged.added)

    def _published(self, step: Step, results: Sequence[CheckResult], *, is_committed: bool) -> Built:
        """Computes the checks that are left, and notes the state of the published version."""
        lakehouse, state = self.lakehouse, step.state
        if state is None:
            raise LookupError(step.name)
        discard_rejection(lakehouse.folder(step.name))
        audited = {result.check.name for result in results}
        others = [check for check in step.checks if check.name not in audited]
        results = [*results, *audit(lakehouse, step.name, others, state.findings, self.changes, is_staged=False)]
        step.stopwatch.end("checks")
        findings = known_findings(lakehouse, results)
        outcomes = with_outcome(state, results)
        new = replace(
            state, built_from=step.now, findings=findings, vacuumed=self._vacuum(step, state), outcomes=outcomes
        )
        if is_committed or new != state:
            write_state(lakehouse, step.name, new)
        order = {check.name: number for number, check in enumerate(step.checks)}
        return self._built(step, sorted(results, key=lambda result: order[result.check.name]))

    def _vacuum(self, step: Step, state: State) -> int:
        """Vacuums a table of which the last vacuum was a day ago, and returns when it was vacuumed."""
        now = _now()
        if self._retention is None or now - state.vacuumed < DAY:
            return state.vacuumed
        vacuum(self.lakehouse.folder(step.name), self._retention)
        step.stopwatch.end("vacuum")
        return now

    def _candidate(self, name: str, staged: Staged) -> Content:
        """Returns the content of the version that staged files would make."""
        folder = self.lakehouse.folder(name)
        if staged.is_whole:
            return Content(folder, staged.added, staged.added[0].schema)
        current = self.lakehouse.content(name)
        removed = {file.path for file in staged.removed}
        kept = [file for file in current.files if file.path not in removed]
        return Content(folder, [*kept, *staged.added], current.schema)

    def _reject(self, step: Step, staged: Staged, candidate: Content, results: Sequence[CheckResult]) -> None:
        added = [file.path for file in staged.added]
        rejection = Rejection(
            step.run_id,
            _now(),
            [result.check.name for result in results if result.is_blocked],
            [file.path for file in candidate.files if file.path not in set(added)],
            added,
            candidate.schema.to_json(),
        )
        with self.lakehouse.discarding(step.name, staged.added):
            write_rejection(candidate.folder, rejection)

    def _commit(self, step: Step, staged: Staged) -> None:
        lakehouse, name = self.lakehouse, step.name
        built_from = {} if step.now is None else {BUILT_FROM_KEY: step.now.to_json()}
        metadata = {RUN_KEY: step.run_id, **built_from, **step.metadata}
        current = lakehouse.find(name)
        if current is None or staged.is_whole:
            lakehouse.replace(name, current, Written(staged.added[0].schema, staged.added), metadata)
        else:
            lakehouse.amend(name, current, staged.added, staged.removed, metadata)

    def _built(self, step: Step, results: Sequence[CheckResult]) -> Built:
        if step.state is None:
            return Built(step.plan, None, "", "", results=results)
        stored = self.lakehouse.stored(step.name, step.stopwatch)
        if step.registers:
            stored = self.lakehouse.registered(step.name, stored)
        return Built(step.plan, stored, step.state.version, step.state.run_id, results=results)


def _now() -> int:
    """Returns the time in milliseconds since 1970."""
    return int(time.time() * 1000)


def _neighbours(files: Iterable[DataFile], event_time: str | None) -> Iterator[list[DataFile]]:
    """Yields the files in groups of neighbouring instants, each of about `REWRITTEN_BYTES`."""
    least = {file.path: file.statistics["minValues"].get(event_time or "", 0) for file in files}
    group: list[DataFile] = []
    for file in sorted(files, key=lambda file: least[file.path]):
        group.append(file)
        if sum(each.size for each in group) >= REWRITTEN_BYTES:
            yield group
            group = []
    if group:
        yield group
