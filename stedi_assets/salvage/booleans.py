"""What a strict JSON reader does not tell of a number: whether it was a true or a false."""

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    import numpy as np

    Bytes = np.ndarray[tuple[int], np.dtype[np.uint8]]

SMALL_BYTES = 1 << 22
"""How large a file may be to be looked at as a text, which takes less time than importing NumPy."""

BLOCK_BYTES = 1 << 20
"""How many bytes are looked at at once: enough that calling NumPy costs little beside what it does."""

LOOK_AHEAD = 2
"""How many bytes after a colon are looked at: a space, and the beginning of the value."""

COLON, SPACE, LETTER_N = b": n"
FIRST_VISIBLE, BEHIND_DIGITS = b"!@"
"""A text and a number begin with a byte from `FIRST_VISIBLE` up to, without, `BEHIND_DIGITS`; true, false, null and
brackets begin with one that is greater."""

PLAIN_BEGINNINGS = BEHIND_DIGITS - FIRST_VISIBLE


@dataclass(frozen=True)
class Scratch:
    """Memory for a block's intermediate results, used again and again: getting new takes longer than computing."""

    is_colon: "np.ndarray[tuple[int], np.dtype[np.bool_]]"
    distance: "Bytes"


def may_hold_booleans(stream: BinaryIO) -> bool:
    """Tells whether a value of a file of JSON objects may be a true or a false.

    Args:
        stream: The decompressed file.

    Returns:
        Whether a colon is followed by something else than a text, a number or null, be it within a text. In a small
        file that spells neither word it is not.
    """
    beginning = stream.read(SMALL_BYTES)
    if len(beginning) < SMALL_BYTES and b"true" not in beginning and b"false" not in beginning:
        return False
    # Imported here, where it is needed: it takes a tenth of a second.
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
    # As bytes, 1 where there is a colon.
    mask = np.equal(block[:size], COLON, out=scratch.is_colon[:size]).view(np.uint8)
    # Unsigned bytes wrap around, so that one comparison finds what is less or greater.
    distance = np.subtract(following, FIRST_VISIBLE, out=scratch.distance[:size])
    # What does not follow a colon becomes nought.
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
