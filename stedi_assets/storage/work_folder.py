"""Folders for temporary files that hold raw records: what a killed process leaves in one, the next process removes.

A process holds a lock on its folder, which the system lets go when the process ends, however it ends.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = "stedi-work-"


def claim_work_folder(parent: str | None = None) -> tuple[Path, int]:
    """Makes a folder of this process, and removes those of processes that are dead.

    Args:
        parent: Where; by default the system's temporary folder.

    Returns:
        The folder, for the owner's eyes alone, and the descriptor whose closing lets go of it.

    Raises:
        OSError: The folder cannot be made.
    """
    sweep(parent)
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        lock = os.open(folder, os.O_RDONLY)
        fcntl.flock(lock, fcntl.LOCK_EX)
        # Another process may have swept it between the two calls.
        if folder.exists():
            return folder, lock
        os.close(lock)


@contextmanager
def work_folder(parent: str | None = None) -> Iterator[Path]:
    """Gives a folder for temporary files, and removes it at the end.

    Args:
        parent: Where; by default the system's temporary folder.

    Yields:
        The folder.

    Raises:
        OSError: The folder cannot be made.
    """
    folder, lock = claim_work_folder(parent)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def sweep(parent: str | None = None) -> None:
    """Removes the folders of processes that are dead.

    Args:
        parent: Where they are; by default the system's temporary folder.
    """
    for folder in Path(parent or tempfile.gettempdir()).glob(f"{PREFIX}*"):
        # Another user's, or one that another process sweeps.
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
