"""The assets: one function per table, which returns the table's SELECT. The contract alone declares landing tables.

Each module of this folder is loaded, without an entry elsewhere. It may declare tables with `table_asset`, and
ordinary assets of Dagster.
"""

import importlib
import pkgutil

from stedi_assets.contract import CUSTOMERS, SOURCES, TABLES
from stedi_assets.defs.assets.landing import LANDING_ASSETS
from stedi_assets.defs.assets.table_asset import TableAsset
from stedi_assets.defs.contradictions import refuse_contradictions
from stedi_assets.errors import StediError

MODULES = tuple(importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__))


def _declared() -> dict[str, TableAsset]:
    """Returns the declared assets by name.

    Raises:
        StediError: The contract contradicts itself, two functions declare one table, or no function declares a table
            of the contract.
    """
    refuse_contradictions(SOURCES, TABLES, CUSTOMERS)
    declared = {asset.name: asset for asset in LANDING_ASSETS}
    for asset in (value for module in MODULES for value in vars(module).values() if isinstance(value, TableAsset)):
        other = declared.setdefault(asset.name, asset)
        if other is not asset:
            raise StediError(
                f"{asset.name} is declared in {other.function.__module__} and in {asset.function.__module__}.",
                "Remove one of the two functions.",
            )
    filled_by_readers = {source.quarantine for source in SOURCES.values()}
    for name in TABLES.keys() - filled_by_readers - declared.keys():
        raise StediError(
            f"{name} is a table of the contract, and no module of stedi_assets/defs/assets declares it.",
            f"Write a function {name} with @table_asset(deps=[…]), or remove the table from stedi_assets/contract.py.",
        )
    return {name: declared[name] for name in TABLES if name in declared}


TABLE_ASSETS = tuple(_declared().values())
"""The assets of all tables, in the order of the contract: each table comes after the tables that it reads."""

QUERIES = {asset.name: asset.query for asset in TABLE_ASSETS}
"""From each table with an asset to its query, in the same order."""
