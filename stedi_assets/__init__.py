"""A lakehouse of Step Trainer readings as Dagster software-defined assets.

Example:
    An asset of any code location, stored as a Delta table in a lakehouse of this package:

        import dagster
        from stedi_assets import DuckDBLakehouseIOManager, Query

        @dagster.asset(deps=["customer_trusted"])
        def customers_by_year() -> Query:
            return Query("SELECT birthDay[1:4] AS year, count(*) AS customers FROM customer_trusted GROUP BY ALL")

        defs = dagster.Definitions(
            assets=[customers_by_year],
            resources={"io_manager": DuckDBLakehouseIOManager(root="lakehouse", landing="data")},
        )

    `table_asset` declares a table of the contract, in a checkout of this package.
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
