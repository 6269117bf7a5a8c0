"""The content of raw files: decompressed where they are gzip, and in UTF-8 whatever they are encoded in.

Both are seen in the first bytes, never in a name. Needs nothing but the standard library.
"""

import codecs
import io
from collections.abc import Mapping
from typing import TYPE_CHECKING

from stedi_assets.salvage.compression import Decompressed

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

BUFFER_BYTES = 1 << 18
"""How many bytes of content are read at once, at least."""

GZIP_MAGIC = b"\x1f\x8b"
"""The first bytes of gzip (RFC 1952, section 2.3.1)."""

LOOKED_AT_BYTES = 4
"""How many bytes tell compression and encoding."""

UTF_8 = "utf-8"

BYTE_ORDER_MARKS = {
    # Those of UTF-32 first: one of them begins with one of UTF-16.
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}

ENCODINGS: Mapping[tuple[bool, ...], str] = {
    # Whether each of the first four bytes is 0.
    (False, True, True, True): "utf-32-le",
    (True, True, True, False): "utf-32-be",
    (False, True, False, True): "utf-16-le",
    (True, False, True, False): "utf-16-be",
}
"""From where zeros stand to the encoding: JSON text begins with two ASCII characters (RFC 4627, section 3)."""

INVALID = "\ud800"
"""What stands for what an encoding does not allow: half a surrogate pair, which is invalid in UTF-8 too."""

INVALID_AS_SURROGATE = "stedi_invalid_as_surrogate"

codecs.register_error(INVALID_AS_SURROGATE, lambda error: (INVALID, getattr(error, "end", 0)))


def encoding_of(beginning: bytes) -> str:
    """Tells a text's encoding.

    Args:
        beginning: Its first four bytes, or fewer where it has no more.

    Returns:
        The name of UTF-16's or UTF-32's encoding with its byte order; UTF-8 for all else.
    """
    for mark, encoding in BYTE_ORDER_MARKS.items():
        if beginning.startswith(mark):
            return encoding
    return ENCODINGS.get(tuple(not byte for byte in beginning), UTF_8)


class Content(io.BufferedReader):
    """A raw file's content, decompressed and in UTF-8; a byte order mark stays one.

    Attributes:
        is_compressed: Whether the file is gzip.
        encoding: What the content is encoded in.
    """

    def __init__(self, stored: io.RawIOBase) -> None:
        """Prepares to read.

        Args:
            stored: The file as it is stored.
        """
        stored = Rewound(stored)
        self.is_compressed = stored.beginning.startswith(GZIP_MAGIC)
        self._decompressed = Decompressed(stored) if self.is_compressed else None
        decompressed = Rewound(self._decompressed) if self._decompressed else stored
        self.encoding = encoding_of(decompressed.beginning)
        super().__init__(
            decompressed if self.encoding == UTF_8 else InUtf8(decompressed, self.encoding), buffer_size=BUFFER_BYTES
        )

    @property
    def is_damaged(self) -> bool:
        """Whether compressed data broke off or could not be read on; known once all is read."""
        return self._decompressed is not None and self._decompressed.is_damaged


class Rewound(io.RawIOBase):
    """A stream whose first bytes can be looked at.

    Attributes:
        beginning: Its first bytes.
    """

    def __init__(self, stream: io.RawIOBase) -> None:
        """Looks at the first bytes.

        Args:
            stream: At its beginning.
        """
        self._stream = stream
        self.beginning = b""
        while len(self.beginning) < LOOKED_AT_BYTES and (more := stream.read(LOOKED_AT_BYTES - len(self.beginning))):
            self.beginning += more
        self._left = self.beginning

    def readable(self) -> bool:
        """Returns True."""
        return True

    def close(self) -> None:
        """Closes the stream."""
        self._stream.close()
        super().close()

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Reads into a buffer.

        Args:
            buffer: Filled as far as content is at hand.

        Returns:
            The bytes read; 0 at the end.
        """
        view = memoryview(buffer).cast("B")
        if not self._left:
            return self._stream.readinto(view) or 0
        size = min(len(view), len(self._left))
        view[:size], self._left = self._left[:size], self._left[size:]
        return size


class InUtf8(io.RawIOBase):
    """A text in another encoding, as UTF-8.

    What the encoding does not allow becomes bytes that UTF-8 does not allow either: so a record with such is refused
    as any other.
    """

    def __init__(self, stream: io.RawIOBase, encoding: str) -> None:
        """Prepares to read.

        Args:
            stream: The text.
            encoding: A codec's name, without a byte order mark's own meaning.
        """
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)(INVALID_AS_SURROGATE)
        self._ready = memoryview(b"")
        self._at_end = False

    def readable(self) -> bool:
        """Returns True."""
        return True

    def close(self) -> None:
        """Closes the text."""
        self._stream.close()
        super().close()

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Reads into a buffer.

        Args:
            buffer: Filled as far as content is at hand.

        Returns:
            The bytes read; 0 at the end.
        """
        while not self._ready and not self._at_end:
            encoded = self._stream.read(BUFFER_BYTES) or b""
            self._at_end = not encoded
            text = self._decoder.decode(encoded, final=self._at_end)
            self._ready = memoryview(text.encode(errors="surrogatepass"))
        view = memoryview(buffer).cast("B")
        size = min(len(view), len(self._ready))
        view[:size], self._ready = self._ready[:size], self._ready[size:]
        return size
