"""Assets of other people's with partitions, in a code location of their own beside this project's."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import dagster
import pandas as pd

from stedi_assets_tests.support.projects import Project

DAYS = dagster.DailyPartitionsDefinition("2024-01-01", end_date="2024-01-06")
REGIONS = dagster.StaticPartitionsDefinition(["north", "o'south \\ ü", "west"])
DAYS_AND_REGIONS = dagster.MultiPartitionsDefinition({"day": DAYS, "region": REGIONS})

Returned = Callable[[Sequence[str]], Any]
"""Makes what an asset returns for the keys of the partitions that a run asks for."""


def a_row_each(keys: Sequence[str]) -> pd.DataFrame:
    """A row for each partition, whose day is text."""
    return pd.DataFrame({"day": keys, "n": range(len(keys))})


def asset_of(
    returned: Returned,
    partitions: dagster.PartitionsDefinition = DAYS,
    partition_expr: str | Mapping[str, str] | None = "day",
) -> dagster.AssetsDefinition:
    """The asset `mine`, which returns what a function makes for the partitions of the run."""

    @dagster.asset(
        name="mine",
        partitions_def=partitions,
        metadata={} if partition_expr is None else {"partition_expr": partition_expr},
        backfill_policy=dagster.BackfillPolicy.single_run(),
    )
    def mine(context: dagster.AssetExecutionContext) -> Any:
        return returned(context.partition_keys)

    return mine


def materialize(
    project: Project,
    *assets: dagster.AssetsDefinition,
    beside: Sequence[dagster.AssetsDefinition] = (),
    partition: str | None = None,
    partitions: tuple[str, str] | None = None,
) -> dagster.ExecuteInProcessResult:
    """Materializes assets with the project's I/O manager.

    Args:
        project: Has the I/O manager.
        assets: The assets to materialize.
        beside: Assets that are loaded and not materialized.
        partition: The key of one partition.
        partitions: The first and the last key of a backfill in a single run.
    """
    first, last = partitions or ("", "")
    tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
    return dagster.materialize(
        [*assets, *beside],
        resources=project.definitions().resources,
        selection=[*assets],
        partition_key=partition,
        tags=tags if partitions else None,
        raise_on_error=False,
    )
