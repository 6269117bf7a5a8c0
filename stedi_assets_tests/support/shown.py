"""What the materializations of a run show."""

from collections.abc import Mapping
from typing import Any

import dagster

Metadata = Mapping[str, Any]

PERSONAL_VALUES = ("example.com", "serial-", "Example", "206555", "1980-02")


def metadata_by_asset(result: dagster.ExecuteInProcessResult) -> dict[str, Metadata]:
    """What each materialization of a run shows, without Dagster's wrapping."""
    return {
        event.asset_key.to_user_string(): {name: value.value for name, value in event.materialization.metadata.items()}
        for event in result.get_asset_materialization_events()
        if event.asset_key
    }
