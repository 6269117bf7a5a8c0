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
from stedi_assets.lakehouse.check import CheckResult as ComputedResult
from stedi_assets.lakehouse.lakehouse import Lakehouse
from stedi_assets.lakehouse.lineage import Lineage, column_lineage
from stedi_assets.query import Query
from stedi_assets.report import pictures
from stedi_assets.report.graph import Graph, lay_out, lay_out_in_rows
from stedi_assets.report.history import Version, last_versions
from stedi_assets.report.instants import INSTANTS, Span, instant_text, span_of
from stedi_assets.report.preview import masked_rows
from stedi_assets.report.questions import QUESTIONS, Question
from stedi_assets.storage.rejection import Rejection, read_rejection

Status = Literal["passed", "warned", "failed", "not run"]

SIGNS = {"passed": "✓", "warned": "!", "failed": "✗", "not run": "–", "": "·"}
"""From a status to a sign of it; an empty one is unknown."""

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
        versions: Its last versions, the oldest first.
        span: The first and the last instant of its readings; None for a table without any.
        rejection: The version that the last run rejected; None if there is none.
        inputs: The names of the sources and tables that it is made from.
        results: The results of its checks.
        sql: The SELECT that fills it; None for a quarantine, which the landing table's reader fills.
        lineage: From a column to the columns that it is computed from.
        sample: Its first rows; None if it has not been built.
    """

    table: Table
    content: TableContent | None
    versions: Sequence[Version]
    span: Span | None
    rejection: Rejection | None
    inputs: Sequence[str]
    results: Sequence[CheckResult]
    sql: str | None
    lineage: Lineage
    sample: TextTable | None

    @property
    def detail(self) -> str:
        """Its status and its number of rows, as a short text."""
        if self.content is None:
            return "not built"
        rows = "unknown" if self.content.rows is None else f"{self.content.rows:,}"
        return f"{SIGNS[self.status]} {rows} {'row' if self.content.rows == 1 else 'rows'}"

    @property
    def has_trend(self) -> bool:
        """Whether there are several versions."""
        return len(self.versions) > 1

    @property
    def expected(self) -> int | None:
        """The expected number of rows; None if none is given, or if it is that of other landing files."""
        counted = [result.findings for result in self.results if result.status != "warned"]
        found = [findings["expected"] for findings in counted if "expected" in findings]
        return int(found[0]) if found else None

    @property
    def status(self) -> Status:
        """The worst status of its checks and of its last run."""
        if self.rejection:
            return "failed"
        found = {result.status for result in self.results}
        order: Sequence[Status] = ("failed", "not run", "warned")
        return next((status for status in order if status in found), "passed")


@dataclass(frozen=True)
class Report:
    """Everything that the page shows.

    Attributes:
        made: When it was gathered, in UTC.
        engine: The engine that computed the checks and the answers.
        lakehouse: The folder of the tables.
        landing: The folder of the raw files.
        cores: The number of cores that the process may use.
        system: The operating system and the version of Python.
        packages: From a package to its version.
        tables: The tables, in the order of the contract.
        answers: The questions with their answers.
        results: The results of all checks, in the order of the tables.
        graph: The lineage graph, from left to right.
        narrow_graph: The same from top to bottom, for a narrow screen.
        pictures: From a picture's name to the picture.
        no_pictures: Why there are no pictures; empty if there are some.
    """

    made: datetime
    engine: str
    lakehouse: str
    landing: str
    cores: int
    system: str
    packages: Mapping[str, str]
    tables: Sequence[ReportedTable]
    answers: Sequence[Answer]
    results: Sequence[CheckResult]
    graph: Graph
    narrow_graph: Graph
    pictures: Mapping[str, pictures.Picture]
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
    inputs = _dependencies(queries)
    versions = last_versions(lakehouse, list(TABLES))
    tables = [
        _reported_table(table, contents[name], versions[name], inputs[name], queries.get(name), results, lakehouse)
        for name, table in TABLES.items()
    ]
    details = {**dict.fromkeys(SOURCES, "raw files"), **{each.table.name: each.detail for each in tables}}
    return Report(
        made=datetime.now(UTC),
        engine=lakehouse.engine.name,
        lakehouse=str(lakehouse.root),
        landing=str(lakehouse.landing),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        system=f"{platform.system()} {platform.release()} {platform.machine()}, Python {platform.python_version()}",
        packages=_package_versions(),
        tables=tables,
        answers=[Answer(question, _text_table(lakehouse, question.sql)) for question in QUESTIONS],
        results=results,
        graph=lay_out(inputs, details),
        narrow_graph=lay_out_in_rows(inputs, details),
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
    status = ComputedResult(check, findings, "whole").status
    return CheckResult(table, check.name, check.description, status, findings)


def _draw_pictures(lakehouse: Lakehouse) -> tuple[Mapping[str, pictures.Picture], str]:
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
    versions: Sequence[Version],
    inputs: Sequence[str],
    query: Query | None,
    results: Sequence[CheckResult],
    lakehouse: Lakehouse,
) -> ReportedTable:
    lineage: Lineage = {}
    if query:
        columns = {name: COLUMNS[name] for name in query.tables}
        lineage = column_lineage(query, columns, [column.name for column in table.columns])
    sample = _text_table(lakehouse, f"SELECT * FROM {table.name} LIMIT {SAMPLE_ROWS}", lineage) if content else None
    return ReportedTable(
        table=table,
        content=content,
        versions=versions,
        span=span_of(content.files, table.event_time) if content else None,
        rejection=read_rejection(lakehouse.folder(table.name)),
        inputs=inputs,
        results=[result for result in results if result.table == table.name],
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
    cells = [[_cell_text(name, value) for name, value in row.items()] for row in rows]
    return TextTable(list(rows[0]) if rows else [], cells)


def _cell_text(name: str, value: Any) -> str | None:
    if value is None:
        return None
    if name in INSTANTS and isinstance(value, int):
        return instant_text(value)
    if type(value) is int:
        return f"{value:,}"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
