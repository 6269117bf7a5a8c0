"""Finds the runs of dead processes, which would otherwise stay unfinished in the history for ever.

The process of a run holds a lock on a file in the folder of the history. The kernel releases the lock when the process
ends, however it ends. A process ID would say less: a new process may have it, and a container has IDs of its own.
"""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import dagster

from stedi_assets.storage.holder import Holder

FOLDER = "stedi_runs"
"""The folder of the lock files, below the folder of the history. Each file is named after its run."""

OWNER_READS_AND_WRITES = 0o600

CONTENT_BYTES = 4096

_HELD: dict[Path, int] = {}
"""From the lock files of this process to their file descriptors."""


def hold_until_exit(instance: dagster.DagsterInstance, run_id: str) -> None:
    """Locks the file of a run until this process ends.

    Dagster records the run's end after its last step, so that only the end of the process is late enough to release the
    lock. The file stays, because the process may fail before the run's end is recorded; the next run removes it. Where
    the folder of the history cannot be written or locked, no file is kept.
    """
    path = _folder(instance) / run_id
    if path in _HELD or not instance.is_persistent:
        return
    with suppress(OSError):
        path.parent.mkdir(exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, OWNER_READS_AND_WRITES)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.pwrite(descriptor, Holder.here(f"run {run_id}").to_json(), 0)
        _HELD[path] = descriptor


def end_of_process(instance: dagster.DagsterInstance, run_id: str) -> str | None:
    """Describes the end of the process of an unfinished run, for the history.

    Returns:
        The message; None where the process lives, ran on another machine, or is not known.
    """
    with suppress(OSError), _freed(_folder(instance) / run_id) as holder:
        return _message(holder)
    return None


def mark_dead_runs(instance: dagster.DagsterInstance) -> list[str]:
    """Marks unfinished runs as failed whose processes have ended on this machine, and returns the IDs of the runs.

    Removes the lock files of all processes that have ended. Runs of other machines, and runs without a lock file, stay
    as they are.
    """
    if not instance.is_persistent:
        return []
    return [path.name for path in sorted(_folder(instance).glob("*")) if _mark(instance, path)]


def _mark(instance: dagster.DagsterInstance, path: Path) -> bool:
    # Another process may remove the file in the meantime: then that process marks the run.
    with suppress(OSError), _freed(path) as holder:
        run = instance.get_run_by_id(path.name)
        is_dead = run is not None and not run.is_finished
        if run is not None and is_dead:
            instance.report_run_failed(run, _message(holder))
        path.unlink()
        return is_dead
    return False


@contextmanager
def _freed(path: Path) -> Iterator[Holder]:
    """Locks the file of a process that has ended on this machine, and yields the process.

    Raises:
        OSError: The file does not exist, its process lives, or the process ran on another machine.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        holder = Holder.from_json(os.pread(descriptor, CONTENT_BYTES, 0))
        is_at_its_path = os.path.samestat(os.fstat(descriptor), path.lstat())
        if holder is None or holder.host != socket.gethostname() or not is_at_its_path:
            raise FileNotFoundError(path)
        yield holder
    finally:
        os.close(descriptor)


def _message(holder: Holder) -> str:
    return (
        f"The process of this run has ended before the run: process {holder.process} on {holder.host}, which started "
        f"the run at {holder.since}. It was killed, it could not write the history, or its machine went down. The "
        "tables are whole: start the run again."
    )


def _folder(instance: dagster.DagsterInstance) -> Path:
    return Path(instance.root_directory) / FOLDER
