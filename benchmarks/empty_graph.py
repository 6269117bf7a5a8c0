r"""Assets that do nothing, with the names, dependencies and checks of the project's: what orchestration costs.

As in the project, one step builds a table and runs its checks, and one step builds a landing table and its quarantine.

Usage: EMPTY_GRAPH=$(python -c 'from benchmarks.graph import described; print(described())') \
    dagster asset materialize --select '*' -f benchmarks/empty_graph.py
"""

import json
import os
from collections.abc import Iterator
from typing import Any, NamedTuple

import dagster as dg


class EmptyTable(NamedTuple):
    """A table that is not stored.

    Attributes:
        blocking: The number of checks that stop what is downstream.
        warnings: The number of other checks.
        dependencies: The names of the tables upstream.
    """

    blocking: int
    warnings: int
    dependencies: tuple[str, ...] = ()


STEPS = [
    {name: EmptyTable(blocking, warnings, tuple(upstream)) for name, (blocking, warnings, upstream) in step.items()}
    for step in json.loads(os.environ["EMPTY_GRAPH"])
]
"""The tables that each step builds, as `graph.py` describes those of the project."""


def empty_step(tables: dict[str, EmptyTable]) -> dg.AssetsDefinition:
    """Make a step that stores nothing, with checks that always pass."""

    @dg.multi_asset(
        name=next(iter(tables)),
        specs=[dg.AssetSpec(name, deps=table.dependencies, skippable=True) for name, table in tables.items()],
        check_specs=[check for name, table in tables.items() for check in passing_checks(name, table)],
        can_subset=True,
    )
    def store_nothing(context: dg.AssetExecutionContext) -> Iterator[Any]:
        for name, table in tables.items():
            yield dg.MaterializeResult(asset_key=name)
            for check in passing_checks(name, table):
                yield dg.AssetCheckResult(asset_key=name, check_name=check.name, passed=True)

    return store_nothing


def passing_checks(name: str, table: EmptyTable) -> list[dg.AssetCheckSpec]:
    """Give the checks of a table."""
    return [
        dg.AssetCheckSpec(f"passes_{number}", asset=name, blocking=number < table.blocking)
        for number in range(table.blocking + table.warnings)
    ]


definitions = dg.Definitions(assets=[empty_step(tables) for tables in STEPS], executor=dg.in_process_executor)
