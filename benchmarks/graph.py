"""Describes the project's graph for `empty_graph.py`, which imports nothing of the project."""

import json
from collections import Counter
from functools import cache

from stedi_assets.contract import SOURCES, TABLES

EMPTY_GRAPH = "EMPTY_GRAPH"
"""The environment variable by which the empty graph gets its description."""


@cache
def described() -> str:
    """Describe the steps of the project, each with its tables, as JSON.

    Returns:
        An array with an object for each step: from the name of each table that the step builds to the number of checks
        that block, the number of other checks, and the names of the tables upstream. The checks are those without
        expected counts.
    """
    # Imported here: it imports Dagster.
    from stedi_assets.defs.assets import TABLE_ASSETS
    from stedi_assets.defs.checks.tables import table_checks

    quarantines = {source.landing: [source.quarantine] for source in SOURCES.values()}
    steps = []
    for asset in TABLE_ASSETS:
        upstream = [name for name in asset.deps if name in TABLES]
        tables = {asset.name: upstream, **{name: [] for name in quarantines.get(asset.name, [])}}
        checks = {name: table_checks(TABLES[name], {}, max_quarantined=0.01) for name in tables}
        blocking = {name: Counter(check.blocking for check in each) for name, each in checks.items()}
        steps.append({name: (blocking[name][True], blocking[name][False], each) for name, each in tables.items()})
    return json.dumps(steps)
