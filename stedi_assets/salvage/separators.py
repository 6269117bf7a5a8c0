"""Records without a newline between them, made newline-delimited, so that a strict reader can take them.

Only what lies between a closing and an opening brace is replaced. Should that be inside a text, the text then holds a
newline, which JSON does not allow: the strict reader refuses the file and the exact reader takes it. So a file that is
read strictly afterwards was changed between its records alone.
"""

import re
from typing import BinaryIO

BLOCK_BYTES = 1 << 22
"""How many bytes are changed at once."""

LONGEST_RECORD_BYTES = 1 << 24
"""Without a closing brace in so many bytes, this is not worth a try."""

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
SEPARATOR = re.compile(rb"\}([ \t\r\n]*,?[ \t\r\n]*)\{")


def separate(source: BinaryIO, target: BinaryIO) -> bool:
    """Copies records, each onto a line of its own, if they are not yet.

    Args:
        source: The decompressed file.
        target: Where to.

    Returns:
        Whether anything had to be changed: if not, a strict reader refuses the copy as it refused the file.
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
