"""The arguments of a table that a catalog registers, without its files."""

import json
from typing import Any

from deltalake import Schema

from stedi_assets.engines.engine import Written
from stedi_assets.storage.location import Location

FOLDER = Location.parse("s3://bucket/lakehouse/assets/mine")


def written_with(column: str, delta_type: Any, **metadata: str) -> Written:
    field = {"name": column, "type": delta_type, "nullable": True, "metadata": metadata}
    return Written(Schema.from_json(json.dumps({"type": "struct", "fields": [field]})), [])
