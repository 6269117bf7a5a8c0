"""The plans of a run that has not begun: it reads the logs of the tables and lists the landing folders."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from stedi_assets.contract import SOURCES
from stedi_assets.lakehouse.landing import plan_landing
from stedi_assets.lakehouse.plan import Plan, built_from, plan_table
from stedi_assets.lakehouse.state import read_state

if TYPE_CHECKING:
    from stedi_assets.lakehouse.lakehouse import Lakehouse
    from stedi_assets.query import Query


def forecast(
    lakehouse: Lakehouse, queries: Mapping[str, Query], selected: Collection[str], *, full_refresh: bool
) -> dict[str, Plan]:
    """Returns the plans of a run that starts now, and changes nothing.

    A table whose inputs are about to change may turn out to be unchanged, as only its rows tell.

    Args:
        lakehouse: The tables and the raw files.
        queries: From each table to its query, inputs before the tables that read them.
        selected: The names of the tables to run.
        full_refresh: Whether the run computes all of each table.

    Returns:
        From the name of each selected table with a query to its plan, in the order of the queries.

    Raises:
        StediError: A table or a landing folder cannot be read.
    """
    sources = {source.landing: source for source in SOURCES.values()}
    plans: dict[str, Plan] = {}
    for name, query in queries.items():
        if name not in selected:
            continue
        upcoming = {each for each, plan in plans.items() if plan.kind != "nothing"}
        if name in sources:
            source = sources[name]
            tables = lakehouse.find(name), lakehouse.find(source.quarantine)
            plans[name] = plan_landing(
                source,
                query,
                lakehouse.landing,
                lakehouse.folder(name),
                *tables,
                full_refresh=full_refresh,
                keeps_gone=lakehouse.keeps_gone_files,
            ).plan
        else:
            plans[name] = _plan(lakehouse, name, query, upcoming, full_refresh=full_refresh)
    return plans


def _plan(lakehouse: Lakehouse, name: str, query: Query, upcoming: Collection[str], *, full_refresh: bool) -> Plan:
    if lakehouse.find(name) is None:
        return Plan("all", "the table does not exist")
    missing = [each for each in sorted(query.tables) if lakehouse.find(each) is None]
    if missing:
        return Plan("all", f"{' and '.join(missing)} did not exist")
    state = read_state(lakehouse, name)
    now = built_from(lakehouse, name, query)
    return plan_table(
        lakehouse, name, now, state.built_from if state else None, upcoming=upcoming, full_refresh=full_refresh
    )
