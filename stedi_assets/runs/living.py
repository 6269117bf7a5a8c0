"""Which runs have a process that lives. The run of a killed process would be unfinished in the history for ever.

The process of a run holds a lock on a file in the folder of the history, which the system lets go when the process
ends, however it ends: by a signal, or with its machine. A process id would say less: another process may have it, and
in another container it is nobody's.
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
"""The folder of the files below that of the history. Each is named after its run."""

OWNER_READS_AND_WRITES = 0o600

CONTENT_BYTES = 4096

_HELD: dict[Path, int] = {}
"""The files that this process has locked, and their descriptors."""


def hold_until_exit(instance: dagster.DagsterInstance, run_id: str) -> None:
    """Declares that this process carries out a run, until the process ends.

    The run's end is recorded after its last step, so that nothing earlier than the end of the process is late enough.
    The file stays, for a process may end by an error before the run's end is recorded; the next run removes it. Where
    the folder of the history cannot be written or takes no lock, nothing is declared.

    Args:
        instance: Keeps the history of the run.
        run_id: The run.
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
    """Says what became of the process of a run that is not finished.

    Args:
        instance: Keeps the history of the run.
        run_id: The run.

    Returns:
        A message for the history where the process has ended on this machine; None where it lives, or nobody knows.
    """
    with suppress(OSError), _freed(_folder(instance) / run_id) as holder:
        return _message(holder)
    return None


def mark_dead_runs(instance: dagster.DagsterInstance) -> list[str]:
    """Marks the runs as failed whose processes have ended on this machine without recording the end of the run.

    Removes the lock files of all processes that have ended. Leaves runs of other machines, and runs without a lock
    file, alone.

    Args:
        instance: Keeps the history of the runs.

    Returns:
        The runs.
    """
    if not instance.is_persistent:
        return []
    return [path.name for path in sorted(_folder(instance).glob("*")) if _is_marked(instance, path)]


def _is_marked(instance: dagster.DagsterInstance, path: Path) -> bool:
    # A file that another process removes meanwhile is that process's to deal with.
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
    """Locks the file of a process that has ended on this machine.

    Yields:
        The process.

    Raises:
        OSError: There is no such file, or its process lives, or it is another machine's.
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
        f"The process of this run has ended before the run: process {holder.process} on {holder.host}, which began it "
        f"at {holder.since}. It was killed, it could not write the history, or its machine went down. The tables are "
        "whole: start the run again."
    )


def _folder(instance: dagster.DagsterInstance) -> Path:
    return Path(instance.root_directory) / FOLDER
