"""Taking a person's records out of a raw landing file, and leaving every other byte as it was."""

import codecs
import gzip
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO, Protocol, cast

from stedi_assets.contract import Column
from stedi_assets.erasure.person import Mention, Person
from stedi_assets.salvage.buffer import Limits
from stedi_assets.salvage.content import UTF_8, Content
from stedi_assets.salvage.events import Refused, Run, Span
from stedi_assets.salvage.scanning import RecordScanner
from stedi_assets.salvage.values import members

BRACKETS = re.compile(rb"[][]")
COMMA = re.compile(rb",")

COPIED_BYTES = 1 << 22
"""How many bytes are copied at once."""


@dataclass(frozen=True)
class Redaction:
    """What to take out of a file.

    Attributes:
        records: How many records, and broken stretches, name the person.
        removed: The stretches to leave out, from offset to offset, in order; separators among them.
        doubtful: How many others mention the person in a way that somebody should look at.
        found: How many records and stretches the file holds.
        is_damaged: Whether the file's compression breaks off, so that what follows is not in it any more.
    """

    records: int = 0
    removed: Sequence[tuple[int, int]] = ()
    doubtful: int = 0
    found: int = 0
    is_damaged: bool = False


def decoded_records(content: BinaryIO, columns: Sequence[Column]) -> Iterator[Sequence[tuple[str, object]]]:
    """Decodes the records of a raw file, rows or not.

    Args:
        content: The decompressed file in UTF-8.
        columns: The contract of its records.

    Yields:
        Each record's keys and values; a number is its own text.
    """
    for event in RecordScanner(content, [column.name for column in columns], Limits()).events():
        if isinstance(event, Run):
            for start, end in zip(event.starts, event.ends, strict=True):
                yield members(event.text[start:end])
        elif isinstance(event, Span):
            with suppress(ValueError):
                yield members(event.data.decode())


def find_records(content: BinaryIO, columns: Sequence[Column], person: Person) -> Redaction:
    """Finds the records of a person in a raw file.

    Args:
        content: The decompressed file in UTF-8, which can seek.
        columns: The contract of its records.
        person: Whose records.

    Returns:
        What to take out, so that what is left is as well-formed as it was.
    """
    records = doubtful = found = 0
    removed: list[tuple[int, int]] = []
    separators: list[tuple[int, int]] = []
    kept_end: int | None = None
    opening_end: int | None = None
    for start, end, mention in _records(content, columns, person):
        found += 1
        doubtful += mention is Mention.DOUBTFUL
        opening_end = start if opening_end is None else opening_end
        if mention is Mention.CERTAIN:
            records += 1
            # With what separates it from the record before it; before the first record stands the file's opening.
            before = opening_end if kept_end is None else kept_end
            separators.append((before if not removed else max(before, removed[-1][1]), start))
            removed.append((start, end))
            kept_end = end if kept_end is not None else None
            continue
        if kept_end is None and removed:
            separators.append((removed[-1][1], start))
        kept_end = end
    if records == found:
        # What would be left is no JSON any more, such as a byte order mark.
        return Redaction(records, [(0, content.seek(0, os.SEEK_END))] if records else [], doubtful, found)
    gaps = [gap for start, end in separators for gap in _without_brackets(content, start, end)]
    return Redaction(records, _merged(sorted([*removed, *gaps])), doubtful, found)


def _without_brackets(content: BinaryIO, start: int, end: int) -> list[tuple[int, int]]:
    """Returns what goes of the bytes between two records: all, or the commas alone where an array begins or ends."""
    content.seek(start)
    between = content.read(end - start)
    if not BRACKETS.search(between):
        return [(start, end)] if end > start else []
    return [(start + match.start(), start + match.end()) for match in COMMA.finditer(between)]


def _merged(stretches: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in stretches:
        if merged and merged[-1][1] >= start:
            merged[-1] = (merged[-1][0], end)
        else:
            merged.append((start, end))
    return merged


def _records(content: BinaryIO, columns: Sequence[Column], person: Person) -> Iterator[tuple[int, int, Mention]]:
    """Yields where each record and broken stretch begins and ends, in bytes, and how it mentions the person."""
    for event in RecordScanner(content, [column.name for column in columns], Limits()).events():
        if isinstance(event, Run):
            yield from _records_of_run(event, columns, person)
        elif isinstance(event, Span):
            yield event.offset, event.offset + len(event.data), _mention_in_span(event, columns, person)
        elif isinstance(event, Refused):
            yield event.offset, event.offset + event.length, _mention_in_stretch(content, event, person)


def _records_of_run(run: Run, columns: Sequence[Column], person: Person) -> Iterator[tuple[int, int, Mention]]:
    may_be_named = person.may_be_in(run.text[: run.ends[-1]])
    offset, counted = run.offset, 0
    for start, end in zip(run.starts, run.ends, strict=True):
        offset += len(run.text[counted:start].encode())
        record = run.text[start:end]
        length = len(record.encode())
        mention = person.mention_in_record(record, columns) if may_be_named else Mention.NONE
        yield offset, offset + length, mention
        offset, counted = offset + length, end


def _mention_in_span(span: Span, columns: Sequence[Column], person: Person) -> Mention:
    try:
        return person.mention_in_record(span.data.decode(), columns)
    except UnicodeDecodeError:
        return person.mention_in(span.data.decode(errors="replace"))


def _mention_in_stretch(content: BinaryIO, stretch: Refused, person: Person) -> Mention:
    position = content.tell()
    content.seek(stretch.offset)
    text = content.read(stretch.length).decode(errors="replace")
    content.seek(position)
    return person.mention_in(text)


class Target(Protocol):
    """What bytes are written to."""

    def write(self, data: bytes, /) -> int:
        """Takes bytes."""
        ...


class Encoded:
    """Writes UTF-8 in another encoding.

    Args:
        target: Where to.
        encoding: Which.
    """

    def __init__(self, target: Target, encoding: str) -> None:
        self._target = target
        self._encoding = encoding
        self._decoder = codecs.getincrementaldecoder(UTF_8)("surrogatepass")

    def write(self, data: bytes) -> int:
        """Takes bytes.

        Args:
            data: UTF-8, cut anywhere.
        """
        self._target.write(self._decoder.decode(data).encode(self._encoding, "surrogatepass"))
        return len(data)


def write_without(content: BinaryIO, removed: Sequence[tuple[int, int]], like: Content, target: BinaryIO) -> None:
    """Writes a file without some stretches of it, compressed and encoded as it is.

    Args:
        content: The decompressed file in UTF-8, which can seek.
        removed: From offset to offset, in order.
        like: The file's content, which knows how it is stored.
        target: Where to.
    """
    if not like.is_compressed:
        _copy_without(content, removed, _encoded(target, like.encoding))
        return
    with gzip.GzipFile(fileobj=target, mode="wb", mtime=0) as compressed:
        _copy_without(content, removed, _encoded(cast("Target", compressed), like.encoding))


def _encoded(target: Target, encoding: str) -> Target:
    return target if encoding == UTF_8 else Encoded(target, encoding)


def _copy_without(content: BinaryIO, removed: Sequence[tuple[int, int]], target: Target) -> None:
    position = 0
    content.seek(0)
    for start, end in removed:
        _copy(content, start - position, target)
        content.seek(end)
        position = end
    _copy(content, None, target)


def _copy(content: BinaryIO, size: int | None, target: Target) -> None:
    left = size
    while left is None or left > 0:
        block = content.read(COPIED_BYTES if left is None else min(left, COPIED_BYTES))
        if not block:
            return
        target.write(block)
        left = None if left is None else left - len(block)
