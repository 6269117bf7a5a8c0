"""Assets that do nothing, with the names, dependencies and checks of the project's: what orchestration costs.

As in the project, one step builds a table and runs its checks, and one step builds a landing table and its quarantine.

Usage: dagster asset materialize --select '*' -f benchmarks/empty_graph.py
"""

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


STEPS = (
    {"customer_landing": EmptyTable(4, 4), "customer_quarantine": EmptyTable(0, 1)},
    {"accelerometer_landing": EmptyTable(4, 2), "accelerometer_quarantine": EmptyTable(0, 1)},
    {"step_trainer_landing": EmptyTable(4, 2), "step_trainer_quarantine": EmptyTable(0, 1)},
    {"customer_trusted": EmptyTable(4, 0, ("customer_landing",))},
    {"accelerometer_trusted": EmptyTable(3, 0, ("accelerometer_landing", "customer_trusted"))},
    {"customer_curated": EmptyTable(3, 0, ("customer_trusted", "accelerometer_trusted"))},
    {"step_trainer_trusted": EmptyTable(3, 0, ("step_trainer_landing", "customer_curated"))},
    {"machine_learning_curated": EmptyTable(4, 4, ("step_trainer_trusted", "accelerometer_trusted"))},
    {
        "machine_learning_pseudonymized": EmptyTable(
            8, 1, ("customer_landing", "step_trainer_trusted", "accelerometer_trusted")
        )
    },
)
"""The tables that each step builds. The numbers of checks are the project's without expected counts: `bench_change`
stops where they differ."""


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
