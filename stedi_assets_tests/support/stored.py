"""A table of which only the log is known."""

import json
from typing import Any

from deltalake import Schema

from stedi_assets.engines.engine import Written
from stedi_assets.lakehouse.stored import Stored
from stedi_assets.storage.location import Location


def stored_with(column: str, delta_type: Any, **metadata: str) -> Stored:
    field = {"name": column, "type": delta_type, "nullable": True, "metadata": metadata}
    schema = Schema.from_json(json.dumps({"type": "struct", "fields": [field]}))
    return Stored(Location.parse("s3://bucket/lakehouse/assets/mine"), Written(schema, []), 0, 0.0)
