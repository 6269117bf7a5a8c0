"""Assets say what: one function a table, its SELECT in its body. They know nothing of Dagster, engines or locations."""

from stedi_assets.assets import curated, landing, trusted
from stedi_assets.assets.table_asset import TableAsset

TABLE_ASSETS: tuple[TableAsset, ...] = (
    landing.customer_landing,
    landing.accelerometer_landing,
    landing.step_trainer_landing,
    trusted.customer_trusted,
    trusted.accelerometer_trusted,
    curated.customer_curated,
    trusted.step_trainer_trusted,
    curated.machine_learning_curated,
)
"""Every table's asset, in an order in which each can be built after those before it."""
