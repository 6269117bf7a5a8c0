"""The selected assets that a run materializes: those without partitions, or those with the partition of the run."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field

import dagster

from stedi_assets.cli.code_location import code_location
from stedi_assets.defs.assets import TABLE_ASSETS
from stedi_assets.defs.jobs.jobs import ALL_TABLES
from stedi_assets.errors import StediError


@dataclass(frozen=True)
class Selected:
    """The assets of a run.

    Attributes:
        keys: The assets, the tables of the contract first.
        left_out: The other assets that were selected, each with the reason as a sentence.
        tags: The tags of the run that name its partition; none without one.
    """

    keys: Sequence[dagster.AssetKey]
    left_out: Sequence[str] = ()
    tags: dict[str, str] = field(default_factory=dict)


def selected(select: str) -> Selected:
    """Returns the assets of a run without a partition. Those with partitions are left out.

    Args:
        select: The assets, in Dagster's selection syntax.

    Raises:
        StediError: The selection is malformed, or selects no asset without partitions.
    """
    found = resolved(select)
    partitioned = [_name(key) for key, definition in found.items() if definition is not None]
    left_out = [
        f"{name} has partitions and is left out. To materialize one: "
        f"stedi run --select 'key:\"{name}\"' --partition KEY"
        for name in partitioned
    ]
    keys = [key for key, definition in found.items() if definition is None]
    if not keys:
        raise StediError(
            f"Every asset that {select!r} selects has partitions: {', '.join(partitioned)}.",
            "Name one with --partition KEY.",
        )
    return Selected(keys, left_out)


def selected_with_partition(select: str, partition: str, instance: dagster.DagsterInstance) -> Selected:
    """Returns the assets of a run that materializes one partition: those of the selected ones that have it.

    A run has assets of equal partitions only.

    Args:
        select: The assets, in Dagster's selection syntax.
        partition: The key of the partition.
        instance: Has the keys of dynamic partitions.

    Raises:
        StediError: The selection is malformed, or no asset that it selects has this partition.
    """
    partitioned = {key: definition for key, definition in resolved(select).items() if definition is not None}
    having = next((each for each in partitioned.values() if _has(each, partition, instance)), None)
    if having is None:
        names = ", ".join(map(_name, partitioned))
        raise StediError(
            f"No asset that {select!r} selects has the partition {partition!r}. "
            f"{f'With partitions there are: {names}' if names else 'None of them has partitions'}.",
            "Name a partition as Dagster's page of the asset does; of several dimensions as KEY|KEY.",
        )
    keys = [key for key, each in partitioned.items() if each == having]
    left_out = [f"{_name(key)} has other partitions and is left out." for key in partitioned if key not in keys]
    return Selected(keys, left_out, {**having.get_tags_for_partition_key(partition)})


def _has(definition: dagster.PartitionsDefinition, partition: str, instance: dagster.DagsterInstance) -> bool:
    if isinstance(definition, dagster.DynamicPartitionsDefinition):
        return definition.has_partition_key(partition, dynamic_partitions_store=instance)
    return definition.has_partition_key(partition)


def resolved(select: str) -> dict[dagster.AssetKey, dagster.PartitionsDefinition | None]:
    """Returns the selected assets with their partitions, the tables of the contract first.

    Args:
        select: The assets, in Dagster's selection syntax.

    Raises:
        StediError: The selection is malformed or selects nothing.
    """
    graph = code_location().resolve_asset_graph()
    try:
        with warnings.catch_warnings():
            # Dagster warns of a beta parameter that Dagster itself passes.
            warnings.simplefilter("ignore", dagster.BetaWarning)
            found = (dagster.AssetSelection.from_string(select) & ALL_TABLES).resolve(graph)
    except dagster.DagsterError as error:
        raise StediError(
            f"The selection {select!r} cannot be resolved: {error}", "See Dagster's asset selection syntax."
        ) from None
    if not found:
        raise StediError(
            f"The selection {select!r} selects no table.",
            f"The tables are {', '.join(asset.name for asset in TABLE_ASSETS)}.",
        )
    order = [dagster.AssetKey(asset.name) for asset in TABLE_ASSETS]
    keys = sorted(found, key=lambda key: (order.index(key) if key in order else len(order), key))
    return {key: graph.get(key).partitions_def for key in keys}


def _name(key: dagster.AssetKey) -> str:
    return key.to_user_string()
