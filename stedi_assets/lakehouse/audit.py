"""The audit of a version: its checks, computed from as few rows as give the findings of a full computation."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from stedi_assets.contract import TABLES
from stedi_assets.errors import MissingTableError, StediError
from stedi_assets.lakehouse.check import Check, CheckResult, Findings
from stedi_assets.lakehouse.names import tables_of
from stedi_assets.lakehouse.part import Changes
from stedi_assets.lakehouse.plan import content_at, identity, tombstones_digest
from stedi_assets.lakehouse.state import KnownFindings
from stedi_assets.privacy.tombstones import SHARED_FUNCTION

if TYPE_CHECKING:
    from stedi_assets.lakehouse.content import Content
    from stedi_assets.lakehouse.lakehouse import Lakehouse
    from stedi_assets.lakehouse.part import Part

STAGED = "staged"
"""Stands for the identity of a version that is not committed."""


def audit(
    lakehouse: Lakehouse,
    table: str,
    checks: Iterable[Check],
    known: Mapping[str, KnownFindings],
    changes: Changes,
    *,
    is_staged: bool,
) -> list[CheckResult]:
    """Computes checks of one version of a table.

    Args:
        lakehouse: The tables, with the version among them.
        table: The table's name.
        checks: The checks.
        known: The findings of an earlier run, by the check's name.
        changes: Finds the instants that changed since.
        is_staged: Whether the version is not committed yet.

    Returns:
        The results, in the order of the checks.

    Raises:
        MissingTableError: A table that a check reads does not exist.
        StediError: A check cannot be computed.
    """
    auditor = _Auditor(lakehouse, table, known, changes, is_staged=is_staged)
    results = []
    for check in checks:
        try:
            results.append(auditor.result(check))
        except MissingTableError:
            raise
        except StediError as error:
            raise StediError(f"The check {check.name} failed: {error.what}", error.remedy) from None
    return results


def full_audit(lakehouse: Lakehouse, table: str, checks: Iterable[Check]) -> list[CheckResult]:
    """Computes checks on the whole of the published tables.

    Args:
        lakehouse: The tables.
        table: The name of the table of the checks.
        checks: The checks.

    Raises:
        MissingTableError: A table that a check reads does not exist.
        StediError: A check cannot be computed.
    """
    return audit(lakehouse, table, checks, {}, Changes(lakehouse), is_staged=False)


def known_findings(lakehouse: Lakehouse, results: Iterable[CheckResult]) -> dict[str, KnownFindings]:
    """Returns the findings of checks for the table's state, once the version is committed."""
    return {
        result.check.name: KnownFindings(
            _rule(result.check),
            {each: identity(lakehouse, each) for each in _tables(result.check)},
            _tombstones(lakehouse, result.check),
            result.findings,
        )
        for result in results
        if result.check.statements
    }


class _Auditor:
    def __init__(
        self,
        lakehouse: Lakehouse,
        table: str,
        known: Mapping[str, KnownFindings],
        changes: Changes,
        *,
        is_staged: bool,
    ) -> None:
        self._lakehouse = lakehouse
        self._table = table
        self._known = known
        self._changes = changes
        self._is_staged = is_staged

    def result(self, check: Check) -> CheckResult:
        known = self._known.get(check.name) if check.statements else None
        if known is None or known.rule != _rule(check) or known.tombstones != _tombstones(self._lakehouse, check):
            return CheckResult(check, check.find(self._lakehouse), "whole")
        changed = {each: version for each, version in known.inputs.items() if version != self._identity(each)}
        if not changed:
            return CheckResult(check, known.findings, "kept")
        findings = self._from_part(check, known, changed)
        if findings is not None:
            return CheckResult(check, findings, "part")
        return CheckResult(check, check.find(self._lakehouse), "whole")

    def _from_part(self, check: Check, known: KnownFindings, changed: Mapping[str, str]) -> Findings | None:
        """Returns the findings by way of the instants that changed; None where only all rows give them."""
        if not check.by_instant or not all(self._is_followed(check, each) for each in changed):
            return None
        if check.blocking and any(known.findings.values()):
            # A rule may be broken for a customer rather than at an instant. Only all rows show whether that is over.
            return None
        with suppress(LookupError, StediError):
            part = self._changes.part(changed, check.by_instant)
            if not part:
                return known.findings
            new = {each: self._lakehouse.content(each) for each in known.inputs}
            added = self._at_instants(check, part, new)
            if not any(known.findings.values()):
                # What breaks the rule is looked for in all rows, so that the findings are those of a full computation.
                return None if any(added.values()) else known.findings
            removed = self._at_instants(check, part, {each: self._content_at(each, known) for each in known.inputs})
            return {name: int(total) - int(removed[name]) + int(added[name]) for name, total in known.findings.items()}
        return None

    def _at_instants(self, check: Check, part: Part, contents: Mapping[str, Content]) -> Findings:
        cut = {each: contents[each] for each in contents if each in check.by_instant or not TABLES[each].event_time}
        scene = self._changes.scene(part, cut, cuts_customers=check.follows_customers)
        with self._lakehouse.reading({**contents, **scene}):
            return check.find(self._lakehouse)

    def _is_followed(self, check: Check, changed: str) -> bool:
        table = TABLES.get(changed)
        if table is None:
            return False
        if table.event_time is not None:
            return changed in check.by_instant
        return check.follows_customers and bool(table.naming_columns)

    def _content_at(self, name: str, known: KnownFindings) -> Content:
        content = content_at(self._lakehouse, name, known.inputs[name])
        if content is None:
            raise LookupError(name)
        return content

    def _identity(self, name: str) -> str:
        return STAGED if self._is_staged and name == self._table else identity(self._lakehouse, name)


def _tombstones(lakehouse: Lakehouse, check: Check) -> str:
    depends = any(SHARED_FUNCTION in statement for statement in check.statements)
    return tombstones_digest(lakehouse) if depends else ""


def _rule(check: Check) -> str:
    return hashlib.sha256(json.dumps([*check.statements, *check.by_instant]).encode()).hexdigest()


def _tables(check: Check) -> Sequence[str]:
    return sorted(frozenset[str]().union(*(tables_of(statement) for statement in check.statements)))
