"""Folders for temporary files that hold raw records. The next process removes the folder of a killed one.

A process holds a lock on its folder. The kernel releases the lock when the process ends, however it ends.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from stedi_assets.errors import StediError

PREFIX = "stedi-work-"


def claim_work_folder(parent: str | None = None) -> tuple[Path, int]:
    """Creates a folder for this process, and removes the folders of dead processes.

    Args:
        parent: The folder to create it in; by default the system's temporary folder.

    Returns:
        The folder, readable by the owner alone, and the file descriptor that holds its lock.

    Raises:
        StediError: The folder cannot be created.
    """
    sweep(parent)
    while True:
        folder = _made(parent)
        # Another process that sweeps may remove the folder before it is opened, or before it is locked.
        with suppress(FileNotFoundError):
            lock = os.open(folder, os.O_RDONLY)
            fcntl.flock(lock, fcntl.LOCK_EX)
            if folder.exists():
                return folder, lock
            os.close(lock)


def _made(parent: str | None) -> Path:
    try:
        return Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    except OSError as error:
        raise StediError(
            f"A folder for temporary files cannot be made in {parent or tempfile.gettempdir()}: {error.strerror}.",
            "Check its permissions and its free space, or name another folder by TMPDIR or STEDI_DUCKDB_SPILL_FOLDER.",
        ) from None


@contextmanager
def work_folder(parent: str | None = None) -> Iterator[Path]:
    """Yields a folder for temporary files, and removes it at the end of the block.

    Args:
        parent: The folder to create it in; by default the system's temporary folder.

    Raises:
        StediError: The folder cannot be created.
    """
    folder, lock = claim_work_folder(parent)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def sweep(parent: str | None = None) -> None:
    """Removes the folders of dead processes.

    Args:
        parent: The folder that holds them; by default the system's temporary folder.
    """
    for folder in Path(parent or tempfile.gettempdir()).glob(f"{PREFIX}*"):
        # The folder may be another user's, or another process may be removing it.
        with suppress(OSError):
            _remove_if_dead(folder)


def _remove_if_dead(folder: Path) -> None:
    lock = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(lock).st_uid == os.getuid():
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(lock)
