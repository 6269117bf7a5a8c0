"""What a strict JSON reader does not tell: whether it passed over a key, or took a true for a 1.

DuckDB's reader ignores a key that it was not asked for, and a key in another case is such a key. Every key is followed
by a colon. So a file has as many colons as its rows have values, and one more for each null that is written out, if
and only if no key with a value was passed over. A colon inside a text can only make more of them: such a file seems to
have unknown keys, and the exact reader tells.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    import numpy as np

    Bytes = np.ndarray[tuple[int], np.dtype[np.uint8]]
    Flags = np.ndarray[tuple[int], np.dtype[np.bool_]]

BLOCK_BYTES = 1 << 18
"""How many bytes are looked at at once: few enough to stay in the processor's cache."""

LOOK_AHEAD = 2
"""How many bytes after a colon are looked at: a space, and the beginning of the value."""

COLON, SPACE, LETTER_N = b": n"
FIRST_VISIBLE, BEHIND_DIGITS = b"!@"
"""A text and a number begin with a byte from `FIRST_VISIBLE` up to, without, `BEHIND_DIGITS`; true, false, null and
brackets begin with one that is greater."""


@dataclass
class KeyCount:
    """What the colons of a file tell.

    Attributes:
        values: How many values that are not null its rows have, if no key was passed over.
        is_suspicious: Whether a value is, or seems to be, neither a text nor a number nor null.
    """

    values: int = 0
    is_suspicious: bool = False


@dataclass(frozen=True)
class Scratch:
    """Memory for a block's intermediate results, used again and again: getting new takes longer than computing."""

    is_colon: "Flags"
    is_other: "Flags"
    distance: "Bytes"


def count_keys(stream: BinaryIO) -> KeyCount:
    """Counts the keys of a file of JSON objects.

    Args:
        stream: The decompressed file.

    Returns:
        What its colons tell.
    """
    # Imported here, where it runs beside the threads of the engine: it takes a tenth of a second.
    import numpy as np  # noqa: PLC0415

    count = KeyCount()
    block = np.full(LOOK_AHEAD + BLOCK_BYTES, SPACE, np.uint8)
    scratch = Scratch(np.empty(BLOCK_BYTES, np.bool_), np.empty(BLOCK_BYTES, np.bool_), np.empty(BLOCK_BYTES, np.uint8))
    new_bytes = memoryview(block.data)[LOOK_AHEAD:]
    while size := stream.readinto(new_bytes):  # type: ignore[attr-defined]
        _count_block(count, block[: size + LOOK_AHEAD], scratch)
        block[:LOOK_AHEAD] = block[size : size + LOOK_AHEAD]
    block[LOOK_AHEAD : 2 * LOOK_AHEAD] = SPACE
    _count_block(count, block[: 2 * LOOK_AHEAD], scratch)
    return count


def _count_block(count: KeyCount, block: "Bytes", scratch: Scratch) -> None:
    import numpy as np  # noqa: PLC0415

    size = len(block) - LOOK_AHEAD
    following = block[1:-1]
    is_colon = np.equal(block[:size], COLON, out=scratch.is_colon[:size])
    count.values += int(np.count_nonzero(is_colon))
    # Unsigned bytes wrap around, so that one comparison finds what is less or greater.
    distance = np.subtract(following, FIRST_VISIBLE, out=scratch.distance[:size])
    is_other = np.greater_equal(distance, BEHIND_DIGITS - FIRST_VISIBLE, out=scratch.is_other[:size])
    np.logical_and(is_colon, is_other, out=is_other)
    if is_other.any():
        _count_others(count, following[is_other], block[LOOK_AHEAD:][is_other])


def _count_others(count: KeyCount, following: "Bytes", second: "Bytes") -> None:
    is_spaced = following == SPACE
    is_null = (following == LETTER_N) | (is_spaced & (second == LETTER_N))
    is_plain = is_spaced & (second - FIRST_VISIBLE < BEHIND_DIGITS - FIRST_VISIBLE)
    count.values -= int(is_null.sum())
    count.is_suspicious |= not (is_null | is_plain).all()
