"""Declarative automation: conditions by which Dagster's daemon builds tables. Off by default."""

from typing import Any

import dagster

from stedi_assets.contract import SOURCES
from stedi_assets.defs.jobs.jobs import ALL_TABLES

OBSERVED = dagster.AutomationCondition.on_cron("*/15 * * * *")
"""When a landing folder is listed. An observation of other files than those of the last one counts as a change."""

BUILT = dagster.AutomationCondition.eager()
"""When a table is built: after each change of a folder or a table that it reads, once these are up to date."""


AUTOMATION = dagster.AutomationConditionSensorDefinition(
    "automation",
    target=ALL_TABLES | dagster.AssetSelection.assets(*SOURCES),
    default_status=dagster.DefaultSensorStatus.RUNNING,
    description="Lists the landing folders every 15 minutes, and builds the tables whose inputs have changed.",
)


def automated(asset: Any) -> Any:
    """Returns an asset with the condition `BUILT`, unless it has one of its own or nothing of this process makes it."""
    if not isinstance(asset, dagster.AssetsDefinition):
        return asset
    (result,) = dagster.map_asset_specs(_with_condition, [asset])
    return result


def _with_condition(spec: dagster.AssetSpec) -> dagster.AssetSpec:
    return spec if spec.automation_condition else spec.replace_attributes(automation_condition=BUILT)
