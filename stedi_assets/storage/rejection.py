"""The rejected version of a table: staged files whose audit failed, kept until the next success for people to look at.

A small file in the table's folder names the data files that the version would have had. A table has at most one
rejected version. Its rows are as personal as the table's.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from deltalake import Schema

from stedi_assets.storage.attempt import REJECTION_FILE
from stedi_assets.storage.location import Location


@dataclass(frozen=True)
class Rejection:
    """A version of a table that was not published.

    Attributes:
        run_id: The run that computed it.
        at: When, in milliseconds since 1970.
        checks: The names of the blocking checks that failed.
        kept: The published files that it would have kept, relative to the table's folder.
        staged: The files that it would have added, relative to the table's folder. No version has them.
        schema_json: Its columns, in Delta's JSON.
    """

    run_id: str
    at: int
    checks: Sequence[str]
    kept: Sequence[str]
    staged: Sequence[str]
    schema_json: str

    @property
    def schema(self) -> Schema:
        """Its columns."""
        return Schema.from_json(self.schema_json)


def write_rejection(table: Location, rejection: Rejection) -> None:
    """Keeps a rejected version in place of an earlier one.

    Args:
        table: The table's folder, which holds the files.
        rejection: The version.

    Raises:
        StediError: The store refuses.
    """
    discard_rejection(table)
    table.files.write(f"{table}/{REJECTION_FILE}", json.dumps(asdict(rejection)).encode())


def read_rejection(table: Location) -> Rejection | None:
    """Returns the rejected version of a table; None where there is none.

    Raises:
        StediError: The store refuses.
    """
    content = table.files.read(f"{table}/{REJECTION_FILE}")
    return None if content is None else Rejection(**json.loads(content))


def discard_rejection(table: Location) -> None:
    """Deletes the rejected version of a table, if there is one.

    Raises:
        StediError: A file cannot be deleted.
    """
    rejection = read_rejection(table)
    if rejection is not None:
        # First the file that names the others: whoever asks for the rejected version then learns that there is none.
        table.files.delete_files(table.path, [REJECTION_FILE, *rejection.staged])
