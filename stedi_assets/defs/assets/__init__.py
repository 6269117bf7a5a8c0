"""Assets say what: one function a table, its SELECT in its body. They know nothing of Dagster, engines or locations."""

from stedi_assets.contract import TABLES
from stedi_assets.defs.assets import curated, landing, trusted
from stedi_assets.defs.assets.table_asset import TableAsset

_DECLARED = {
    value.name: value
    for module in (landing, trusted, curated)
    for value in vars(module).values()
    if isinstance(value, TableAsset)
}

TABLE_ASSETS = tuple(_DECLARED[name] for name in TABLES if name in _DECLARED)
"""Every table's asset, in the order of the contract, in which each can be built after those before it."""

QUERIES = {asset.name: asset.query for asset in TABLE_ASSETS}
"""From each table with an asset to its query, in the same order."""
