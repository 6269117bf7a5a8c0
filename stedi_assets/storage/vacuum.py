"""Deletion of the files in a table's folder that no version needs, and the recognition of files of other programs."""

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import PurePath
from typing import Any
from urllib.parse import unquote

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from stedi_assets.storage import delta
from stedi_assets.storage.attempt import ATTEMPT_FILE, LEDGER_FOLDER, LEDGER_KEY, NOTE, REJECTION_FILE
from stedi_assets.storage.files import INCOMPLETE_PREFIX
from stedi_assets.storage.location import Location
from stedi_assets.storage.log import LOG_FOLDER, commit_info, log_files
from stedi_assets.storage.rejection import discard_rejection, read_rejection
from stedi_assets.storage.same_rows import changed_at

OF_A_VERSION = re.compile(r"(\d{20}\.)?(?P<version>\d{20})\.(json|crc|checkpoint\..+|compacted\.json)")
"""Matches the names of a log's files by Delta's protocol, with the newest version that a file tells of."""

WHOLE_CHECKPOINT = ".checkpoint.parquet"
"""Ends the name of a checkpoint in one file."""


def foreign_files(table: Location, names: Sequence[str]) -> list[str]:
    """Returns the files in a table's folder that no version of the table names and no attempt wrote.

    Args:
        table: The table's folder.
        names: Paths of files relative to the folder.

    Raises:
        StediError: A bucket refuses.
    """
    unknown = [name for name in names if not (NOTE.fullmatch(name) or _is_of_an_attempt(name))]
    # Another program's data files can have any name, and only the whole log tells which they are. Few tables have some.
    named = _files_named_in_log(table) if unknown else frozenset()
    return [name for name in unknown if name not in named]


def _is_of_an_attempt(name: str) -> bool:
    # A run that is killed while it writes a note leaves an incomplete one.
    is_incomplete = name.removeprefix(f"{LEDGER_FOLDER}/").startswith(INCOMPLETE_PREFIX)
    return is_incomplete or bool(ATTEMPT_FILE.fullmatch(name))


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

    Files that neither a version names nor an attempt wrote stay. Of the log goes what lies before the newest checkpoint
    that is older than the retention, as Delta's protocol has it.

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
    own = [name for name in unneeded if name not in foreign and not NOTE.fullmatch(name)]
    own += [*_old_ledger_files(table, current, retention), *_old_log_files(table, retention)]
    if not dry_run:
        table.files.delete_files(table.path, own)
    return list(dict.fromkeys([*rejected, *own]))


def _old_ledger_files(table: Location, current: DeltaTable, retention: timedelta) -> list[str]:
    """Returns the parts of ledgers that no version within the retention names."""
    folder = f"{table}/{LEDGER_FOLDER}"
    stored = {f"{LEDGER_FOLDER}/{file.name}" for file in table.files.walk(folder)}
    if not stored:
        return []
    oldest = (datetime.now(UTC) - retention).timestamp() * 1000
    needed: set[str] = set()
    for entry in current.history():
        needed |= {f"{LEDGER_FOLDER}/{name}" for name in _ledger_parts(entry)}
        # The first version that is older was still the current one at the beginning of the retention.
        if entry["timestamp"] < oldest and LEDGER_KEY in entry:
            break
    return sorted(stored - needed)


def _old_log_files(table: Location, retention: timedelta) -> list[str]:
    """Returns the files of the log that no version within the retention needs."""
    names = {file.name: match for file in log_files(table) if (match := OF_A_VERSION.fullmatch(file.name))}
    checkpoints = sorted(
        (int(names[name]["version"]) for name in names if name.endswith(WHOLE_CHECKPOINT)), reverse=True
    )
    oldest = (datetime.now(UTC) - retention).timestamp() * 1000
    passed = (version for version in checkpoints if commit_info(table, version).get("timestamp", oldest + 1) <= oldest)
    checkpoint = next(passed, 0)
    # Its metadata says from what the rows were made: runs read it as long as the rows are current.
    needed = changed_at(table, checkpoint)
    return sorted(f"{LOG_FOLDER}/{name}" for name, match in names.items() if int(match["version"]) < needed)


def _ledger_parts(entry: Mapping[str, Any]) -> list[str]:
    parts = json.loads(entry.get(LEDGER_KEY) or "[]")
    # An earlier release kept the entries themselves in the metadata.
    return [part[0] for part in parts if isinstance(part, list)]
