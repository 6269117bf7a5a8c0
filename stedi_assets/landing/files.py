"""Which raw files a landing folder holds, and their content."""

import io
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stedi_assets.errors import StediError
from stedi_assets.storage.location import Location
from stedi_assets.tables import Source

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

SUFFIXES = (".json", ".json.gz")

COMPRESSED_BYTES = 1 << 16
"""How many compressed bytes are decompressed at once."""

BUFFER_BYTES = 1 << 18
"""How many bytes of content are read at once, at least."""

GZIP = zlib.MAX_WBITS | 16
"""What tells zlib that the data is gzip."""


@dataclass(frozen=True)
class LandingFile:
    """One raw file.

    Attributes:
        path: Its path.
        name: Its name in the landing folder.
        size: Bytes, as stored.
        modified: A mark that changes when the file does: its modification time in nanoseconds since 1970.
    """

    path: str
    name: str
    size: int
    modified: str

    def open(self) -> "RawContent":
        """Opens the file's content, decompressed.

        Raises:
            StediError: The file cannot be opened.
        """
        try:
            stored = io.FileIO(self.path)
        except OSError as error:
            raise StediError(
                f"The landing file {self.path} cannot be read: {error.strerror}.", "Make it readable."
            ) from None
        return RawContent(Decompressed(stored) if self.name.endswith(".gz") else stored)


class Decompressed(io.RawIOBase):
    """What a gzip file holds, as far as its compression is whole.

    Attributes:
        is_damaged: Whether the compressed data broke off or could not be read on; known once all is read.
    """

    def __init__(self, stored: io.FileIO) -> None:
        """Prepares to read.

        Args:
            stored: The file as it is stored.
        """
        self.is_damaged = False
        self._stored = stored
        self._member = zlib.decompressobj(wbits=GZIP)
        self._is_in_member = False
        self._compressed = b""

    def readable(self) -> bool:
        """Returns True."""
        return True

    def close(self) -> None:
        """Closes the stored file."""
        self._stored.close()
        super().close()

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Reads into a buffer.

        Args:
            buffer: Filled as far as content is at hand.

        Returns:
            The bytes read; 0 at the end.
        """
        view = memoryview(buffer).cast("B")
        content = self._next(len(view))
        view[: len(content)] = content
        return len(content)

    def _next(self, size: int) -> bytes:
        while not self.is_damaged:
            self._compressed = self._compressed or self._stored.read(COMPRESSED_BYTES) or b""
            if not self._compressed:
                self.is_damaged = self._is_in_member
                return b""
            content = self._decompress(size)
            if content:
                return content
        return b""

    def _decompress(self, size: int) -> bytes:
        try:
            content = self._member.decompress(self._compressed, size)
        except zlib.error:
            self.is_damaged = True
            return b""
        self._is_in_member = not self._member.eof
        self._compressed = self._member.unconsumed_tail
        if self._member.eof:
            self._compressed = self._member.unused_data
            self._member = zlib.decompressobj(wbits=GZIP)
        return content


class RawContent(io.BufferedReader):
    """A raw file's content, decompressed."""

    def __init__(self, raw: io.FileIO | Decompressed) -> None:
        """Prepares to read.

        Args:
            raw: The content.
        """
        super().__init__(raw, buffer_size=BUFFER_BYTES)

    @property
    def is_damaged(self) -> bool:
        """Whether compressed data broke off or could not be read on; known once all is read."""
        return isinstance(self.raw, Decompressed) and self.raw.is_damaged


def list_landing_files(root: Location, source: Source) -> Sequence[LandingFile]:
    """Lists the raw files of a source, sorted by name.

    Args:
        root: The landing root.
        source: Whose files; the folder is `source.path` below the root.

    Returns:
        The files that end in .json or .json.gz, without hidden ones.

    Raises:
        StediError: The folder is missing, unreadable or holds no such file.
    """
    folder = root / source.path
    remedy = "Put the files there, or set STEDI_LANDING to the folder that holds customer/landing and its siblings."
    try:
        found = [
            (entry, entry.stat())
            for entry in sorted(folder.local_path.iterdir())
            if entry.name.endswith(SUFFIXES) and not entry.name.startswith(".")
        ]
    except OSError as error:
        raise StediError(f"The landing folder {folder} cannot be read: {error.strerror}.", remedy) from None
    if not found:
        raise StediError(f"The landing folder {folder} holds no {' or '.join(SUFFIXES)} file.", remedy)
    return [LandingFile(str(entry), entry.name, status.st_size, str(status.st_mtime_ns)) for entry, status in found]
