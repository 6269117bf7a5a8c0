"""Deletion of the files in a table's folder that no version needs, and the recognition of files of other programs."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import PurePath
from urllib.parse import unquote

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from stedi_assets.storage import delta
from stedi_assets.storage.attempt import ATTEMPT_FILE, NOTES
from stedi_assets.storage.files import INCOMPLETE_PREFIX
from stedi_assets.storage.location import Location
from stedi_assets.storage.rejection import REJECTION_FILE, discard_rejection, read_rejection


def foreign_files(table: Location, names: Sequence[str]) -> list[str]:
    """Returns the files in a table's folder that no version of the table names and no attempt wrote.

    Args:
        table: The table's folder.
        names: Paths of files relative to the folder.

    Raises:
        StediError: A bucket refuses.
    """
    unknown = [name for name in names if name not in NOTES and not _is_of_an_attempt(name)]
    # Another program's data files can have any name, and only the whole log tells which they are. Few tables have some.
    named = _files_named_in_log(table) if unknown else frozenset()
    return [name for name in unknown if name not in named]


def _is_of_an_attempt(name: str) -> bool:
    # A run that is killed while it writes a note leaves an incomplete one.
    return bool(ATTEMPT_FILE.fullmatch(name)) or name.startswith(INCOMPLETE_PREFIX)


def _files_named_in_log(table: Location) -> frozenset[str]:
    """Returns the data files of every version in the log and their checksum files; nothing for an unreadable log."""
    with suppress(DeltaError, OSError), delta.refusals_explained(table):
        opened = DeltaTable(table.path, storage_options=table.delta_options)
        current = opened.get_add_actions().column("path").to_pylist()
        replaced = opened.vacuum(0, dry_run=True, enforce_retention_duration=False)
        paths = [PurePath(name) for name in (*map(unquote, current), *replaced)]
        return frozenset(
            name for path in paths for name in (path.as_posix(), path.with_name(f".{path.name}.crc").as_posix())
        )
    return frozenset()


def vacuum(table: Location, retention: timedelta, *, dry_run: bool = False) -> Sequence[str]:
    """Deletes the files of versions older than a retention, of attempts that failed, and of a rejected version.

    Files that neither a version names nor an attempt wrote stay.

    Args:
        table: The table's folder.
        retention: Versions up to this age stay readable. A retention of 0 would delete the staged files of a run that
            is writing the table.
        dry_run: Whether to delete nothing.

    Returns:
        The paths of the deleted files, relative to the table's folder; none where there is no table.

    Raises:
        StediError: A file cannot be deleted.
    """
    rejection = read_rejection(table)
    rejected = [REJECTION_FILE, *rejection.staged] if rejection else []
    if not dry_run:
        discard_rejection(table)
    current = delta.open_table(table)
    if current is None:
        return rejected
    hours = int(retention / timedelta(hours=1))
    try:
        unneeded = current.vacuum(hours, dry_run=True, enforce_retention_duration=False, full=True)
    except (DeltaError, OSError) as error:
        raise delta.failure(table, error) from None
    # deltalake itself would also delete files that a person keeps in the folder.
    foreign = set(foreign_files(table, unneeded))
    own = [name for name in unneeded if name not in foreign and name not in NOTES]
    if not dry_run:
        table.files.delete_files(table.path, own)
    return list(dict.fromkeys([*rejected, *own]))
