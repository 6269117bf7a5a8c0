"""The lock of a lakehouse on local disk: flock on a hidden file, which the kernel frees when its holder dies."""

import fcntl
import os
from contextlib import suppress
from typing import BinaryIO

from stedi_assets.errors import StediError
from stedi_assets.storage.holder import LEASE_NAME, Holder
from stedi_assets.storage.location import Location

OWNER_READS_AND_WRITES = 0o600


class DiskLock:
    """See `Lock`.

    Args:
        lakehouse: The root of the tables.
        holder: Who asks for the lock.
    """

    poll_seconds = 0.1

    def __init__(self, lakehouse: Location, holder: Holder) -> None:
        self._lakehouse = lakehouse
        self._path = lakehouse.local_path / LEASE_NAME
        self._holder = holder
        self._file: BinaryIO | None = None
        self._has_made_folder = False

    def take(self) -> bool:
        """See `Lock`."""
        if not self._path.parent.exists():
            self._has_made_folder = True
            self._lakehouse.files.make_folder(str(self._lakehouse))
        file = self._opened()
        if not self._is_locked(file):
            file.close()
            return False
        self._file = file
        file.truncate()
        file.write(self._holder.to_json())
        return True

    def holder(self) -> Holder | None:
        """See `Lock`."""
        with suppress(OSError):
            return Holder.from_json(self._path.read_bytes())
        return None

    def confirm(self) -> None:
        """See `Lock`."""
        # Nobody takes a lock from a process that lives. But somebody may have removed the file, and the lock with it.
        if self._file is None or not self._is_at_its_path(self._file):
            raise StediError(
                f"The lease of the lakehouse at {self._lakehouse} was removed while {self._holder} held it; nothing "
                "more was stored.",
                f"Let {LEASE_NAME} be, and materialize again.",
            )

    def release(self) -> None:
        """See `Lock`."""
        if self._file is None:
            return
        # While the lock is held: others who wait for this file find it gone from its path, and open the next one.
        if self._is_at_its_path(self._file):
            with suppress(OSError):
                self._path.unlink()
        if self._has_made_folder:
            # A run that stored nothing leaves nothing.
            with suppress(OSError):
                self._path.parent.rmdir()
        # A child process that was forked has the file too, and closing it here alone would leave it locked.
        fcntl.flock(self._file, fcntl.LOCK_UN)
        self._file.close()
        self._file = None

    def _opened(self) -> BinaryIO:
        # A link would let somebody have another file overwritten.
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            return os.fdopen(os.open(self._path, flags, OWNER_READS_AND_WRITES), "r+b", buffering=0)
        except OSError as error:
            raise StediError(
                f"The lakehouse at {self._lakehouse} cannot be written: {self._path}: {error.strerror}.",
                "Make it writable, or set STEDI_LAKEHOUSE to a folder that is.",
            ) from None

    def _is_locked(self, file: BinaryIO) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            file.close()
            raise StediError(
                f"The file {self._path} cannot be locked: {error.strerror}.",
                "Set STEDI_LAKEHOUSE to a folder on a file system with locks (flock).",
            ) from None
        # Whoever held it may have removed it meanwhile, and somebody else may have the next one.
        return self._is_at_its_path(file)

    def _is_at_its_path(self, file: BinaryIO) -> bool:
        try:
            return os.path.samestat(os.fstat(file.fileno()), self._path.lstat())
        except OSError:
            return False
