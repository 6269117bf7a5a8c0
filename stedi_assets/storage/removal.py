"""Removes a table that this program wrote, so that no reader ever takes a part of the table for all of it.

First one commit empties the table: every reader sees all of it or nothing. Then the removal deletes the data files, and
the log last, because the log says whose table it is: a removal that was interrupted finds the log and continues. The
last file to go is the newest commit of this program. While it exists, the rest of the log is an empty table or none.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from deltalake.exceptions import DeltaError

from stedi_assets.errors import ConflictError, StediError
from stedi_assets.storage import delta
from stedi_assets.storage.attempt import ATTEMPT_FILE, LEDGER_FOLDER, REJECTION_FILE
from stedi_assets.storage.listing import StoredFile
from stedi_assets.storage.location import Location
from stedi_assets.storage.vacuum import foreign_files

LOG = "_delta_log/"
COMMIT = re.compile(r"_delta_log/\d{20}\.json")
LOG_FILE = re.compile(r"_delta_log/(\.?\d{20}\.[\w.-]+|\.?_last_checkpoint(\.crc)?|_commit_[\w-]+\.json\.tmp)?")
"""The files that Delta's writers put into a log. An empty name is the log's folder itself, which may be an object."""

REMOVAL_KEY = "stedi.removal"
"""The key in the metadata of the commit that empties a table before its removal."""

SHOWN = 3
"""How many foreign files a refusal names."""


@dataclass(frozen=True)
class TableFiles:
    """The files in a table's folder.

    Attributes:
        folder: The table's folder.
        files: All files below it; the name of each is its path relative to the folder.
    """

    folder: Location
    files: Sequence[StoredFile]

    @property
    def bytes(self) -> int:
        """The total size of the files."""
        return sum(file.size for file in self.files)


def files_below(folder: Location) -> list[StoredFile]:
    """Lists all files below a folder, each named by its path relative to the folder; none where it does not exist.

    Raises:
        StediError: The folder cannot be read, or a link leads to it.
    """
    folder.refuse_links()
    return list(_on_disk(folder) if folder.is_local else _in_bucket(folder))


def why_not_ours(table: TableFiles) -> str | None:
    """Returns the reason why a folder with files must not be removed.

    Returns:
        A clause; None where the folder holds only a table that this program wrote or has begun to remove.

    Raises:
        StediError: The log cannot be read.
    """
    names = [file.name for file in table.files]
    if not any(COMMIT.fullmatch(name) for name in names):
        # The first version of a table was rejected.
        is_rejected = REJECTION_FILE in names and not foreign_files(table.folder, names)
        return None if is_rejected else "it is not a Delta table"
    # A bucket may have an object for the folder itself, whose relative name is empty.
    data = [name for name in names if name and not LOG_FILE.fullmatch(name)]
    foreign = foreign_files(table.folder, data)
    if foreign:
        more = f" and {len(foreign) - SHOWN} more" if len(foreign) > SHOWN else ""
        return f"it holds {', '.join(foreign[:SHOWN])}{more}, which this program does not write"
    return None if _newest_own_commit(table) else "no commit in its log is one of this program's"


def remove(folder: Location) -> None:
    """Removes the table in a folder. A removal that was interrupted continues.

    Raises:
        ConflictError: Another writer changed the table. Nothing is removed.
        StediError: The table is not this program's, or a file cannot be deleted.
    """
    found = TableFiles(folder, files_below(folder))
    reason = why_not_ours(found)
    if reason is not None:
        raise StediError(f"The folder {folder} is not this program's: {reason}.", "Move or remove that yourself.")
    _empty(found)
    # The commit added a file to the log, and perhaps a checkpoint.
    emptied = TableFiles(folder, files_below(folder))
    last = _newest_own_commit(emptied)
    _delete(folder, [file for file in emptied.files if not file.name.startswith(LOG)])
    _delete(folder, [file for file in emptied.files if file.name.startswith(LOG) and file != last])
    _delete(folder, [last] if last else [])
    if folder.is_local:
        _remove_empty_folders(folder.local_path)


def _empty(table: TableFiles) -> None:
    if not _commits(table):
        return
    if REMOVAL_KEY in _commit_information(table.folder, max(_commits(table), key=lambda file: file.name)):
        return
    try:
        current = delta.open_table(table.folder)
        if current is not None:
            delta.amend(current, table.folder, [], delta.data_files(current), {REMOVAL_KEY: "begun"})
    except (DeltaError, OSError, StediError) as error:
        raise _not_emptied(table.folder, error) from None


def _not_emptied(folder: Location, error: Exception) -> StediError:
    reason = str(error).splitlines()[0]
    what = f"The table at {folder} could not be emptied, and nothing of it was removed: {reason}"
    remedy = "End any other program that writes the table, and try again; or remove the folder yourself."
    if isinstance(error, ConflictError):
        return ConflictError(what, remedy, folder=error.folder, expected=error.expected, found=error.found)
    return StediError(what, remedy)


def _commits(table: TableFiles) -> list[StoredFile]:
    return [file for file in table.files if COMMIT.fullmatch(file.name)]


def _newest_own_commit(table: TableFiles) -> StoredFile | None:
    newest_first = sorted(_commits(table), key=lambda file: file.name, reverse=True)
    return next((file for file in newest_first if delta.COMMIT_KEY in _commit_information(table.folder, file)), None)


def _commit_information(folder: Location, commit: StoredFile) -> Mapping[str, Any]:
    with folder.files.open(commit) as content:
        lines = content.readall().splitlines()
    with suppress(ValueError, AttributeError):
        return {key: value for line in lines for key, value in json.loads(line).get("commitInfo", {}).items()}
    return {}


def _on_disk(folder: Location) -> Iterator[StoredFile]:
    root = folder.local_path

    def fail(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            raise StediError(f"The folder {error.filename} cannot be read: {error.strerror}.", "Make it readable.")

    for parent, folders, names in os.walk(root, onerror=fail):
        # Links to folders are not followed, but a folder that holds one is not empty.
        links = [name for name in folders if Path(parent, name).is_symlink()]
        for path in sorted(Path(parent, name) for name in [*names, *links]):
            status = path.lstat()
            yield StoredFile(str(path), path.relative_to(root).as_posix(), status.st_size, str(status.st_mtime_ns))


def _in_bucket(folder: Location) -> Iterator[StoredFile]:
    for file in folder.files.walk(folder.path):
        yield replace(file, name=file.path.removeprefix(f"{folder}/"))


def _delete(folder: Location, files: Sequence[StoredFile]) -> None:
    folder.files.delete_files(folder.path, [file.name for file in files])


def _remove_empty_folders(folder: Path) -> None:
    attempts = [path for path in folder.glob("part-*") if ATTEMPT_FILE.fullmatch(path.name)]
    below = [path for attempt in attempts for path in attempt.rglob("*") if path.is_dir()]
    for path in [*sorted(below, reverse=True), *attempts, folder / LEDGER_FOLDER, folder / LOG, folder]:
        with suppress(OSError):
            path.rmdir()
