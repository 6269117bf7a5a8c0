"""One check of one table, without Dagster."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from stedi_assets.lakehouse.lakehouse import Lakehouse

Findings = Mapping[str, int | str]
"""From the name of a finding to a number, or to names of columns or files; never a value of a personal column."""


@dataclass(frozen=True)
class Check:
    """One check of one table.

    Attributes:
        name: The rule, as a phrase.
        description: The rule as a sentence, and then the remedy of a failure.
        blocking: Whether a failure means wrong or leaked data, so that the table's version is not published.
        find: Computes the findings, on the engine that holds the table.
        passes: Whether the findings satisfy the rule.
        statements: The SELECTs that `find` computes. The findings stay as they are while the tables of the SELECTs do.
            Without statements, the findings are cheap: they are computed in every run.
        by_instant: The tables of the statements of which the rows at some instants suffice: the findings are all 0
            where those at each instant are. Those of a warning are also the sums of those at each instant.
        follows_customers: Whether a customer's record decides on no other readings than those with its identifiers.
            Otherwise, the findings are computed from all readings when a record changes.
        is_excused: Whether a failure with these findings is a warning, although the check blocks.
    """

    name: str
    description: str
    blocking: bool
    find: Callable[[Lakehouse], Findings]
    passes: Callable[[Findings], bool]
    statements: Sequence[str] = ()
    by_instant: Sequence[str] = ()
    follows_customers: bool = True
    is_excused: Callable[[Findings], bool] = lambda findings: False

    def warns(self, findings: Findings) -> bool:
        """Whether a failure with these findings is a warning."""
        return not self.blocking or self.is_excused(findings)

    @property
    def what_to_do(self) -> str:
        """The remedy of a failure."""
        _, _, remedy = self.description.partition(". ")
        return remedy


Checks = Mapping[str, Sequence[Check]]
"""From a table's name to its checks."""


Status = Literal["passed", "warned", "failed"]
"""The status of a check that was computed. A failure that does not block is a warning."""


@dataclass(frozen=True)
class CheckResult:
    """The result of a check.

    Attributes:
        check: The check.
        findings: Its findings.
        scope: From how much of the tables the findings were computed: `whole`, `part`, or `kept` from an earlier run.
    """

    check: Check
    findings: Findings
    scope: str

    @property
    def passed(self) -> bool:
        """Whether the findings satisfy the rule."""
        return self.check.passes(self.findings)

    @property
    def status(self) -> Status:
        """The status."""
        if self.passed:
            return "passed"
        return "warned" if self.check.warns(self.findings) else "failed"

    @property
    def is_blocked(self) -> bool:
        """Whether the version must not be published."""
        return self.status == "failed"


def problem(table: str, check: str, status: str, findings: Mapping[str, object], what_to_do: str) -> str:
    """Returns in one line which check of which table did not pass, what it found, and what to do.

    Args:
        table: The table's name.
        check: The check's name.
        status: What became of it, such as failed.
        findings: Its findings. Blank ones are left out.
        what_to_do: The remedy.
    """
    found = ", ".join(f"{name} {value}" for name, value in findings.items() if value != "")
    outcome = f"{status}: {found}" if found else status
    return f"{table}: the check {check} {outcome}. {what_to_do}".rstrip()
