"""The partitions that Dagster asks an I/O manager to store or to load."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dagster

from stedi_assets.errors import StediError

if TYPE_CHECKING:
    from stedi_assets.lakehouse.partitions import Dimension, Partitions

PARTITION_EXPR = "partition_expr"
"""The metadata of an asset that names the column of its partitions, as other I/O managers of Dagster call it. With
several dimensions it is a mapping from each dimension to its column."""


def asked_partitions(context: dagster.OutputContext | dagster.InputContext) -> Partitions | None:
    """Returns the partitions that an output stores or an input loads; None if the asset has no partitions.

    Raises:
        StediError: The metadata of the asset does not name the columns of its partitions.
    """
    if not context.has_asset_partitions:
        return None
    # Imported here: a process that only loads the definitions opens no table.
    from stedi_assets.lakehouse.partitions import Partitions  # noqa: PLC0415

    definition = context.asset_partitions_def
    output = context if isinstance(context, dagster.OutputContext) else context.upstream_output
    expression = ((output.definition_metadata if output else None) or {}).get(PARTITION_EXPR)
    asset, keys = context.asset_key.to_user_string(), context.asset_partition_keys
    if not isinstance(definition, dagster.MultiPartitionsDefinition):
        column = _column(asset, expression, '"COLUMN"')
        return Partitions([_dimension(column, definition, keys)], frozenset((key,) for key in keys))
    names = [each.name for each in definition.partitions_defs]
    columns = expression if isinstance(expression, Mapping) else {}
    wanted = "{" + ", ".join(f'"{name}": "COLUMN"' for name in names) + "}"
    split = [definition.get_partition_key_from_str(key).keys_by_dimension for key in keys]
    dimensions = [
        _dimension(
            _column(asset, columns.get(each.name), wanted),
            each.partitions_def,
            sorted({key[each.name] for key in split}),
        )
        for each in definition.partitions_defs
    ]
    return Partitions(dimensions, frozenset(tuple(key[name] for name in names) for key in split))


def _column(asset: str, expression: Any, wanted: str) -> str:
    if not isinstance(expression, str):
        raise StediError(
            f"The asset {asset} has partitions, but its metadata does not say in which column they are.",
            f'Give the asset metadata={{"{PARTITION_EXPR}": {wanted}}}.',
        )
    return expression


def _dimension(column: str, definition: dagster.PartitionsDefinition, keys: Sequence[str]) -> Dimension:
    from stedi_assets.lakehouse.partitions import Dimension, Window  # noqa: PLC0415

    if not isinstance(definition, dagster.TimeWindowPartitionsDefinition):
        return Dimension(column)
    windows = ((key, definition.time_window_for_partition_key(key)) for key in keys)
    return Dimension(column, {key: Window(window.start, window.end) for key, window in windows})
