"""Whether a file may hold a true or a false, which strict JSON readers store as 1 or 0 in a column of numbers.

The search needs NumPy for large files alone. In compact JSON it takes a tenth of the time that `in` takes to search the
bytes for the two words; where a space follows each colon, both take the same time.
"""

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    import numpy as np

    Bytes = np.ndarray[tuple[int], np.dtype[np.uint8]]

SMALL_BYTES = 1 << 22
"""Smaller files are searched for the two words, which takes less time than importing NumPy."""

BLOCK_BYTES = 1 << 20
"""The size of a block: large enough that the calls of NumPy cost little."""

LOOK_AHEAD = 2
"""How many bytes after a colon decide: a space, and the beginning of the value."""

COLON, SPACE, LETTER_N = b": n"
FIRST_VISIBLE, BEHIND_DIGITS = b"!@"
"""Texts and numbers begin with a byte from `FIRST_VISIBLE` up to, but not including, `BEHIND_DIGITS`. True, false, null
and brackets begin with a greater byte, white space with a lesser one."""

PLAIN_BEGINNINGS = BEHIND_DIGITS - FIRST_VISIBLE
"""The number of first bytes that texts and numbers may have."""


@dataclass(frozen=True)
class Scratch:
    """Memory for the intermediate results of a block, which is reused: allocating it takes longer than computing."""

    is_colon: "np.ndarray[tuple[int], np.dtype[np.bool_]]"
    distance: "Bytes"


def may_hold_booleans(stream: BinaryIO) -> bool:
    """Whether a value of a file of JSON objects may be a true or a false.

    The answer is never a wrong False. It is True wherever a byte that begins neither a text nor a number nor a null
    follows a colon, even within a text; but a small file must also contain one of the two words.

    Args:
        stream: The decompressed file.
    """
    beginning = stream.read(SMALL_BYTES)
    if len(beginning) < SMALL_BYTES and b"true" not in beginning and b"false" not in beginning:
        return False
    # The import takes a tenth of a second, which few files need.
    import numpy as np  # noqa: PLC0415

    block = np.full(LOOK_AHEAD + BLOCK_BYTES, SPACE, np.uint8)
    scratch = Scratch(np.empty(BLOCK_BYTES, np.bool_), np.empty(BLOCK_BYTES, np.uint8))
    new_bytes = memoryview(block.data)[LOOK_AHEAD:]
    for part in (io.BytesIO(beginning), stream):
        while size := part.readinto(new_bytes):  # type: ignore[attr-defined]
            if _is_suspicious(block[: size + LOOK_AHEAD], scratch):
                return True
            block[:LOOK_AHEAD] = block[size : size + LOOK_AHEAD]
    block[LOOK_AHEAD : 2 * LOOK_AHEAD] = SPACE
    return _is_suspicious(block[: 2 * LOOK_AHEAD], scratch)


def _is_suspicious(block: "Bytes", scratch: Scratch) -> bool:
    import numpy as np  # noqa: PLC0415

    size = len(block) - LOOK_AHEAD
    following = block[1:-1]
    # As bytes: 1 for a colon, 0 for any other byte.
    mask = np.equal(block[:size], COLON, out=scratch.is_colon[:size]).view(np.uint8)
    # Unsigned bytes wrap around, so one comparison below finds the bytes that are less and those that are greater.
    distance = np.subtract(following, FIRST_VISIBLE, out=scratch.distance[:size])
    # A byte that does not follow a colon becomes 0.
    np.multiply(distance, mask, out=distance)
    if distance.max(initial=0) < PLAIN_BEGINNINGS:
        return False
    is_other = distance >= PLAIN_BEGINNINGS
    return _are_suspicious(following[is_other], block[LOOK_AHEAD:][is_other])


def _are_suspicious(following: "Bytes", second: "Bytes") -> bool:
    is_spaced = following == SPACE
    is_null = (following == LETTER_N) | (is_spaced & (second == LETTER_N))
    is_plain = is_spaced & (second - FIRST_VISIBLE < PLAIN_BEGINNINGS)
    return not (is_null | is_plain).all()
