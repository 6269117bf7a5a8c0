"""Files by their path: what is asked of local disk and of a bucket, and how local disk does it."""

import errno
import io
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO, Protocol

from stedi_assets.errors import GoneError, StediError
from stedi_assets.storage.listing import Listing, LocalListing, StoredFile

OWNER_ALONE = 0o700
"""The rights on folders that are made: tables hold personal data."""

HIDDEN = ".incomplete-"
"""The beginning of the names of files that are being written, which readers of a folder pass over."""


class Files(Protocol):
    """What lists, opens and deletes files."""

    def list(self, folder: str, root: str, limit: int | None = None, *, follows_links: bool = False) -> Listing:
        """Lists the files that lie below a folder of raw files.

        Args:
            folder: Its path.
            root: The path of the folder that links may not lead out of.
            limit: List no more than the first so many.
            follows_links: Whether they may after all.

        Raises:
            StediError: The folder cannot be read, or a link leads out of the root.
        """
        ...

    def open(self, file: StoredFile) -> io.RawIOBase:
        """Opens a file, as it is stored, for one reading from its beginning to its end.

        Args:
            file: As it was listed.

        Raises:
            GoneError: The file has been removed since it was listed.
            StediError: The file cannot be opened.
        """
        ...

    def walk(self, folder: str, *, follows_links: bool = False) -> Iterator[StoredFile]:
        """Finds all files below a folder, hidden ones too; none where the folder does not exist.

        Args:
            folder: Its path.
            follows_links: Whether links to folders are gone into.

        Yields:
            The files.

        Raises:
            StediError: A folder cannot be read.
        """
        ...

    def replace(self, file: StoredFile, content: BinaryIO) -> None:
        """Gives a file other content, all at once: readers see what was there before or what is there now.

        Args:
            file: As it was listed.
            content: Read from its current position to its end.

        Raises:
            StediError: The file has changed since it was listed, or cannot be written. It is as it was.
        """
        ...

    def write(self, path: str, content: bytes) -> None:
        """Writes a small file, all at once.

        Args:
            path: Its whole path; its folder is made where it does not exist.
            content: All of it.

        Raises:
            StediError: It cannot be written.
        """
        ...

    def make_folder(self, folder: str) -> None:
        """Makes a folder, and those above it, where it does not exist, for the owner's eyes alone.

        Args:
            folder: Its path.

        Raises:
            StediError: The folder cannot be made.
        """
        ...

    def delete(self, folder: str, prefix: str) -> None:
        """Deletes the files of a folder, and the folders in it, whose name has a prefix.

        Args:
            folder: Its path.
            prefix: Not empty.

        Raises:
            StediError: A file cannot be deleted.
        """
        ...

    def delete_files(self, folder: str, names: Iterable[str]) -> None:
        """Deletes files, one after the other; a file that is gone already is no error.

        Args:
            folder: The folder that they lie in or below.
            names: Their paths in it.

        Raises:
            StediError: A file cannot be deleted. Those before it are gone.
        """
        ...


class LocalFiles:
    """Files on local disk; see `Files`."""

    def list(self, folder: str, root: str, limit: int | None = None, *, follows_links: bool = False) -> Listing:
        """See `Files`."""
        try:
            return LocalListing(Path(folder), Path(root), follows_links=follows_links).listing(limit)
        except OSError as error:
            raise StediError(
                f"The folder {error.filename or folder} cannot be read: {error.strerror}.",
                "Put the files there, or set STEDI_LANDING to the folder that holds customer/landing and its siblings.",
            ) from None

    def open(self, file: StoredFile) -> io.RawIOBase:
        """See `Files`."""
        try:
            return io.FileIO(file.path)
        except FileNotFoundError:
            raise GoneError(f"The file {file.path} is gone since it was listed.", "Try again.") from None
        except OSError as error:
            raise StediError(f"The file {file.path} cannot be read: {error.strerror}.", "Make it readable.") from None

    def walk(self, folder: str, *, follows_links: bool = False) -> Iterator[StoredFile]:
        """See `Files`."""
        known: set[str] = set()
        for parent, folders, names in os.walk(folder, onerror=_refuse_folder, followlinks=follows_links):
            # Links may lead in a circle.
            folders[:] = sorted(name for name in folders if os.path.realpath(Path(parent, name)) not in known)
            known.update(os.path.realpath(Path(parent, name)) for name in folders)
            for path in (Path(parent, name) for name in sorted(names)):
                try:
                    status = path.stat()
                except OSError as error:
                    # Another process may remove it meanwhile, and a link may lead nowhere.
                    if error.errno in (errno.ENOENT, errno.ELOOP):
                        continue
                    raise StediError(
                        f"The file {path} cannot be read: {error.strerror}.", "Make it readable."
                    ) from None
                if S_ISREG(status.st_mode):
                    yield StoredFile(str(path), path.name, status.st_size, str(status.st_mtime_ns))

    def replace(self, file: StoredFile, content: BinaryIO) -> None:
        """See `Files`."""
        # A link stays one, and what it leads to gets the content.
        path = Path(file.path).resolve()
        try:
            incomplete = _incomplete(path)
            with incomplete.open("wb") as target:
                shutil.copyfileobj(content, target)
                target.flush()
                os.fsync(target.fileno())
            shutil.copymode(path, incomplete)
            if str(path.stat().st_mtime_ns) != file.modified:
                incomplete.unlink()
                raise StediError(f"The file {path} has changed since it was listed.", "Try again.")
            incomplete.replace(path)
        except OSError as error:
            raise StediError(f"The file {path} cannot be replaced: {error.strerror}.", "Make it writable.") from None

    def write(self, path: str, content: bytes) -> None:
        """See `Files`."""
        target = Path(path)
        self.make_folder(str(target.parent))
        incomplete = _incomplete(target)
        try:
            incomplete.write_bytes(content)
            incomplete.replace(target)
        except OSError as error:
            raise StediError(f"The file {path} cannot be written: {error.strerror}.", "Make it writable.") from None

    def make_folder(self, folder: str) -> None:
        """See `Files`."""
        path = Path(folder)
        try:
            for missing in reversed([each for each in (path, *path.parents) if not each.exists()]):
                missing.mkdir(mode=OWNER_ALONE, exist_ok=True)
        except OSError as error:
            raise StediError(
                f"The folder {folder} cannot be created: {error.strerror}.",
                "Make it writable, or set STEDI_LAKEHOUSE to a folder that is.",
            ) from None

    def delete(self, folder: str, prefix: str) -> None:
        """See `Files`."""
        for path in Path(folder).iterdir():
            if not path.name.startswith(prefix):
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                with suppress(OSError):
                    path.unlink()

    def delete_files(self, folder: str, names: Iterable[str]) -> None:
        """See `Files`."""
        for name in names:
            path = Path(folder, name)
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise StediError(f"The file {path} cannot be deleted: {error.strerror}.", "Make it writable.") from None


def _incomplete(path: Path) -> Path:
    # Not made of the file's own name, which may be as long as a name can be.
    return path.with_name(f"{HIDDEN}{uuid.uuid4().hex}")


def _refuse_folder(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise StediError(f"The folder {error.filename} cannot be read: {error.strerror}.", "Make it readable.")
