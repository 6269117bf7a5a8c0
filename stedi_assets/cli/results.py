"""The results of a run: the table, the verdict and the JSON of `stedi run`."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster
from rich.console import Console
from rich.table import Table
from rich.text import Text

from stedi_assets.defs.io_managers.metadata import ALL

PASSED, WARNED, FAILED = "passed", "warned", "failed"
STYLES = {FAILED: "red", WARNED: "yellow", PASSED: "green"}
"""From the worst status of a table's checks to the colour of their numbers."""

OF_A_STORED_TABLE = frozenset({"dagster/row_count", "dagster/uri", "path"})
"""The metadata of which an I/O manager records some with what it has stored. An asset that returned None has none."""


@dataclass
class TableResult:
    """What a run did with one table.

    Attributes:
        name: The asset's key.
        metadata: That of its materialization, from name to value; None where the run published no version.
        checks: From the name of each check that ran to its status.
        expected: The expected rows; None where they are not known.
    """

    name: str
    metadata: Mapping[str, Any] | None = None
    checks: dict[str, str] = field(default_factory=dict)
    expected: int | None = None

    def take(self, check: dagster.AssetCheckEvaluation) -> None:
        """Takes the result of a check."""
        self.checks[check.check_name] = status_of(check)
        if "expected" in check.metadata:
            self.expected = int(str(check.metadata["expected"].value))

    def publish(self, materialization: dagster.AssetMaterialization) -> None:
        """Takes the published version."""
        self.metadata = {name: value.value for name, value in materialization.metadata.items()}

    @property
    def statuses(self) -> Counter[str]:
        """The number of checks by status."""
        return Counter(self.checks.values())

    @property
    def state(self) -> str:
        """What became of the table: published, nothing stored, rejected by a blocking check, or not built."""
        if self.metadata is not None:
            return "published" if OF_A_STORED_TABLE & self.metadata.keys() else "nothing stored"
        return "rejected" if self.statuses[FAILED] else "not built"

    @property
    def is_changed(self) -> bool:
        """Whether the table has a new version. A table of other people's has one after each run."""
        if self.metadata is None or self.state != "published":
            return False
        return "plan" not in self.metadata or bool(self.metadata["rows_added"] or self.metadata["rows_removed"])

    @property
    def rows(self) -> str:
        """The number of rows, or why there is no new version."""
        if self.metadata is None or self.state != "published":
            return self.state
        return f"{self.metadata['dagster/row_count']:,}" if "dagster/row_count" in self.metadata else ""

    @property
    def change(self) -> str:
        """By how many rows the table changed, such as +3 -1."""
        if self.metadata is None or "plan" not in self.metadata:
            return ""
        added, removed = self.metadata["rows_added"], self.metadata["rows_removed"]
        return f"+{added:,} -{removed:,}" if self.is_changed else "unchanged"

    @property
    def seconds(self) -> str:
        """How long the table took."""
        return f"{self.metadata['seconds'][ALL]:.2f}" if self.metadata and "seconds" in self.metadata else ""

    @property
    def plan(self) -> str:
        """How much of the table was to be computed, and why."""
        return str(self.metadata.get("plan", "")) if self.metadata else ""

    @property
    def checked(self) -> Text:
        """The number of checks by status, in a colour."""
        statuses = self.statuses
        words = ", ".join(f"{statuses[each]} {each}" for each in (PASSED, WARNED, FAILED) if statuses[each])
        return Text(words, next((style for status, style in STYLES.items() if statuses[status]), ""))

    def to_json(self) -> dict[str, Any]:
        """Returns all of it as JSON has it. The path is that of the table's folder."""
        metadata = self.metadata or {}
        named = {name: metadata.get(name) for name in ("rows_added", "rows_removed", "plan", "path")}
        return {
            "table": self.name,
            "state": self.state,
            "rows": metadata.get("dagster/row_count"),
            "expected": self.expected,
            **named,
            "seconds": metadata.get("seconds", {}).get(ALL),
            "checks": self.checks,
        }


COLUMNS: Mapping[str, str] = {
    "table": "name",
    "rows": "rows",
    "change": "change",
    "checks": "checked",
    "seconds": "seconds",
    "expected": "expected",
    "plan": "plan",
}
"""From a column's heading to the attribute of `TableResult`, the most important first."""

UNLIMITED = 100_000
"""A width in characters that no table reaches."""

RIGHT = frozenset({"rows", "seconds", "expected"})
"""The columns of numbers."""


def status_of(check: dagster.AssetCheckEvaluation) -> str:
    """Returns the status of a check: passed, warned, or failed if it blocks."""
    if check.passed:
        return PASSED
    return FAILED if check.severity == dagster.AssetCheckSeverity.ERROR else WARNED


def results(events: Iterable[dagster.DagsterEvent], names: Sequence[str]) -> list[TableResult]:
    """Returns the results of tables.

    Args:
        events: The events of the run.
        names: The keys of the assets, in the order of the results.
    """
    found = {name: TableResult(name) for name in names}
    for event in events:
        if event.event_type is dagster.DagsterEventType.ASSET_MATERIALIZATION:
            materialization = event.step_materialization_data.materialization
            found[materialization.asset_key.to_user_string()].publish(materialization)
        elif event.event_type is dagster.DagsterEventType.ASSET_CHECK_EVALUATION:
            check = event.asset_check_evaluation_data
            found[check.asset_key.to_user_string()].take(check)
    return list(found.values())


def table_of(results: Sequence[TableResult], title: str, console: Console) -> Table:
    """Returns the results as a table that fits a console: the last columns are left out where it is narrow.

    Args:
        results: The results.
        title: Stands above the table.
        console: Where it will be printed. A name is never cut, whatever its width.
    """
    unlimited = console.options.update(width=UNLIMITED)
    for count in range(len(COLUMNS), 1, -1):
        table = _table(results, list(COLUMNS)[:count], title)
        if console.measure(table, options=unlimited).maximum <= console.width:
            return table
    return _table(results, list(COLUMNS)[:1], title)


def _table(results: Sequence[TableResult], headings: Sequence[str], title: str) -> Table:
    table = Table(title=title, title_justify="left")
    for heading in headings:
        table.add_column(heading, justify="right" if heading in RIGHT else "left", no_wrap=True)
    for result in results:
        table.add_row(*(_cell(getattr(result, COLUMNS[heading])) for heading in headings))
    return table


def _cell(value: Any) -> Text:
    if isinstance(value, Text):
        return value
    return Text("" if value is None else f"{value:,}" if isinstance(value, int) else str(value))


def verdict(results: Sequence[TableResult], *, success: bool) -> Text:
    """Returns the outcome of a run in one line.

    Args:
        results: The results.
        success: Whether every table was built, and every blocking check passed.
    """
    statuses = sum((result.statuses for result in results), Counter[str]())
    warned = f", {_counted(statuses[WARNED], 'warning')}" if statuses[WARNED] else ""
    if success:
        changed = sum(result.is_changed for result in results)
        counts = f"{changed} changed, {len(results) - changed} unchanged"
        style = STYLES[WARNED] if warned else STYLES[PASSED]
        return Text(
            f"{_counted(len(results), 'table')}: {counts}, {_counted(statuses[PASSED], 'check')} passed{warned}", style
        )
    kept = [result for result in results if result.metadata is None]
    failed = f"{_counted(statuses[FAILED], 'check')}, " if statuses[FAILED] else ""
    stay = "; each stays at its last version" if kept else ""
    return Text(f"FAILED: {failed}{_counted(len(kept), 'table')} not built{stay}{warned}", STYLES[FAILED])


def _counted(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"
