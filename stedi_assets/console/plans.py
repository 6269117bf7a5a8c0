"""The plans of a run, as the table and the JSON of `stedi run --plan`."""

from collections.abc import Mapping

from rich.table import Table

from stedi_assets.lakehouse.plan import Plan


def plan_rows(plans: Mapping[str, Plan]) -> Table:
    """Returns the plans of a run as a table for people.

    Args:
        plans: From a table's name to its plan.
    """
    table = Table("table", "plan", "why")
    for name, plan in plans.items():
        table.add_row(name, plan.kind, plan.reason)
    return table


def plan_json(plans: Mapping[str, Plan]) -> list[dict[str, str]]:
    """Returns the plans of a run as the array that `stedi run --plan --json` prints.

    Args:
        plans: From a table's name to its plan.
    """
    return [{"table": name, "plan": plan.kind, "reason": plan.reason} for name, plan in plans.items()]
