"""Deletion of old runs from Dagster's history, which Dagster itself keeps for ever."""

from datetime import UTC, datetime, timedelta

import dagster

FINISHED = [dagster.DagsterRunStatus.SUCCESS, dagster.DagsterRunStatus.FAILURE, dagster.DagsterRunStatus.CANCELED]

OF_PARTITIONS = ("dagster/partition", "dagster/asset_partition")
"""The prefixes of the tags of runs that built partitions. Dagster knows from these runs which partitions exist."""

DELETED_AT_ONCE = 100
"""The greatest number of runs that one call deletes. The history of years takes several runs to shrink."""


def delete_old_runs(instance: dagster.DagsterInstance, days: int) -> int:
    """Deletes the oldest finished runs with their events and logs.

    A run stays that has the latest materialization or observation of an asset, or built partitions: Dagster's pages and
    its conditions read them.

    Args:
        instance: Holds the history.
        days: The age, since the run was created, up to which a run stays.

    Returns:
        How many runs were deleted, at most `DELETED_AT_ONCE`.
    """
    before = datetime.now(UTC) - timedelta(days=days)
    old = dagster.RunsFilter(statuses=FINISHED, created_before=before)
    runs = instance.get_runs(old, limit=1)
    if not runs:
        return 0
    needed = _latest_of_assets(instance)
    deleted = 0
    for record in instance.get_run_records(old, ascending=True):
        run = record.dagster_run
        if deleted == DELETED_AT_ONCE:
            break
        if run.run_id in needed or any(tag.startswith(OF_PARTITIONS) for tag in run.tags):
            continue
        instance.compute_log_manager.delete_logs(prefix=[run.run_id])
        instance.delete_run(run.run_id)
        deleted += 1
    return deleted


def _latest_of_assets(instance: dagster.DagsterInstance) -> set[str]:
    """Returns the IDs of the runs with the latest materialization or observation of an asset."""
    found = set()
    for asset in instance.get_asset_keys():
        materialized = instance.fetch_materializations(asset, limit=1).records
        observed = instance.fetch_observations(asset, limit=1).records
        found |= {record.run_id for record in (*materialized, *observed)}
    return found
