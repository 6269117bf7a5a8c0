"""The content of gzip files, as far as their compression is whole. Needs nothing but the standard library."""

import io
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

COMPRESSED_BYTES = 1 << 16
"""How many compressed bytes are decompressed at once."""

GZIP = zlib.MAX_WBITS | 16
"""What tells zlib that the data is gzip."""


class Decompressed(io.RawIOBase):
    """What a gzip file holds, as far as its compression is whole.

    Attributes:
        is_damaged: Whether the compressed data broke off or could not be read on; known once all is read.
    """

    def __init__(self, stored: io.RawIOBase) -> None:
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
