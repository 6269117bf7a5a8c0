"""Assets: one function a table, its SELECT in its body.

A new module of this folder is found without an entry anywhere else: its tables by `table_asset`, and any asset of
Dagster's own.
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
"""Every table's asset, in the order of the contract, in which each can be built after those before it."""

QUERIES = {asset.name: asset.query for asset in TABLE_ASSETS}
"""From each table with an asset to its query, in the same order."""
