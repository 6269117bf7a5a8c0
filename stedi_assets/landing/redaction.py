"""Taking a person's records out of a raw landing file, and leaving every other byte as it was.

A record is a person's if its text names them: as it stands or behind JSON's escapes, in any key, whether it is a whole
record or a broken one.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import BinaryIO

from stedi_assets.landing.scanning import RecordScanner, Refused, Run, Span
from stedi_assets.landing.structure import Limits
from stedi_assets.tables import Column

COPIED_BYTES = 1 << 22
"""How many bytes are copied or searched at once."""

ESCAPED_CHARACTER = re.compile(r"\\u([0-9a-fA-F]{4})")
BEFORE_NAME = r"(?<![A-Za-z0-9._%+-])"
BEHIND_NAME = r"(?![A-Za-z0-9_%+@-]|\.[A-Za-z0-9])"


@dataclass(frozen=True)
class Person:
    """What names a person.

    Attributes:
        names: Such as an email and serial numbers, each matched whole and without regard to case.
    """

    names: tuple[str, ...]

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        names = "|".join(map(re.escape, self.names))
        return re.compile(f"{BEFORE_NAME}(?:{names}){BEHIND_NAME}", re.IGNORECASE)

    def is_named_in(self, text: str) -> bool:
        """Whether a text names the person.

        Args:
            text: JSON, whole or broken, or any other.
        """
        if self._pattern.search(text):
            return True
        if "\\" not in text:
            return False
        unescaped = ESCAPED_CHARACTER.sub(lambda match: chr(int(match[1], 16)), text).replace("\\/", "/")
        return self._pattern.search(unescaped) is not None

    def may_be_named_in(self, content: BinaryIO) -> bool:
        """Whether a file may name the person: a quick look, which takes every backslash for an escaped name.

        Args:
            content: The decompressed file, read to its end.
        """
        wanted = (b"\\", *(name.lower().encode() for name in self.names))
        carried = b""
        while block := content.read(COPIED_BYTES):
            searched = (carried + block).lower()
            if any(name in searched for name in wanted):
                return True
            carried = block[-max(map(len, wanted)) :]
        return False


@dataclass(frozen=True)
class Redaction:
    """What to take out of a file.

    Attributes:
        records: How many records, and broken stretches, name the person.
        removed: The stretches to leave out, from offset to offset, in order; separators among them.
    """

    records: int
    removed: Sequence[tuple[int, int]]


def find_records(content: BinaryIO, columns: Sequence[Column], person: Person) -> Redaction:
    """Finds the records of a person in a raw file.

    Args:
        content: The decompressed file, which can seek.
        columns: The contract of its records.
        person: Whose records.

    Returns:
        What to take out, so that what is left is as well-formed as it was.
    """
    records = 0
    removed: list[tuple[int, int]] = []
    kept_end: int | None = None
    opening_end: int | None = None
    for start, end, is_theirs in _records(content, columns, person):
        opening_end = start if opening_end is None else opening_end
        if is_theirs:
            records += 1
            # With what separates it from the record before it; before the first record stands the file's opening.
            _extend(removed, opening_end if kept_end is None else kept_end, end)
            kept_end = end if kept_end is not None else None
            continue
        if kept_end is None and removed:
            _extend(removed, removed[-1][1], start)
        kept_end = end
    return Redaction(records, removed)


def _extend(removed: list[tuple[int, int]], start: int, end: int) -> None:
    if removed and removed[-1][1] >= start:
        removed[-1] = (removed[-1][0], end)
    else:
        removed.append((start, end))


def _records(content: BinaryIO, columns: Sequence[Column], person: Person) -> Iterator[tuple[int, int, bool]]:
    """Yields where each record and broken stretch begins and ends, in bytes, and whether it names the person."""
    for event in RecordScanner(content, [column.name for column in columns], Limits()).events():
        if isinstance(event, Run):
            yield from _records_of_run(event, person)
        elif isinstance(event, Span):
            yield event.offset, event.offset + len(event.data), person.is_named_in(event.data.decode(errors="replace"))
        elif isinstance(event, Refused):
            yield event.offset, event.offset + event.length, _is_named_in_stretch(content, event, person)


def _records_of_run(run: Run, person: Person) -> Iterator[tuple[int, int, bool]]:
    is_named = person.is_named_in(run.text[: run.ends[-1]])
    offset, counted = run.offset, 0
    for start, end in zip(run.starts, run.ends, strict=True):
        offset += len(run.text[counted:start].encode())
        record = run.text[start:end]
        length = len(record.encode())
        yield offset, offset + length, is_named and person.is_named_in(record)
        offset, counted = offset + length, end


def _is_named_in_stretch(content: BinaryIO, stretch: Refused, person: Person) -> bool:
    position = content.tell()
    content.seek(stretch.offset)
    text = content.read(stretch.length).decode(errors="replace")
    content.seek(position)
    return person.is_named_in(text)


def copy_without(content: BinaryIO, removed: Sequence[tuple[int, int]], target: BinaryIO) -> None:
    """Copies a file without some stretches of it.

    Args:
        content: The decompressed file, which can seek.
        removed: From offset to offset, in order.
        target: Where to.
    """
    position = 0
    content.seek(0)
    for start, end in removed:
        _copy(content, start - position, target)
        content.seek(end)
        position = end
    _copy(content, None, target)


def _copy(content: BinaryIO, size: int | None, target: BinaryIO) -> None:
    left = size
    while left is None or left > 0:
        block = content.read(COPIED_BYTES if left is None else min(left, COPIED_BYTES))
        if not block:
            return
        target.write(block)
        left = None if left is None else left - len(block)
