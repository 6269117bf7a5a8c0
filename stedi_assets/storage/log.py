"""The files of a Delta table's log, and the metadata of its commits."""

import json
from collections.abc import Mapping
from typing import Any

from stedi_assets.storage.listing import StoredFile
from stedi_assets.storage.location import Location

LOG_FOLDER = "_delta_log"


def log_files(table: Location) -> list[StoredFile]:
    """Returns the files of a table's log, in no order.

    Args:
        table: The table's folder.

    Raises:
        StediError: The folder cannot be read.
    """
    return list(table.files.walk(f"{table}/{LOG_FOLDER}"))


def commit_info(table: Location, version: int) -> Mapping[str, Any]:
    """Returns the metadata of a commit; nothing where the log no longer has it, or not yet.

    Args:
        table: The table's folder.
        version: The version that the commit made.

    Raises:
        StediError: The file cannot be read.
    """
    # deltalake's history gives the commits of the newest version, whatever version the table is opened at.
    content = table.files.read(f"{table}/{LOG_FOLDER}/{version:020}.json")
    actions = map(json.loads, (content or b"").splitlines())
    return next((action["commitInfo"] for action in actions if "commitInfo" in action), {})
