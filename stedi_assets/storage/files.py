"""Files by their path: what is asked of local disk and of a bucket, and how local disk does it."""

import io
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from stedi_assets.errors import StediError

OWNER_ALONE = 0o700
"""The rights on folders that are made: tables hold personal data."""

HIDDEN = ".incomplete-"
"""The beginning of the names of files that are being written, which readers of a folder pass over."""


@dataclass(frozen=True)
class StoredFile:
    """One file.

    Attributes:
        path: Its whole path.
        name: Its name in its folder.
        size: Bytes, as stored.
        modified: A mark that changes when the file does: its modification time in nanoseconds since 1970, or its ETag.
    """

    path: str
    name: str
    size: int
    modified: str


class Files(Protocol):
    """What lists, opens and deletes files."""

    def list(self, folder: str, remedy: str, limit: int | None = None) -> Sequence[StoredFile]:
        """Lists the files that lie in a folder itself, sorted by name.

        Args:
            folder: Its path.
            remedy: What to do where it cannot be read.
            limit: List no more than the first so many.

        Raises:
            StediError: The folder cannot be read.
        """
        ...

    def open(self, file: StoredFile) -> io.RawIOBase:
        """Opens a file, as it is stored, for one reading from its beginning to its end.

        Args:
            file: As it was listed.

        Raises:
            StediError: The file cannot be opened.
        """
        ...

    def walk(self, folder: str) -> Iterator[StoredFile]:
        """Finds all files below a folder, hidden ones too; none where the folder does not exist.

        Args:
            folder: Its path.

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


class LocalFiles:
    """Files on local disk; see `Files`."""

    def list(self, folder: str, remedy: str, limit: int | None = None) -> Sequence[StoredFile]:
        """See `Files`."""
        try:
            found = [(entry, entry.stat()) for entry in sorted(Path(folder).iterdir())[:limit]]
        except OSError as error:
            raise StediError(f"The folder {folder} cannot be read: {error.strerror}.", remedy) from None
        return [StoredFile(str(entry), entry.name, status.st_size, str(status.st_mtime_ns)) for entry, status in found]

    def open(self, file: StoredFile) -> io.RawIOBase:
        """See `Files`."""
        try:
            return io.FileIO(file.path)
        except OSError as error:
            raise StediError(f"The file {file.path} cannot be read: {error.strerror}.", "Make it readable.") from None

    def walk(self, folder: str) -> Iterator[StoredFile]:
        """See `Files`."""
        for path in sorted(Path(folder).rglob("*")):
            if path.is_file():
                status = path.stat()
                yield StoredFile(str(path), path.name, status.st_size, str(status.st_mtime_ns))

    def replace(self, file: StoredFile, content: BinaryIO) -> None:
        """See `Files`."""
        path = Path(file.path)
        try:
            incomplete = path.with_name(f"{HIDDEN}{path.name}")
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
        incomplete = target.with_name(f"{HIDDEN}{target.name}")
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
