"""The results of checks, as the table and the JSON of `stedi check`."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from stedi_assets.console.screen import printable_text
from stedi_assets.lakehouse.check import CheckResult

Results = Mapping[str, Sequence[CheckResult]]
"""From a table's name to the results of its checks."""


def results_table(results: Results) -> Table:
    """Returns the results of checks as a table for people.

    Args:
        results: The results.
    """
    table = Table("table", "check", "result", "found", "what to do")
    for name, each in results.items():
        for result in each:
            remedy = "" if result.passed else result.check.what_to_do
            table.add_row(name, result.check.name, result.status, printable_text(_found(result)), remedy)
    return table


def _found(result: CheckResult) -> str:
    return ", ".join(f"{name} {value}" for name, value in result.findings.items() if value != "")


def results_json(results: Results) -> list[dict[str, Any]]:
    """Returns the results of checks as the array that `stedi check --json` prints.

    Args:
        results: The results.
    """
    return [
        {
            "table": name,
            "check": result.check.name,
            "result": result.status,
            "blocking": not result.check.warns(result.findings),
            "found": dict(result.findings),
        }
        for name, each in results.items()
        for result in each
    ]
