"""A lakehouse of Step Trainer readings as Dagster software-defined assets.

Example:
    An asset of your own, stored beside the tables by either I/O manager:

        from stedi_assets import Query, table_asset

        @table_asset(deps=["customer_landing"])
        def customer_trusted() -> Query:
            return Query("SELECT * FROM customer_landing WHERE …")
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stedi_assets.defs.assets.table_asset import table_asset
    from stedi_assets.defs.io_managers.duckdb import DuckDBLakehouseIOManager
    from stedi_assets.defs.io_managers.spark import SparkLakehouseIOManager
    from stedi_assets.errors import StediError
    from stedi_assets.query import Query

__all__ = ["DuckDBLakehouseIOManager", "Query", "SparkLakehouseIOManager", "StediError", "table_asset"]

_MODULES = {
    "DuckDBLakehouseIOManager": "stedi_assets.defs.io_managers.duckdb",
    "Query": "stedi_assets.query",
    "SparkLakehouseIOManager": "stedi_assets.defs.io_managers.spark",
    "StediError": "stedi_assets.errors",
    "table_asset": "stedi_assets.defs.assets.table_asset",
}


def __getattr__(name: str) -> Any:
    # Imported when first asked for: every module of the package runs this one before itself, Spark's executors have no
    # Dagster, and the I/O managers import it.
    if name in _MODULES:
        return getattr(importlib.import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
