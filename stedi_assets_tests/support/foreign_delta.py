"""Delta tables as other programs leave them, written into the log by hand: no library here writes these features."""

import base64
import json
import struct
from pathlib import Path
from typing import Any

from deltalake import DeltaTable

BASE85 = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"

Z85 = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
"""The alphabet of ZeroMQ's RFC 32, in which Delta's protocol writes a deletion vector that lies in the log."""

ROARING_TREEMAP = 1_681_511_377
"""The magic number of a deletion vector, by Delta's protocol."""

ARRAY_CONTAINERS = 12_346
"""The cookie of a 32-bit roaring bitmap without runs, by its portable format."""


def _latest(folder: Path) -> tuple[int, list[dict[str, Any]]]:
    """The version of the newest commit, and all actions of the log."""
    logs = sorted((folder / "_delta_log").glob("*.json"))
    return int(logs[-1].stem), [json.loads(line) for log in logs for line in log.read_text().splitlines()]


def _commit(folder: Path, actions: list[dict[str, Any]]) -> None:
    version, _ = _latest(folder)
    text = "".join(json.dumps(action) + "\n" for action in actions)
    (folder / "_delta_log" / f"{version + 1:020}.json").write_text(text)


def _protocol(*features: str) -> dict[str, Any]:
    named = {"readerFeatures": list(features), "writerFeatures": list(features)}
    return {"protocol": {"minReaderVersion": 3, "minWriterVersion": 7, **named}}


def require_features(folder: Path, *features: str) -> None:
    """Raises a table's protocol to one that names features of readers.

    Args:
        folder: The table's.
        features: Their names in the protocol.
    """
    _commit(folder, [_protocol(*features), {"commitInfo": {"operation": "SET TBLPROPERTIES"}}])


def map_columns(folder: Path) -> None:
    """Switches column mapping by name on, as reader version 2 has it.

    Args:
        folder: The table's.
    """
    _, actions = _latest(folder)
    metadata = next(action["metaData"] for action in reversed(actions) if "metaData" in action)
    schema = json.loads(metadata["schemaString"])
    for number, field in enumerate(schema["fields"], 1):
        field["metadata"] |= {"delta.columnMapping.id": number, "delta.columnMapping.physicalName": f"col-{number}"}
    metadata |= {"schemaString": json.dumps(schema)}
    mapped = {**metadata, "configuration": {**metadata["configuration"], "delta.columnMapping.mode": "name"}}
    protocol = {"protocol": {"minReaderVersion": 2, "minWriterVersion": 5}}
    _commit(folder, [protocol, {"metaData": mapped}, {"commitInfo": {"operation": "SET TBLPROPERTIES"}}])


def delete_first_row(folder: Path) -> None:
    """Deletes the first row of a table's first file by a deletion vector, as Databricks' and Spark's DELETE do.

    Args:
        folder: The table's.
    """
    _, actions = _latest(folder)
    current = {Path(uri).name for uri in DeltaTable(folder).file_uris()}
    added = next(action["add"] for action in actions if "add" in action and Path(action["add"]["path"]).name in current)
    bitmap = struct.pack("<IIHHIH", ARRAY_CONTAINERS, 1, 0, 0, 16, 0)
    content = struct.pack("<iQI", ROARING_TREEMAP, 1, 0) + bitmap
    padded = content + bytes(-len(content) % 4)
    vector = {
        "storageType": "i",
        "pathOrInlineDv": base64.b85encode(padded).translate(bytes.maketrans(BASE85, Z85)).decode(),
        "sizeInBytes": len(content),
        "cardinality": 1,
    }
    _commit(
        folder,
        [
            _protocol("deletionVectors"),
            {"remove": {"path": added["path"], "deletionTimestamp": 1, "dataChange": True}},
            {"add": {**added, "deletionVector": vector}},
            {"commitInfo": {"operation": "DELETE"}},
        ],
    )
