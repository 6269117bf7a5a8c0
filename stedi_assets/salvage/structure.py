"""Following one JSON value through a stream of bytes to its end, or to the byte at which it stops being JSON.

The scan follows the structure alone: it decodes no value, and the longest record allowed bounds its memory. It is the
careful path, for records that the decoder refuses, so it is written for exactness first.

The scan of a broken value also says where the next record may begin (`StructureScan.resume_at`), because a record that
was cut off has swallowed the start of the record after it, in one of two ways:

* Cut inside a string, it has swallowed the next record's opening brace as the last character of that string.
* Cut where a value belongs, it has swallowed the whole next record as a nested object. A nested object counts as a
  record only if it is the value of a column, which never holds an object, or if it begins a line; and only if the
  container around it was still open where the value broke.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from stedi_assets.salvage.buffer import Limits, StreamBuffer

END_OF_STREAM = -1
LEFT_BRACE, RIGHT_BRACE = b"{}"
LEFT_BRACKET, RIGHT_BRACKET = b"[]"
COMMA, COLON, QUOTE, BACKSLASH, LINE_FEED = b',:"\\\n'
SCALAR_STARTS = b"-0123456789tfnNI"

# How far before the current position the bytes of a record too long to hold stay readable.
LOOK_BACK_BYTES = 64
LONGEST_ESCAPE_BYTES = 6
LONGEST_KNOWN_KEY_BYTES = 256

WHITE_SPACE = re.compile(rb"[ \t\r\n]*")
STRING_STOP = re.compile(rb'["\\\x00-\x1f]')
ESCAPE = re.compile(rb'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})')
PART_OF_ESCAPE = re.compile(rb"\\(?:u[0-9a-fA-F]{0,3})?")
SCALAR_RUN = re.compile(rb"[-+.0-9A-Za-z]*")
SCALAR = re.compile(rb"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null|NaN|-?Infinity")
RECORD_START_AT_END_OF_STRING = re.compile(rb"\{ {0,32}\Z")


class Discard(Protocol):
    """Gets the bytes of a value that is too long, before the stream drops them."""

    def cover(self, source: StreamBuffer, end: int) -> None:
        """Takes all bytes before an offset."""
        ...


class ScanState(Enum):
    """How far a scan has followed its value."""

    UNFINISHED = auto()
    COMPLETE = auto()
    BROKEN = auto()
    TOO_LONG = auto()


class Expectation(Enum):
    """The tokens that may come next: as in JSON, but an object or an array may also end after a comma."""

    VALUE = auto()
    ELEMENT_OR_END = auto()
    KEY_OR_END = auto()
    COLON = auto()
    COMMA_OR_END_OF_OBJECT = auto()
    COMMA_OR_END_OF_ARRAY = auto()
    NOTHING = auto()


@dataclass(slots=True)
class OpenContainer:
    """An object or array that has begun and not ended.

    Attributes:
        start: The offset of its opening brace or bracket.
        is_object: Whether it is an object.
        may_be_record: Whether it counts as a record if a container around it is broken.
        first_possible_record: The offset of the first such object directly inside.
    """

    start: int
    is_object: bool
    may_be_record: bool
    first_possible_record: int | None = None

    def note_possible_record(self, start: int) -> None:
        """Keeps the first of the offsets given."""
        if self.first_possible_record is None:
            self.first_possible_record = start


class StructureScan:
    """Follows one JSON value from its first byte.

    Args:
        source: The stream.
        start: The offset of the value's first byte.
        known_keys: The columns' names in lower case, as UTF-8 with their quotes.
        limits: The longest and deepest value allowed.

    Attributes:
        start: The offset of the value's first byte.
        position: The offset up to which the value has been followed.
        too_deep: The value is broken because it nests too deeply.
        discard: Gets the bytes of a value that is too long to be held; None while the value is held.
    """

    def __init__(self, source: StreamBuffer, start: int, known_keys: frozenset[bytes], limits: Limits) -> None:
        self.start = start
        self.position = start
        self.too_deep = False
        self.discard: Discard | None = None
        self._source = source
        self._known_keys = known_keys
        self._limits = limits
        self._containers: list[OpenContainer] = []
        self._expectation = Expectation.VALUE
        self._after_string = Expectation.NOTHING
        self._in_string = False
        self._string_start = start
        self._key_is_known = False
        self._record_start_in_string: int | None = None
        self._is_broken = False

    def run(self) -> ScanState:
        """Follows the value, and returns `COMPLETE`, `BROKEN` or `TOO_LONG`.

        Then `position` is after the value, at the byte that breaks it, or past the longest length allowed. After
        `TOO_LONG`, the caller may set `discard` and call again: the scan goes on without holding the value.
        """
        state = ScanState.UNFINISHED
        while state is ScanState.UNFINISHED:
            state = self._step()
            if self._is_too_long():
                return ScanState.TOO_LONG
        return state

    def possible_record(self) -> int | None:
        """Returns the offset of the first nested object that counts as a record if this value is broken."""
        starts = (container.first_possible_record for container in self._containers)
        return next((start for start in starts if start is not None), None)

    def resume_at(self) -> int:
        """Returns the offset at which to search for the next record if this value is none."""
        nested = self.possible_record()
        if nested is not None:
            return nested
        in_string = self._record_start_in_string
        if in_string is not None and self.position - in_string <= LOOK_BACK_BYTES:
            return in_string
        return self.position

    def _step(self) -> ScanState:
        if self._is_broken:
            return ScanState.BROKEN
        if self._in_string:
            return self._follow_string()
        if self._expectation is Expectation.NOTHING:
            return ScanState.COMPLETE
        byte = self._next_byte()
        if self._is_too_long():
            return ScanState.UNFINISHED
        take = GRAMMAR[self._expectation].get(byte)
        if take is None:
            return self._break_at(self.position)
        self._record_start_in_string = None
        return take(self)

    def _is_too_long(self) -> bool:
        return self.discard is None and self.position - self.start > self._limits.record_bytes

    def _break_at(self, position: int) -> ScanState:
        self.position = position
        self._is_broken = True
        return ScanState.BROKEN

    def _read_on(self) -> bool:
        if self.discard is None:
            return self._source.read_on(self.start)
        keep_from = max(self.position - LOOK_BACK_BYTES, self.start)
        self.discard.cover(self._source, keep_from)
        return self._source.read_on(keep_from)

    def _next_byte(self) -> int:
        source = self._source
        while not self._is_too_long():
            index = self._end_of(WHITE_SPACE)
            self.position = source.start + index
            if index < len(source.data):
                return source.data[index]
            if not self._read_on():
                return END_OF_STREAM
        return END_OF_STREAM

    def _end_of(self, run: re.Pattern[bytes]) -> int:
        """Returns the index in the data held at which a run of bytes ends; the run may be empty."""
        match = run.match(self._source.data, self.position - self._source.start)
        return match.end() if match else self.position - self._source.start

    def _open_object(self) -> ScanState:
        return self._open(Expectation.KEY_OR_END, is_object=True)

    def _open_array(self) -> ScanState:
        return self._open(Expectation.ELEMENT_OR_END, is_object=False)

    def _open(self, expectation: Expectation, is_object: bool) -> ScanState:
        if len(self._containers) == self._limits.depth:
            self.too_deep = True
            return self._break_at(self.position)
        may_be_record = is_object and self.discard is None and self._is_where_records_begin()
        self._containers.append(OpenContainer(self.position, is_object, may_be_record))
        self.position += 1
        self._expectation = expectation
        return ScanState.UNFINISHED

    def _is_where_records_begin(self) -> bool:
        if not self._containers:
            return False
        is_value_of_column = len(self._containers) == 1 and self._containers[0].is_object and self._key_is_known
        return is_value_of_column or self._source.data[self.position - 1 - self._source.start] == LINE_FEED

    def _close(self) -> ScanState:
        container = self._containers.pop()
        self.position += 1
        if container.may_be_record and self.discard is None:
            self._containers[-1].note_possible_record(container.start)
        self._expectation = self._after_value()
        return ScanState.UNFINISHED

    def _after_value(self) -> Expectation:
        if not self._containers:
            return Expectation.NOTHING
        if self._containers[-1].is_object:
            return Expectation.COMMA_OR_END_OF_OBJECT
        return Expectation.COMMA_OR_END_OF_ARRAY

    def _take_comma(self) -> ScanState:
        self.position += 1
        self._expectation = Expectation.KEY_OR_END if self._containers[-1].is_object else Expectation.ELEMENT_OR_END
        return ScanState.UNFINISHED

    def _take_colon(self) -> ScanState:
        self.position += 1
        self._expectation = Expectation.VALUE
        return ScanState.UNFINISHED

    def _begin_key(self) -> ScanState:
        # A nested object that another key follows was a value, not the next record.
        self._containers[-1].first_possible_record = None
        return self._begin(Expectation.COLON)

    def _begin_text(self) -> ScanState:
        return self._begin(self._after_value())

    def _begin(self, after_string: Expectation) -> ScanState:
        self._string_start = self.position
        self.position += 1
        self._in_string = True
        self._after_string = after_string
        return ScanState.UNFINISHED

    def _follow_string(self) -> ScanState:
        source = self._source
        stop = STRING_STOP.search(source.data, self.position - source.start)
        if stop is None:
            self.position = source.end
            return ScanState.UNFINISHED if self._is_too_long() or self._read_on() else self._break_at(source.end)
        self.position = source.start + stop.start()
        if stop.group() == b'"':
            return self._end_string()
        if stop.group() == b"\\":
            return self._take_escape()
        return self._break_at(self.position)

    def _take_escape(self) -> ScanState:
        source = self._source
        while source.end < self.position + LONGEST_ESCAPE_BYTES and self._read_on():
            pass
        escape = ESCAPE.match(source.data, self.position - source.start)
        if escape is None:
            return self._break_at(source.start + self._end_of(PART_OF_ESCAPE))
        self.position = source.start + escape.end()
        return ScanState.UNFINISHED

    def _end_string(self) -> ScanState:
        text_end = self.position
        self.position += 1
        self._in_string = False
        self._expectation = self._after_string
        if self._after_string is Expectation.COLON and len(self._containers) == 1:
            self._key_is_known = self._is_known_key()
        tail_start = max(self._string_start + 1, text_end - LOOK_BACK_BYTES // 2)
        tail = self._source.piece(tail_start, text_end)
        record_start = RECORD_START_AT_END_OF_STRING.search(tail)
        self._record_start_in_string = record_start and tail_start + record_start.start()
        return ScanState.UNFINISHED

    def _is_known_key(self) -> bool:
        if self.position - self._string_start > LONGEST_KNOWN_KEY_BYTES:
            return False
        return self._source.piece(self._string_start, self.position).lower() in self._known_keys

    def _take_scalar(self) -> ScanState:
        source = self._source
        longest = self._limits.record_bytes
        end = self._end_of(SCALAR_RUN)
        while end == len(source.data) and source.start + end - self.position <= longest and self._read_on():
            end = self._end_of(SCALAR_RUN)
        if source.start + end - self.position > longest:
            return self._break_at(self.position + longest)
        if not SCALAR.fullmatch(source.data, self.position - source.start, end):
            return self._break_at(source.start + end)
        self.position = source.start + end
        self._expectation = self._after_value()
        return ScanState.UNFINISHED


VALUE_STARTS: dict[int, Callable[[StructureScan], ScanState]] = {
    LEFT_BRACE: StructureScan._open_object,
    LEFT_BRACKET: StructureScan._open_array,
    QUOTE: StructureScan._begin_text,
    **dict.fromkeys(SCALAR_STARTS, StructureScan._take_scalar),
}
GRAMMAR: dict[Expectation, dict[int, Callable[[StructureScan], ScanState]]] = {
    Expectation.VALUE: VALUE_STARTS,
    Expectation.ELEMENT_OR_END: {**VALUE_STARTS, RIGHT_BRACKET: StructureScan._close},
    Expectation.KEY_OR_END: {QUOTE: StructureScan._begin_key, RIGHT_BRACE: StructureScan._close},
    Expectation.COLON: {COLON: StructureScan._take_colon},
    Expectation.COMMA_OR_END_OF_OBJECT: {COMMA: StructureScan._take_comma, RIGHT_BRACE: StructureScan._close},
    Expectation.COMMA_OR_END_OF_ARRAY: {COMMA: StructureScan._take_comma, RIGHT_BRACKET: StructureScan._close},
}
