"""Removes a person's records from a raw landing file, and changes no other byte."""

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
"""The size of the blocks in which a file is copied."""

ByteRange = tuple[int, int]
"""The offset of the first byte, and the offset after the last."""


@dataclass(frozen=True)
class Redaction:
    """The bytes to remove from a raw file. A run of unreadable bytes counts as one record.

    Attributes:
        records: How many records name the person.
        removed_ranges: The byte ranges to remove, in order; the separators of removed records included.
        doubtful: How many other records mention the person in a way that somebody has to look at.
        found: How many records the file holds.
        is_damaged: Whether the compressed file is damaged: what follows the damage is lost.
    """

    records: int = 0
    removed_ranges: Sequence[ByteRange] = ()
    doubtful: int = 0
    found: int = 0
    is_damaged: bool = False


def decoded_records(content: BinaryIO, columns: Sequence[Column]) -> Iterator[Sequence[tuple[str, object]]]:
    """Decodes the records of a raw file, whether or not they can become rows.

    Args:
        content: The decompressed file in UTF-8.
        columns: The contract's columns of its records.

    Yields:
        Each record's keys and values; a number as the text that the record spells.
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
        columns: The contract's columns of its records.
        person: The person to search for.

    Returns:
        The redaction. A well-formed file stays well-formed.
    """
    records = doubtful = found = 0
    removed: list[ByteRange] = []
    separators: list[ByteRange] = []
    kept_end: int | None = None
    opening_end: int | None = None
    for start, end, mention in _records(content, columns, person):
        found += 1
        doubtful += mention is Mention.DOUBTFUL
        opening_end = start if opening_end is None else opening_end
        if mention is Mention.CERTAIN:
            records += 1
            # The separator before the record goes with it; the file's opening before the first record stays.
            before = opening_end if kept_end is None else kept_end
            separators.append((before if not removed else max(before, removed[-1][1]), start))
            removed.append((start, end))
            kept_end = end if kept_end is not None else None
            continue
        if kept_end is None and removed:
            separators.append((removed[-1][1], start))
        kept_end = end
    if records == found:
        # Without any record the rest is not JSON, such as a byte order mark: remove the whole content.
        return Redaction(records, [(0, content.seek(0, os.SEEK_END))] if records else [], doubtful, found)
    gaps = [gap for start, end in separators for gap in _without_brackets(content, start, end)]
    return Redaction(records, _merged(sorted([*removed, *gaps])), doubtful, found)


def _without_brackets(content: BinaryIO, start: int, end: int) -> list[ByteRange]:
    """Returns what to remove between two records: all, or only the commas if an array begins or ends there."""
    content.seek(start)
    between = content.read(end - start)
    if not BRACKETS.search(between):
        return [(start, end)] if end > start else []
    return [(start + match.start(), start + match.end()) for match in COMMA.finditer(between)]


def _merged(ranges: Sequence[ByteRange]) -> list[ByteRange]:
    merged: list[ByteRange] = []
    for start, end in ranges:
        if merged and merged[-1][1] >= start:
            merged[-1] = (merged[-1][0], end)
        else:
            merged.append((start, end))
    return merged


def _records(content: BinaryIO, columns: Sequence[Column], person: Person) -> Iterator[tuple[int, int, Mention]]:
    """Yields the byte range of each record and run of unreadable bytes, and how it mentions the person."""
    for event in RecordScanner(content, [column.name for column in columns], Limits()).events():
        if isinstance(event, Run):
            yield from _records_of_run(event, columns, person)
        elif isinstance(event, Span):
            yield event.offset, event.offset + len(event.data), _mention_in_span(event, columns, person)
        elif isinstance(event, Refused):
            yield event.offset, event.offset + event.length, _mention_in_unreadable_bytes(content, event, person)


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


def _mention_in_unreadable_bytes(content: BinaryIO, refused: Refused, person: Person) -> Mention:
    position = content.tell()
    content.seek(refused.offset)
    text = content.read(refused.length).decode(errors="replace")
    content.seek(position)
    return person.mention_in(text)


class Writer(Protocol):
    """A binary file that is only written."""

    def write(self, data: bytes, /) -> int:
        """Writes bytes, and returns how many."""
        ...


class ReencodingWriter:
    """Takes UTF-8 and writes it in another encoding.

    Args:
        target: The file to write to.
        encoding: The encoding of that file.
    """

    def __init__(self, target: Writer, encoding: str) -> None:
        self._target = target
        self._encoding = encoding
        self._decoder = codecs.getincrementaldecoder(UTF_8)("surrogatepass")

    def write(self, data: bytes) -> int:
        """Writes UTF-8 text, which may be cut within a character.

        Returns:
            The number of bytes taken.
        """
        self._target.write(self._decoder.decode(data).encode(self._encoding, "surrogatepass"))
        return len(data)


def write_without(content: BinaryIO, removed: Sequence[ByteRange], like: Content, target: BinaryIO) -> None:
    """Writes a file without some byte ranges, in the compression and encoding of the original.

    Args:
        content: The decompressed file in UTF-8, which can seek.
        removed: The byte ranges to leave out, in order.
        like: The original content, which knows its compression and encoding.
        target: The file to write to.
    """
    if not like.is_compressed:
        _copy_without(content, removed, _encoded(target, like.encoding))
        return
    with gzip.GzipFile(fileobj=target, mode="wb", mtime=0) as compressed:
        _copy_without(content, removed, _encoded(cast("Writer", compressed), like.encoding))


def _encoded(target: Writer, encoding: str) -> Writer:
    return target if encoding == UTF_8 else ReencodingWriter(target, encoding)


def _copy_without(content: BinaryIO, removed: Sequence[tuple[int, int]], target: Writer) -> None:
    position = 0
    content.seek(0)
    for start, end in removed:
        _copy(content, start - position, target)
        content.seek(end)
        position = end
    _copy(content, None, target)


def _copy(content: BinaryIO, size: int | None, target: Writer) -> None:
    left = size
    while left is None or left > 0:
        block = content.read(COPIED_BYTES if left is None else min(left, COPIED_BYTES))
        if not block:
            return
        target.write(block)
        left = None if left is None else left - len(block)
