"""The part of a stream that is held in memory, and the bounds of that memory."""

from dataclasses import dataclass
from typing import BinaryIO


@dataclass(frozen=True)
class Limits:
    """The bounds of a reader's memory.

    Attributes:
        chunk_bytes: How many bytes the reader asks of the stream at a time.
        record_bytes: The longest record that can be a row, which is the longest that DuckDB's reader takes.
        depth: The deepest nesting of objects and arrays that can be a row; the record itself is level 1.
        text_characters: How much of a quarantined record's text is kept.
        batch_bytes: A batch ends after this many bytes of the stream.
        batch_entries: A batch ends after this many rows and quarantined records.
        unknown_keys: How many distinct unknown keys are counted by name.
        unknown_key_characters: How much of an unknown key's name is kept.
    """

    chunk_bytes: int = 1 << 20
    record_bytes: int = 32 << 20
    depth: int = 100
    text_characters: int = 10_000
    batch_bytes: int = 16 << 20
    batch_entries: int = 100_000
    unknown_keys: int = 1_000
    unknown_key_characters: int = 200


DEFAULT_LIMITS = Limits()


class StreamBuffer:
    """The bytes of a stream that are held, addressed by their offsets in the stream.

    Args:
        stream: Read from its current position on, which is offset 0.
        chunk_bytes: How many bytes to ask for at a time.

    Attributes:
        data: The bytes held.
        start: The offset in the stream of the first byte held.
        at_end: The stream has no bytes after those held.
    """

    def __init__(self, stream: BinaryIO, chunk_bytes: int) -> None:
        self._stream = stream
        self._chunk_bytes = chunk_bytes
        self.data = b""
        self.start = 0
        self.at_end = False

    @property
    def end(self) -> int:
        """The offset after the last byte held."""
        return self.start + len(self.data)

    def piece(self, start: int, end: int) -> bytes:
        """Returns the bytes held between two offsets."""
        return self.data[max(start - self.start, 0) : max(end - self.start, 0)]

    def read_on(self, keep_from: int) -> bool:
        """Reads more of the stream, and returns whether there was more.

        Each call at least doubles the bytes held. So the caller may search all of them again after each call, and
        the time stays linear.

        Args:
            keep_from: The bytes before this offset are dropped, unless the stream has ended.
        """
        parts = [self.data[keep_from - self.start :]]
        missing = max(len(parts[0]), 1)
        while missing > 0 and not self.at_end:
            chunk = self._stream.read(self._chunk_bytes)
            parts.append(chunk)
            missing -= len(chunk)
            self.at_end = not chunk
        if not any(parts[1:]):
            return False
        self.data = b"".join(parts)
        self.start = keep_from
        return True

    def reach(self, end: int, keep_from: int) -> None:
        """Reads up to an offset, or to the end of the stream if that comes first.

        Args:
            end: The offset to reach.
            keep_from: The bytes before this offset may be dropped.
        """
        while self.end < end and self.read_on(keep_from):
            pass
