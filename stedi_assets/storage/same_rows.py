"""Finds versions of a Delta table that have the same rows: the commits between them change none."""

from collections.abc import Mapping
from typing import Any

from stedi_assets.storage.location import Location
from stedi_assets.storage.log import commit_info

SAME_ROWS_KEY = "stedi.same_rows"
"""The key of the metadata of a commit that joins files: its version has the rows of the version before."""

COMMITS_WITHOUT_ROWS = frozenset({"VACUUM START", "VACUUM END", "OPTIMIZE", "SET TBLPROPERTIES"})
"""Operations that leave a table's rows as they are."""


def keeps_rows(commit: Mapping[str, Any]) -> bool:
    """Whether a commit leaves the rows of a table as they are, by its metadata."""
    return commit.get("operation") in COMMITS_WITHOUT_ROWS or SAME_ROWS_KEY in commit


def changed_at(table: Location, version: int) -> int:
    """Returns the newest version up to a given one whose commit changed rows.

    Args:
        table: The table's folder.
        version: The version.

    Raises:
        StediError: The store refuses.
    """
    while version > 0 and keeps_rows(commit_info(table, version)):
        version -= 1
    return version


def unchanged_until(table: Location, version: int) -> int:
    """Returns the newest version that has the rows of a given one, with no other version in between.

    Args:
        table: The table's folder.
        version: The version.

    Raises:
        StediError: The store refuses.
    """
    while keeps_rows(commit_info(table, version + 1)):
        version += 1
    return version
