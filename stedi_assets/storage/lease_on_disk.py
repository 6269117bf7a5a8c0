"""The lock of a lakehouse on local disk: flock on a hidden file. The kernel frees the lock when its holder dies."""

import errno
import fcntl
import os
import weakref
from contextlib import suppress
from pathlib import Path

from stedi_assets.errors import StediError
from stedi_assets.storage.holder import LEASE_NAME, Holder
from stedi_assets.storage.location import Location

OWNER_READS_AND_WRITES = 0o600

WITHOUT_RIGHTS = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
"""The errors of a process that may not create a file in the folder."""


class DiskLock:
    """See `Lock`.

    Args:
        lakehouse: The root of the tables.
        holder: This process.
    """

    poll_seconds = 0.1

    def __init__(self, lakehouse: Location, holder: Holder) -> None:
        self._lakehouse = lakehouse
        self._path = lakehouse.local_path / LEASE_NAME
        self._holder = holder
        self._locked: _Opened | None = None
        self._has_made_folder = False

    def take(self) -> bool:
        """See `Lock`."""
        if not self._path.parent.exists():
            self._has_made_folder = True
            self._lakehouse.files.make_folder(str(self._lakehouse))
        try:
            opened = self._opened()
        except FileNotFoundError:
            # Another run has just removed the folder, which it had created itself.
            return False
        if not self._is_locked(opened):
            opened.close()
            return False
        self._locked = opened
        if opened.path == self._path:
            os.ftruncate(opened.descriptor, 0)
            os.pwrite(opened.descriptor, self._holder.to_json(), 0)
        return True

    def holder(self) -> Holder | None:
        """See `Lock`."""
        with suppress(OSError):
            return Holder.from_json(self._path.read_bytes())
        return None

    def confirm(self) -> None:
        """See `Lock`."""
        # The kernel keeps the lock of a living process. But a person may have removed the file, and the next process
        # would lock a new one.
        if self._locked is None or not self._locked.is_at_its_path():
            raise StediError(
                f"The lease of the lakehouse at {self._lakehouse} was removed while {self._holder} held it; nothing "
                "more was stored.",
                f"Do not remove {LEASE_NAME}, and materialize again.",
            )

    def release(self) -> None:
        """See `Lock`."""
        if self._locked is None:
            return
        # Removed before the lock is: a process that waits for this file then finds another at its path, and opens that.
        if self._locked.path == self._path and self._locked.is_at_its_path():
            with suppress(OSError):
                self._path.unlink()
        if self._has_made_folder:
            # A run that stored nothing leaves no folder.
            with suppress(OSError):
                self._path.parent.rmdir()
        # A forked child process has the file open too: closing it in this process alone would leave it locked.
        fcntl.flock(self._locked.descriptor, fcntl.LOCK_UN)
        self._locked.close()
        self._locked = None

    def _opened(self) -> "_Opened":
        # Through a link, somebody could have this process overwrite another file.
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            return _Opened(self._path, os.open(self._path, flags, OWNER_READS_AND_WRITES))
        except FileNotFoundError:
            raise
        except OSError as error:
            if error.errno not in WITHOUT_RIGHTS:
                raise StediError(
                    f"The file {self._path} cannot be opened: {error.strerror}.", "Remove it, and try again."
                ) from None
        # A user without permission to create the file may still read tables, or write existing ones. The folder itself
        # is locked instead.
        try:
            return _Opened(self._path.parent, os.open(self._path.parent, os.O_RDONLY | os.O_CLOEXEC))
        except OSError as error:
            raise StediError(
                f"The folder {self._lakehouse} cannot be read: {error.strerror}.",
                "Make it readable and writable, or set STEDI_LAKEHOUSE to a folder that is.",
            ) from None

    def _is_locked(self, opened: "_Opened") -> bool:
        try:
            fcntl.flock(opened.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            raise StediError(
                f"The lakehouse at {self._lakehouse} cannot be locked: {error.strerror}.",
                "Set STEDI_LAKEHOUSE to a folder on a file system with locks (flock).",
            ) from None
        # The holder may have removed the file in the meantime, and another process may have locked a new one.
        return opened.is_at_its_path()


class _Opened:
    """An open file or folder, which is closed explicitly or with its last reference."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.descriptor = descriptor
        self.close = weakref.finalize(self, os.close, descriptor)

    def is_at_its_path(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self.descriptor), self.path.lstat())
        except OSError:
            return False
