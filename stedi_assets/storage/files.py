"""Files by their path: the operations that local disk and a bucket share, and local disk's."""

import errno
import io
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO, Protocol

from stedi_assets.contract import folders_in_words
from stedi_assets.errors import GoneError, StediError
from stedi_assets.storage.listing import Listing, LocalListing, StoredFile

OWNER_ALONE = 0o700
"""The permissions of new folders: tables hold personal data."""

INCOMPLETE_PREFIX = ".incomplete-"
"""Begins the names of files that are being written. Readers of a folder skip hidden files."""


class Files(Protocol):
    """Lists, opens, writes and deletes files. `S3Files` does so in a bucket, `LocalFiles` on local disk."""

    def list(self, folder: str, root: str, after: str, *, follows_links: bool) -> Listing:
        """Lists the files below a folder of raw files.

        Args:
            folder: The folder's path.
            root: The folder that links may not lead out of.
            after: List only the files whose names come after this one, in the order of their characters' code points.
            follows_links: Whether links may lead out of the root after all.

        Raises:
            StediError: The folder cannot be read, or a link leads out of the root.
        """
        ...

    def folders(self, folder: str) -> Sequence[str]:
        """Lists the names of the folders that lie directly in a folder, sorted; none where it does not exist.

        Raises:
            StediError: The folder cannot be read.
        """
        ...

    def open(self, file: StoredFile) -> io.RawIOBase:
        """Opens a listed file, as it is stored, for one reading from beginning to end.

        Raises:
            GoneError: The file was removed after it was listed.
            StediError: The file cannot be opened.
        """
        ...

    def walk(self, folder: str, *, follows_links: bool = False) -> Iterator[StoredFile]:
        """Yields all files below a folder, hidden ones too; none where the folder does not exist.

        Args:
            folder: The folder's path.
            follows_links: Whether links to folders are followed.

        Raises:
            StediError: A folder cannot be read.
        """
        ...

    def replace(self, file: StoredFile, content: BinaryIO) -> None:
        """Replaces the content of a listed file atomically: readers see all of the old content or all of the new.

        Args:
            file: The file as it was listed.
            content: Read from its current position to its end.

        Raises:
            StediError: The file changed after it was listed, or cannot be written. Its content is the old one.
        """
        ...

    def write(self, path: str, content: bytes) -> None:
        """Writes a small file atomically, and creates its folder where it does not exist.

        Raises:
            StediError: The file cannot be written.
        """
        ...

    def read(self, path: str) -> bytes | None:
        """Returns the content of a small file; None where it does not exist.

        Raises:
            StediError: The file cannot be read.
        """
        ...

    def make_folder(self, folder: str) -> None:
        """Creates a folder and its parents where they do not exist, readable by the owner alone.

        Raises:
            StediError: The folder cannot be created.
        """
        ...

    def delete(self, folder: str, prefix: str) -> None:
        """Deletes the files and folders in a folder whose names begin with a prefix, which is not empty.

        Raises:
            StediError: A file cannot be deleted.
        """
        ...

    def delete_files(self, folder: str, names: Iterable[str]) -> None:
        """Deletes files in order. A file that is gone already is no error.

        Args:
            folder: The folder that the files lie in or below.
            names: The files' paths relative to the folder.

        Raises:
            StediError: A file cannot be deleted. The files before it are gone.
        """
        ...


class LocalFiles:
    """Files on local disk; see `Files`."""

    def list(self, folder: str, root: str, after: str, *, follows_links: bool) -> Listing:
        """See `Files`."""
        try:
            return LocalListing(Path(folder), Path(root), follows_links=follows_links).listing(after)
        except OSError as error:
            raise StediError(
                f"The folder {error.filename or folder} cannot be read: {error.strerror}.",
                f"Put the files there, or set STEDI_LANDING to the folder that holds {folders_in_words()}.",
            ) from None

    def folders(self, folder: str) -> Sequence[str]:
        """See `Files`."""
        try:
            return sorted(path.name for path in Path(folder).iterdir() if path.is_dir())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StediError(f"The folder {folder} cannot be read: {error.strerror}.", "Make it readable.") from None

    def open(self, file: StoredFile) -> io.RawIOBase:
        """See `Files`."""
        try:
            return io.FileIO(file.path)
        except FileNotFoundError:
            raise GoneError(f"The file {file.path} was removed after it was listed.", "Try again.") from None
        except OSError as error:
            raise StediError(f"The file {file.path} cannot be read: {error.strerror}.", "Make it readable.") from None

    def walk(self, folder: str, *, follows_links: bool = False) -> Iterator[StoredFile]:
        """See `Files`."""
        known: set[str] = set()
        for parent, folders, names in os.walk(folder, onerror=_refuse_folder, followlinks=follows_links):
            # A link may lead to a folder above itself.
            folders[:] = sorted(name for name in folders if os.path.realpath(Path(parent, name)) not in known)
            known.update(os.path.realpath(Path(parent, name)) for name in folders)
            for path in (Path(parent, name) for name in sorted(names)):
                try:
                    status = path.stat()
                except OSError as error:
                    # Another process may have removed the file, and a link may lead nowhere.
                    if error.errno in (errno.ENOENT, errno.ELOOP):
                        continue
                    raise StediError(
                        f"The file {path} cannot be read: {error.strerror}.", "Make it readable."
                    ) from None
                if S_ISREG(status.st_mode):
                    yield StoredFile(str(path), path.name, status.st_size, str(status.st_mtime_ns))

    def replace(self, file: StoredFile, content: BinaryIO) -> None:
        """See `Files`."""
        # The target of a link is replaced, so that the link stays a link.
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

    def read(self, path: str) -> bytes | None:
        """See `Files`."""
        try:
            return Path(path).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StediError(f"The file {path} cannot be read: {error.strerror}.", "Make it readable.") from None

    def make_folder(self, folder: str) -> None:
        """See `Files`."""
        path = Path(folder)
        try:
            for missing in reversed([each for each in (path, *path.parents) if not each.exists()]):
                # Not `exist_ok`, which refuses a folder that another run has made and removed again.
                with suppress(FileExistsError):
                    missing.mkdir(mode=OWNER_ALONE)
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
    # The file's own name may have the greatest length that the disk allows.
    return path.with_name(f"{INCOMPLETE_PREFIX}{uuid.uuid4().hex}")


def _refuse_folder(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise StediError(f"The folder {error.filename} cannot be read: {error.strerror}.", "Make it readable.")
