"""Raw streams made of chunks: a file's content decompressed, in UTF-8, or put together from pieces.

Needs nothing but the standard library.
"""

import codecs
import io
import itertools
import os
import zlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

CHUNK_BYTES = 1 << 18
"""The size of a chunk, where a stream chooses it."""

COMPRESSED_BYTES = 1 << 16
"""How many compressed bytes are read at once."""

GZIP = zlib.MAX_WBITS | 16
"""zlib's setting for the gzip format."""

INVALID = "\ud800"
"""Replaces bytes that an encoding does not allow: half a surrogate pair, which UTF-8 does not allow either."""

INVALID_AS_SURROGATE = "stedi_invalid_as_surrogate"

codecs.register_error(INVALID_AS_SURROGATE, lambda error: (INVALID, getattr(error, "end", 0)))


class ChunkedStream(io.RawIOBase):
    """A raw stream of chunks.

    Args:
        chunks: The content, in chunks of any size.
        source: The stream that the chunks come from, which is closed with this one.
    """

    def __init__(self, chunks: Iterable[bytes], source: io.RawIOBase | None = None) -> None:
        self._chunks = iter(chunks)
        self._source = source
        self._chunk = memoryview(b"")

    def readable(self) -> bool:
        """Returns True."""
        return True

    def close(self) -> None:
        """Closes the source too."""
        if self._source:
            self._source.close()
        super().close()

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Fills a buffer from one chunk, and returns the number of bytes; 0 at the end."""
        while not self._chunk:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._chunk = memoryview(chunk)
        view = memoryview(buffer).cast("B")
        size = min(len(view), len(self._chunk))
        view[:size], self._chunk = self._chunk[:size], self._chunk[size:]
        return size


class GzipStream(ChunkedStream):
    """The content of a gzip file, as far as its compression is whole.

    Args:
        stored: The gzip file, of one member or several.

    Attributes:
        is_damaged: Whether the compressed data ends early or is corrupt; known once all is read.
    """

    def __init__(self, stored: io.RawIOBase) -> None:
        super().__init__(self._contents(stored), stored)
        self.is_damaged = False

    def _contents(self, stored: io.RawIOBase) -> Iterator[bytes]:
        member = zlib.decompressobj(wbits=GZIP)
        is_in_member = False
        for compressed in chunks_of(stored, COMPRESSED_BYTES):
            left = compressed
            while left:
                try:
                    content = member.decompress(left, CHUNK_BYTES)
                except zlib.error:
                    self.is_damaged = True
                    return
                yield content
                is_in_member = not member.eof
                left = member.unconsumed_tail
                if member.eof:
                    left = member.unused_data
                    member = zlib.decompressobj(wbits=GZIP)
        self.is_damaged = is_in_member
        # zlib keeps the last bytes of its output where a chunk was full.
        yield member.flush()


def chunks_of(stream: io.RawIOBase, size: int = CHUNK_BYTES) -> Iterator[bytes]:
    """Yields the rest of a stream.

    Args:
        stream: At any position.
        size: The largest chunk, in bytes.
    """
    while chunk := stream.read(size):
        yield chunk


def beginning_of(stream: io.RawIOBase, size: int) -> bytes:
    """Reads the next bytes of a stream, fewer only where it ends."""
    beginning = b""
    while len(beginning) < size and (more := stream.read(size - len(beginning))):
        beginning += more
    return beginning


def rewound(stream: io.RawIOBase, beginning: bytes) -> io.RawIOBase:
    """Returns a stream at the position before some bytes that were read of it.

    Args:
        stream: Closed with the stream that is returned.
        beginning: The last bytes read.
    """
    if stream.seekable():
        stream.seek(-len(beginning), os.SEEK_CUR)
        return stream
    return ChunkedStream(itertools.chain([beginning], chunks_of(stream)), stream)


def in_utf8(stream: io.RawIOBase, encoding: str) -> ChunkedStream:
    """Returns a text of another encoding in UTF-8.

    Bytes that the encoding does not allow become bytes that UTF-8 does not allow, so their record is refused like any
    other with invalid UTF-8.

    Args:
        stream: The text, which is closed with the stream that is returned.
        encoding: A codec that gives a byte order mark no meaning of its own, so that it stays a character.
    """
    texts = codecs.iterdecode(chunks_of(stream), encoding, INVALID_AS_SURROGATE)
    return ChunkedStream((text.encode(errors="surrogatepass") for text in texts), stream)
