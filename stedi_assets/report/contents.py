"""Gathers everything that the report shows, as plain data without personal values."""

import os
import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal

from stedi_assets.console.inventory import TableContent, take_inventory
from stedi_assets.contract import SOURCES, TABLES, Table
from stedi_assets.errors import StediError
from stedi_assets.lakehouse.check import Check, Checks
from stedi_assets.lakehouse.lakehouse import Lakehouse
from stedi_assets.lakehouse.lineage import Lineage, column_lineage
from stedi_assets.query import Query
from stedi_assets.report import pictures
from stedi_assets.report.graph import Graph, lay_out
from stedi_assets.report.preview import masked_rows
from stedi_assets.report.questions import QUESTIONS, Question

Status = Literal["passed", "warned", "failed", "not run"]

SAMPLE_ROWS = 5

PACKAGES = ("stedi_assets", "dagster", "deltalake", "duckdb", "pyspark", "sqlglot")

COLUMNS = {
    **{name: [column.name for column in source.columns] for name, source in SOURCES.items()},
    **{name: [column.name for column in table.columns] for name, table in TABLES.items()},
}
"""From each source and table to the names of its columns."""


@dataclass(frozen=True)
class TextTable:
    """Rows to show as text.

    Attributes:
        columns: The names of the columns.
        cells: The values of each row; None for a missing value, a mask for a personal one.
    """

    columns: Sequence[str]
    cells: Sequence[Sequence[str | None]]


@dataclass(frozen=True)
class CheckResult:
    """The result of a check.

    Attributes:
        table: The table's name.
        name: The check's name.
        description: The rule, and the remedy of a failure.
        status: "warned" is the failure of a check that does not block.
        findings: The counts that the check found, or the reason why it did not run.
    """

    table: str
    name: str
    description: str
    status: Status
    findings: Mapping[str, int | str]


@dataclass(frozen=True)
class Answer:
    """A question about the tables with its answer.

    Attributes:
        question: The question.
        rows: The answer; None if a table does not exist.
    """

    question: Question
    rows: TextTable | None


@dataclass(frozen=True)
class ReportedTable:
    """A table of the contract.

    Attributes:
        table: Its contract.
        content: The content of its current version; None if it has not been built.
        expected: The expected number of rows; None if none is given.
        sql: The SELECT that fills it; None for a quarantine, which the landing table's reader fills.
        lineage: From a column to the columns that it is computed from.
        sample: Its first rows; None if it has not been built.
    """

    table: Table
    content: TableContent | None
    expected: int | None
    sql: str | None
    lineage: Lineage
    sample: TextTable | None


@dataclass(frozen=True)
class Report:
    """Everything that the page shows.

    Attributes:
        made: When it was gathered, in UTC.
        lakehouse: The folder of the tables.
        landing: The folder of the raw files.
        cores: The number of cores that the process may use.
        system: The operating system and the version of Python.
        packages: From a package to its version.
        tables: The tables, in the order of the contract.
        answers: The questions with their answers.
        results: The results of all checks, in the order of the tables.
        graph: The lineage graph.
        pictures: From a picture's name to a PNG.
        no_pictures: Why there are no pictures; empty if there are some.
    """

    made: datetime
    lakehouse: str
    landing: str
    cores: int
    system: str
    packages: Mapping[str, str]
    tables: Sequence[ReportedTable]
    answers: Sequence[Answer]
    results: Sequence[CheckResult]
    graph: Graph
    pictures: Mapping[str, bytes]
    no_pictures: str

    @property
    def counts_by_status(self) -> Mapping[Status, int]:
        """The number of checks with each status."""
        return Counter(result.status for result in self.results)


def gather(lakehouse: Lakehouse, queries: Mapping[str, Query], checks: Checks) -> Report:
    """Gathers the report, and runs every check.

    Args:
        lakehouse: The tables.
        queries: From each table with a query to the query.
        checks: From each table of the contract to its checks.

    Returns:
        The report, without the parts that need a table that has not been built.

    Raises:
        StediError: No table has been built, or one cannot be read.
    """
    inventory = take_inventory(lakehouse.root)
    contents = {entry.name: content for entry, content in inventory if entry.is_of_contract}
    if not any(contents.values()):
        raise StediError(f"There is no table at {lakehouse.root} to report on.", "Run stedi run.")
    results = [_run_check(table, check, lakehouse) for table in TABLES for check in checks[table]]
    images, no_pictures = _draw_pictures(lakehouse)
    return Report(
        made=datetime.now(UTC),
        lakehouse=str(lakehouse.root),
        landing=str(lakehouse.landing),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        system=f"{platform.system()} {platform.release()} {platform.machine()}, Python {platform.python_version()}",
        packages=_package_versions(),
        tables=[
            _reported_table(table, contents[name], queries.get(name), results, lakehouse)
            for name, table in TABLES.items()
        ],
        answers=[Answer(question, _text_table(lakehouse, question.sql)) for question in QUESTIONS],
        results=results,
        graph=lay_out(_dependencies(queries)),
        pictures=images,
        no_pictures=no_pictures,
    )


def _dependencies(queries: Mapping[str, Query]) -> dict[str, Sequence[str]]:
    """Returns the inputs of each table: the tables that its query reads, or the source of a quarantine."""
    sources = {source.quarantine: source.name for source in SOURCES.values()}
    return {name: sorted(queries[name].tables) if name in queries else [sources[name]] for name in TABLES}


def _run_check(table: str, check: Check, lakehouse: Lakehouse) -> CheckResult:
    try:
        findings = check.find(lakehouse)
    except StediError as error:
        return CheckResult(table, check.name, check.description, "not run", {"reason": error.message})
    if check.passes(findings):
        return CheckResult(table, check.name, check.description, "passed", findings)
    return CheckResult(table, check.name, check.description, "failed" if check.blocking else "warned", findings)


def _draw_pictures(lakehouse: Lakehouse) -> tuple[Mapping[str, bytes], str]:
    if not pictures.can_draw():
        return {}, "Matplotlib, which draws them, is not installed: pip install 'stedi_assets[report]'."
    try:
        return pictures.draw_pictures(lakehouse.rows), ""
    except StediError as error:
        return {}, error.message


def _package_versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _reported_table(
    table: Table,
    content: TableContent | None,
    query: Query | None,
    results: Sequence[CheckResult],
    lakehouse: Lakehouse,
) -> ReportedTable:
    lineage: Lineage = {}
    if query:
        inputs = {name: COLUMNS[name] for name in query.tables}
        lineage = column_lineage(query, inputs, [column.name for column in table.columns])
    sample = _text_table(lakehouse, f"SELECT * FROM {table.name} LIMIT {SAMPLE_ROWS}", lineage) if content else None
    expected = [
        int(result.findings["expected"])
        for result in results
        if result.table == table.name and "expected" in result.findings
    ]
    return ReportedTable(
        table=table,
        content=content,
        expected=expected[0] if expected else None,
        sql=query.sql if query else None,
        lineage=lineage,
        sample=sample,
    )


def _text_table(lakehouse: Lakehouse, sql: str, lineage: Lineage | None = None) -> TextTable | None:
    """Returns the result of a query as text, without personal values; None if the query cannot be computed."""
    try:
        rows = masked_rows(lakehouse.rows(sql), lineage)
    except StediError:
        return None
    return TextTable(list(rows[0]) if rows else [], [[_cell_text(value) for value in row.values()] for row in rows])


def _cell_text(value: Any) -> str | None:
    if value is None:
        return None
    return f"{value:.6g}" if isinstance(value, float) else str(value)
