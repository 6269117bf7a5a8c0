"""The assets: one function per table, which returns the table's SELECT.

Each module of this folder is loaded, without an entry elsewhere. It may declare tables with `table_asset`, and
ordinary assets of Dagster.
"""

import importlib
import pkgutil

from stedi_assets.contract import TABLES
from stedi_assets.defs.assets.table_asset import TableAsset

MODULES = tuple(importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__))

_DECLARED = {
    value.name: value for module in MODULES for value in vars(module).values() if isinstance(value, TableAsset)
}

TABLE_ASSETS = tuple(_DECLARED[name] for name in TABLES if name in _DECLARED)
"""The assets of all tables, in the order of the contract: each table comes after the tables that it reads."""

QUERIES = {asset.name: asset.query for asset in TABLE_ASSETS}
"""From each table with an asset to its query, in the same order."""
