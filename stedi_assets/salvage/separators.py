"""Making files newline-delimited for a strict reader, by replacing the bytes between records.

Only bytes between a closing and an opening brace are replaced. If those braces are part of a text, the text then holds
a newline, which JSON does not allow, so the strict reader refuses the copy and the exact reader takes the file. So a
copy that the strict reader accepts differs from the file between records alone.
"""

import re
from typing import BinaryIO

BLOCK_BYTES = 1 << 22
"""How many bytes are read and changed at once."""

LONGEST_RECORD_BYTES = 1 << 24
"""After so many bytes without a closing brace, `separate` gives up."""

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
SEPARATOR = re.compile(rb"\}([ \t\r\n]*,?[ \t\r\n]*)\{")


def separate(source: BinaryIO, target: BinaryIO) -> bool:
    """Copies records, each onto a line of its own.

    Args:
        source: The decompressed file.
        target: Gets the copy.

    Returns:
        Whether the copy is complete and differs from the file. If not, the copy is of no use: a strict reader that
        refused the file refuses its records again.
    """
    block = source.read(BLOCK_BYTES)
    begun = block.removeprefix(BYTE_ORDER_MARK).lstrip()
    is_array = begun.startswith(b"[")
    separators = {match[1] for match in SEPARATOR.finditer(begun[:BLOCK_BYTES])} - {b"\n", b"\r\n"}
    if not separators and not is_array and begun == block and not _ends_with_comma(block):
        return False
    carried = begun.removeprefix(b"[")
    while block := source.read(BLOCK_BYTES):
        end = carried.rfind(b"}")
        if end < 0 and len(carried) > LONGEST_RECORD_BYTES:
            return False
        target.write(_separated(carried[: max(end, 0)], separators))
        carried = carried[max(end, 0) :] + block
    end = carried.rfind(b"}")
    target.write(_separated(carried[: end + 1], separators))
    target.write(carried[end + 1 :].strip(b", \t\r\n").removesuffix(b"]" if is_array else b"").rstrip(b", \t\r\n"))
    return True


def _ends_with_comma(block: bytes) -> bool:
    return block.rstrip().endswith(b",")


def _separated(records: bytes, separators: set[bytes]) -> bytes:
    for separator in sorted(separators, key=len, reverse=True):
        records = records.replace(b"}" + separator + b"{", b"}\n{")
    return records
