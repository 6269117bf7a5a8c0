"""What a report shows, gathered from the lakehouse as plain data. No value of a personal column is part of it."""

import os
import platform
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal

from stedi_assets.console.inventory import Content, take_inventory
from stedi_assets.contract import SOURCES, TABLES, Table
from stedi_assets.defs.assets import TABLE_ASSETS
from stedi_assets.defs.assets.definition import Checks
from stedi_assets.defs.checks.check import Check, Findings
from stedi_assets.errors import StediError
from stedi_assets.lakehouse.lakehouse import Lakehouse
from stedi_assets.lakehouse.lineage import Lineage, column_lineage
from stedi_assets.privacy.masking import MASK, PERSONAL
from stedi_assets.report import pictures
from stedi_assets.report.graph import Graph, lay_out
from stedi_assets.report.preview import PLAIN
from stedi_assets.report.questions import QUESTIONS, Question

Status = Literal["passed", "warned", "failed", "not run"]

SAMPLE_ROWS = 5

PACKAGES = ("stedi_assets", "dagster", "deltalake", "duckdb", "pyspark", "sqlglot")

QUERIES = {asset.name: asset.query for asset in TABLE_ASSETS}
"""The query of each table that has one."""

COLUMNS = {
    **{name: [column.name for column in source.columns] for name, source in SOURCES.items()},
    **{name: [column.name for column in table.columns] for name, table in TABLES.items()},
}
"""From each source and table to the names of its columns."""


@dataclass(frozen=True)
class Rows:
    """Rows to show.

    Attributes:
        columns: The names of the columns.
        cells: The values of each row as text; a missing one is None, a personal one masked.
    """

    columns: Sequence[str]
    cells: Sequence[Sequence[str | None]]


@dataclass(frozen=True)
class Outcome:
    """What became of a check.

    Attributes:
        table: The table's name.
        name: The check's name.
        description: Its rule, and what to do where it does not pass.
        status: How it ended.
        findings: What it found; where it did not run, why.
    """

    table: str
    name: str
    description: str
    status: Status
    findings: Findings


@dataclass(frozen=True)
class Answer:
    """A question about the tables, answered.

    Attributes:
        question: The question.
        rows: The answer; None where a table does not exist.
    """

    question: Question
    rows: Rows | None


@dataclass(frozen=True)
class TableShown:
    """A table of the contract.

    Attributes:
        table: Its contract.
        content: What its current version holds; None where it has not been built.
        expected: The rows it is to have, where that is given.
        sql: The SELECT that fills it; None for a quarantine, which the landing table's reader fills.
        lineage: From a column's name to the columns that it is computed from.
        sample: Its first rows; None where it has not been built.
    """

    table: Table
    content: Content | None
    expected: int | None
    sql: str | None
    lineage: Lineage
    sample: Rows | None


@dataclass(frozen=True)
class Report:
    """Everything that the page shows.

    Attributes:
        made: When it was gathered, in UTC.
        lakehouse: Where the tables are.
        landing: Where the raw files are.
        cores: How many cores the process may use.
        system: The operating system and Python.
        packages: From a package to its version.
        tables: The tables, in the order of the contract.
        answers: The questions with their answers.
        outcomes: What became of every check, in the order of the tables.
        graph: The lineage graph.
        pictures: From what a picture shows to a PNG.
        no_pictures: Why there are none, where there are none.
    """

    made: datetime
    lakehouse: str
    landing: str
    cores: int
    system: str
    packages: Mapping[str, str]
    tables: Sequence[TableShown]
    answers: Sequence[Answer]
    outcomes: Sequence[Outcome]
    graph: Graph
    pictures: Mapping[str, bytes]
    no_pictures: str

    @property
    def verdicts(self) -> Mapping[Status, int]:
        """How many checks ended in which way."""
        return Counter(outcome.status for outcome in self.outcomes)


def gather(lakehouse: Lakehouse, checks: Checks) -> Report:
    """Looks at the lakehouse, and runs every check.

    Args:
        lakehouse: The tables.
        checks: Those to run.

    Returns:
        What a report shows. What needs a table that has not been built is missing from it.

    Raises:
        StediError: No table has been built, or one cannot be read.
    """
    contents = {entry.name: content for entry, content in take_inventory(lakehouse.root)}
    if not any(contents.values()):
        raise StediError(f"There is no table at {lakehouse.root} to report on.", "Run stedi run.")
    outcomes = [_outcome(table, check, lakehouse) for table in TABLES for check in checks[table]]
    images, no_pictures = _pictures(lakehouse)
    return Report(
        made=datetime.now(UTC),
        lakehouse=str(lakehouse.root),
        landing=str(lakehouse.landing),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        system=f"{platform.system()} {platform.release()} {platform.machine()}, Python {platform.python_version()}",
        packages=_packages(),
        tables=[_table(TABLES[name], contents[name], outcomes, lakehouse) for name in TABLES],
        answers=[Answer(question, _attempted(lakehouse, question.sql)) for question in QUESTIONS],
        outcomes=outcomes,
        graph=lay_out(dependencies()),
        pictures=images,
        no_pictures=no_pictures,
    )


def dependencies() -> dict[str, Sequence[str]]:
    """Returns what each table is made from: what its asset declares, and for a quarantine its source."""
    declared = {asset.name: asset.deps for asset in TABLE_ASSETS}
    quarantines = {source.quarantine: [source.name] for source in SOURCES.values()}
    return {name: {**quarantines, **declared}[name] for name in TABLES}


def _outcome(table: str, check: Check, lakehouse: Lakehouse) -> Outcome:
    try:
        findings = check.find(lakehouse)
    except StediError as error:
        return Outcome(table, check.name, check.description, "not run", {"reason": error.message})
    if check.passes(findings):
        return Outcome(table, check.name, check.description, "passed", findings)
    return Outcome(table, check.name, check.description, "failed" if check.blocking else "warned", findings)


def _pictures(lakehouse: Lakehouse) -> tuple[Mapping[str, bytes], str]:
    if not pictures.can_draw():
        return {}, "They are drawn with Matplotlib: pip install 'stedi_assets[report]'."
    try:
        return pictures.pictures(lakehouse.rows), ""
    except StediError as error:
        return {}, error.message


def _packages() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _table(table: Table, content: Content | None, outcomes: Sequence[Outcome], lakehouse: Lakehouse) -> TableShown:
    query = QUERIES.get(table.name)
    lineage: Lineage = {}
    if query:
        inputs = {name: COLUMNS[name] for name in query.tables}
        lineage = column_lineage(query, inputs, [column.name for column in table.columns])
    personal = {
        name for name, sources in lineage.items() if any(source.column.casefold() in PERSONAL for source in sources)
    }
    sample = _attempted(lakehouse, f"SELECT * FROM {table.name} LIMIT {SAMPLE_ROWS}", personal) if content else None
    expected = [
        int(outcome.findings["expected"])
        for outcome in outcomes
        if outcome.table == table.name and "expected" in outcome.findings
    ]
    return TableShown(
        table=table,
        content=content,
        expected=expected[0] if expected else None,
        sql=query.sql if query else None,
        lineage=lineage,
        sample=sample,
    )


def _attempted(lakehouse: Lakehouse, sql: str, personal: Collection[str] = ()) -> Rows | None:
    try:
        found = lakehouse.rows(sql)
    except StediError:
        return None
    return shown(found, personal)


def shown(rows: Sequence[Mapping[str, Any]], personal: Collection[str] = ()) -> Rows:
    """Writes rows as texts, without the values that name a person.

    Args:
        rows: From column name to value.
        personal: The names of columns to mask besides those of the contract's personal columns.
    """
    masked = PERSONAL | {name.casefold() for name in personal}
    columns = list(rows[0]) if rows else []
    return Rows(columns, [[_cell(row[name], is_masked=name.casefold() in masked) for name in columns] for row in rows])


def _cell(value: Any, *, is_masked: bool) -> str | None:
    if value is None:
        return None
    if is_masked or not isinstance(value, PLAIN):
        return MASK
    return f"{value:.6g}" if isinstance(value, float) else str(value)
