"""The verdict on a lakehouse: whether all is good, and otherwise where the page shows what is not."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from stedi_assets.report.contents import CheckResult, Report, ReportedTable


@dataclass(frozen=True)
class Point:
    """Something that the reader should look at.

    Attributes:
        text: What it is.
        place: The id of the element of the page that shows it.
    """

    text: str
    place: str


@dataclass(frozen=True)
class Verdict:
    """The verdict.

    Attributes:
        status: "warned" where nothing is wrong but the failure of a check that does not block.
        sentence: The verdict, without a full stop.
        problems: What is wrong.
        warnings: The checks that warn.
    """

    status: Literal["passed", "warned", "failed"]
    sentence: str
    problems: Sequence[Point]
    warnings: Sequence[Point]


def check_place(result: CheckResult) -> str:
    """Returns the id of the element of the page that shows a check."""
    return f"check-{result.table}-{result.name}"


def verdict_of(report: Report) -> Verdict:
    """Returns the verdict on the tables of a report."""
    built = {reported.table.name for reported in report.tables if reported.content}
    failed = _points(result for result in report.results if result.status == "failed")
    rejected = [_rejected(reported) for reported in report.tables if reported.rejection]
    stuck = _points(result for result in report.results if result.status == "not run" and result.table in built)
    missing = [Point(f"{name} has not been built", name) for name in _names(report) if name not in built]
    warnings = _points(result for result in report.results if result.status == "warned")
    passed = report.counts_by_status["passed"]
    counts = (
        _counted(len(failed), "check failed", "checks failed"),
        _counted(len(rejected), "new version was rejected", "new versions were rejected"),
        _counted(len(stuck), "check could not run", "checks could not run"),
        _counted(len(missing), "table has not been built", "tables have not been built"),
    )
    problems = [*failed, *rejected, *stuck, *missing]
    if problems:
        return Verdict("failed", ", ".join(filter(None, counts)), problems, warnings)
    if warnings:
        warn = _counted(len(warnings), "warning", "warnings")
        return Verdict("warned", f"No check failed: {passed} passed, with {warn}", [], warnings)
    return Verdict("passed", f"All good: {passed} checks passed", [], [])


def _names(report: Report) -> list[str]:
    return [reported.table.name for reported in report.tables]


def _points(results: Iterable[CheckResult]) -> list[Point]:
    return [Point(f"{result.table}: {result.name}", check_place(result)) for result in results]


def _rejected(reported: ReportedTable) -> Point:
    checks = ", ".join(reported.rejection.checks) if reported.rejection else ""
    return Point(f"{reported.table.name}: a new version was rejected by {checks}", reported.table.name)


def _counted(count: int, one: str, several: str) -> str:
    return f"{count} {one if count == 1 else several}" if count else ""
