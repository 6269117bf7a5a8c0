"""The content of files: decompressed if they are gzip, and in UTF-8 whatever their encoding.

The first bytes tell both; a file's name tells neither. Needs nothing but the standard library.
"""

import codecs
import io
from collections.abc import Mapping

from stedi_assets.salvage.streams import CHUNK_BYTES, GzipStream, beginning_of, in_utf8, rewound

GZIP_MAGIC = b"\x1f\x8b"
"""The first bytes of gzip (RFC 1952, section 2.3.1)."""

BEGINNING_BYTES = 4
"""How many first bytes tell the compression and the encoding."""

UTF_8 = "utf-8"

BYTE_ORDER_MARKS = {
    # UTF-32 comes first, as its little-endian mark begins with that of UTF-16.
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}

ENCODINGS: Mapping[tuple[bool, ...], str] = {
    (False, True, True, True): "utf-32-le",
    (True, True, True, False): "utf-32-be",
    (False, True, False, True): "utf-16-le",
    (True, False, True, False): "utf-16-be",
}
"""From whether each of the first four bytes is 0 to the encoding: JSON text begins with two ASCII characters (RFC 4627,
section 3)."""


def encoding_of(beginning: bytes) -> str:
    """Returns the encoding of a text: that of UTF-16 or UTF-32 with its byte order, or UTF-8 for any other text.

    Args:
        beginning: The first four bytes of the text, or all of a shorter one.
    """
    for mark, encoding in BYTE_ORDER_MARKS.items():
        if beginning.startswith(mark):
            return encoding
    return ENCODINGS.get(tuple(not byte for byte in beginning), UTF_8)


class Content(io.BufferedReader):
    """A file's content, decompressed and in UTF-8; a byte order mark stays one.

    Args:
        stored: The file as it is stored, at its beginning. It is closed with the content.

    Attributes:
        is_compressed: Whether the file is gzip.
        encoding: The encoding of the decompressed file.
    """

    def __init__(self, stored: io.RawIOBase) -> None:
        beginning = beginning_of(stored, BEGINNING_BYTES)
        decompressed = rewound(stored, beginning)
        self.is_compressed = beginning.startswith(GZIP_MAGIC)
        self._gzip = GzipStream(decompressed) if self.is_compressed else None
        if self._gzip:
            beginning = beginning_of(self._gzip, BEGINNING_BYTES)
            decompressed = rewound(self._gzip, beginning)
        self.encoding = encoding_of(beginning)
        in_encoding = decompressed if self.encoding == UTF_8 else in_utf8(decompressed, self.encoding)
        super().__init__(in_encoding, buffer_size=CHUNK_BYTES)

    @property
    def is_damaged(self) -> bool:
        """Whether the compressed data ends early or is corrupt; known once all is read."""
        return self._gzip is not None and self._gzip.is_damaged
