"""Finding the records in a stream of JSON objects, whatever lies between them and whatever is broken.

Where a record is expected, whatever is one complete JSON object is a record: valid JSON is never read otherwise. After
a record that is broken, or where something else stands, this is how the next record is found:

1. The search begins where the broken record stopped being JSON, or at the start of the record it swallowed (see
   `structure`). It goes from one opening brace that is followed by a quote to the next.
2. A candidate that is a complete object is the next record, unless what follows it continues an object around it (a
   closing brace, or a comma and another key): then it is a nested value of what is broken, and is skipped.
3. A candidate that is itself broken is a new broken record if its first key is one of the contract's; otherwise it
   belongs to what was broken before. Either way the search goes on from 1.
4. All that is passed over on the way is one refused stretch, less the white space and commas at its end.

Each byte is followed once as part of the record it broke and at most once more for each level of nesting it was
swallowed in, which `Limits.depth` bounds, so time is linear in the length of the stream.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from stedi_assets.salvage.reasons import ReasonCode
from stedi_assets.salvage.structure import (
    COMMA,
    END_OF_STREAM,
    LEFT_BRACE,
    LEFT_BRACKET,
    RIGHT_BRACKET,
    Limits,
    Outcome,
    StreamBuffer,
    StructureScan,
)

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
LONGEST_CHARACTER_BYTES = 4
SMALLEST_WINDOW_BYTES = 4 << 10
LARGEST_WINDOW_BYTES = 256 << 10

CANDIDATE = re.compile(rb'\{[ \t\r\n]{0,64}"')
LONGEST_CANDIDATE_BYTES = 66
# How far a decision about a candidate looks ahead.
LOOK_AHEAD_BYTES = 256
WHITE_SPACE = re.compile(rb"[ \t\r\n]*")
CONTINUES_AN_OBJECT = re.compile(rb'[ \t\r\n\]]*(?:\}|,[ \t\r\n]*")')
MAY_FOLLOW_A_VALUE = b" \t\r\n,{[]"
SEPARATORS = b" \t\r\n,"
SEPARATOR_IN_TEXT = re.compile(r"[ \t\r\n]*(?:,[ \t\r\n]*)?")
LINE_END = b"}\n"
# A newline that does not stand between the records of two lines.
ODD_NEWLINE = re.compile(rb"\n(?:(?<!\}\n)|(?!\{))")

# What separates records, besides white space: (inside an array, a record came last), byte -> the same two afterwards.
SEPARATING: dict[tuple[bool, bool, int], tuple[bool, bool]] = {
    (False, True, COMMA): (False, False),
    (False, False, LEFT_BRACKET): (True, False),
    (False, True, LEFT_BRACKET): (True, False),
    (True, True, COMMA): (True, False),
    (True, False, RIGHT_BRACKET): (False, True),
    (True, True, RIGHT_BRACKET): (False, True),
    # An array that begins where the one before it needs a comma or its end: that one was cut off.
    (True, True, LEFT_BRACKET): (True, False),
}


@dataclass(frozen=True, slots=True)
class Run:
    """Adjacent records that decode without more ado.

    Attributes:
        offset: The offset in the stream of the first record, in bytes.
        text: Text that begins with the first record.
        values: The decoded records; of a key that occurs twice in a record, only the last value.
        starts: Where in the text each record begins, in characters.
        ends: Where in the text each record ends, in characters.
    """

    offset: int
    text: str
    values: list[dict[str, object]]
    starts: list[int]
    ends: list[int]

    @property
    def byte_count(self) -> int:
        """The bytes from the first record's start to the last record's end."""
        return self.ends[-1] if self.text.isascii() else len(self.text[: self.ends[-1]].encode())

    @property
    def separator_bytes(self) -> int:
        """The bytes between the records, all of which are ASCII."""
        return self.ends[-1] - sum(self.ends) + sum(self.starts)


@dataclass(frozen=True, slots=True)
class Lines:
    """Adjacent lines that look like records, not decoded: braces begin and end each, and are nowhere else.

    Attributes:
        data: Their bytes, which are UTF-8, without the last newline.
        count: How many there are.
    """

    data: bytes
    count: int


@dataclass(frozen=True, slots=True)
class Span:
    """One record that is complete, not yet decoded.

    Attributes:
        offset: Its offset in the stream, in bytes.
        data: Its bytes.
    """

    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Refused:
    """A stretch of the stream that holds no record.

    Attributes:
        offset: Its offset in the stream, in bytes.
        length: Its length in bytes.
        head: Its first bytes.
        code: Why.
    """

    offset: int
    length: int
    head: bytes
    code: ReasonCode


class Stretch:
    """What is passed over until the next record begins, without being held.

    Attributes:
        start: The offset of its first byte.
        broken_at: The offset at which it stopped being JSON.
        code: Why it is refused.
    """

    def __init__(self, start: int, code: ReasonCode, head_bytes: int) -> None:
        """Begins a stretch.

        Args:
            start: The offset of its first byte, which is not white space.
            code: Why it is refused.
            head_bytes: How many of its first bytes are kept.
        """
        self.start = start
        self.broken_at = start
        self.code: ReasonCode = code
        self._head = bytearray()
        self._head_bytes = head_bytes
        self._covered = start
        self._end = start + 1

    @property
    def end(self) -> int:
        """The offset after its last byte so far that is neither white space nor a comma."""
        return self._end

    def refusal(self) -> Refused:
        """Returns the stretch without the white space and commas at its end."""
        is_cut_off = self.code == "malformed_record" and self._end <= self.broken_at
        length = self._end - self.start
        return Refused(self.start, length, bytes(self._head[:length]), "truncated_record" if is_cut_off else self.code)

    def cover(self, source: StreamBuffer, end: int) -> None:
        """Takes the bytes before an offset into the stretch.

        Args:
            source: The stream, which holds the bytes not taken yet.
            end: The offset.
        """
        piece = source.piece(self._covered, end)
        self._head += piece[: self._head_bytes - len(self._head)]
        significant = piece.rstrip(SEPARATORS)
        if significant:
            self._end = self._covered + len(significant)
        self._covered = max(self._covered, end)


class RecordScanner:
    """Finds the records in a stream.

    Attributes:
        bytes_between: The bytes so far that belong to no record: white space, commas, brackets of arrays, a byte
            order mark.
    """

    def __init__(
        self, stream: BinaryIO, column_names: Sequence[str], limits: Limits, *, finds_lines: bool = False
    ) -> None:
        """Prepares to find the records of a stream.

        Args:
            stream: A decompressed landing file.
            column_names: The keys the contract knows.
            limits: What bounds memory.
            finds_lines: Whether lines that look like records are left to whoever asks for the events.
        """
        names = [json.dumps(name.lower(), ensure_ascii=False).encode() for name in column_names]
        self._known_keys = frozenset(names)
        self._known_start = re.compile(rb"\{[ \t\r\n]*(?i:%s)[ \t\r\n]*:" % b"|".join(map(re.escape, names)))
        self._source = StreamBuffer(stream, limits.chunk_bytes)
        self._limits = limits
        self._finds_lines = finds_lines
        self._head_bytes = limits.text_characters * LONGEST_CHARACTER_BYTES
        self._smallest_window_bytes = min(SMALLEST_WINDOW_BYTES, limits.record_bytes)
        self._decode = json.JSONDecoder(parse_constant=lambda literal: (literal,)).raw_decode
        self._window_bytes = self._smallest_window_bytes
        self._position = 0
        self._in_array = False
        self._after_record = False
        self.bytes_between = 0

    @property
    def bytes_read(self) -> int:
        """The bytes of the stream read so far."""
        return self._source.end

    def events(self) -> Iterator[Run | Lines | Span | Refused]:
        """Yields all that the stream holds, in its order.

        Yields:
            Runs of decoded records, lines, single records, and stretches without a record. Together with
            `bytes_between` they account for every byte.
        """
        self._skip_byte_order_mark()
        while (byte := self._next_byte()) != END_OF_STREAM:
            if self._skip_separator(byte):
                continue
            records = self._adjacent_records() if byte == LEFT_BRACE else None
            if records:
                yield records
            else:
                yield from self._careful_events()
            self._after_record = True

    def _skip(self, end: int) -> None:
        self.bytes_between += end - self._position
        self._position = end

    def _skip_byte_order_mark(self) -> None:
        self._source.reach(len(BYTE_ORDER_MARK), keep_from=0)
        if self._source.data.startswith(BYTE_ORDER_MARK):
            self._skip(len(BYTE_ORDER_MARK))

    def _next_byte(self) -> int:
        source = self._source
        while True:
            white_space = WHITE_SPACE.match(source.data, self._position - source.start)
            self._skip(source.start + white_space.end() if white_space else self._position)
            if self._position < source.end:
                return source.data[self._position - source.start]
            if not source.read_on(self._position):
                return END_OF_STREAM

    def _skip_separator(self, byte: int) -> bool:
        state = SEPARATING.get((self._in_array, self._after_record, byte))
        if state is None:
            return False
        self._in_array, self._after_record = state
        self._skip(self._position + 1)
        return True

    def _adjacent_records(self) -> Run | Lines | None:
        """Takes as many adjacent records as there are, without looking at more of the stream than is held."""
        window = self._window()
        return (self._take_lines(window) if self._finds_lines else None) or self._decode_run(window.decode())

    def _take_lines(self, window: bytes) -> Lines | None:
        odd = ODD_NEWLINE.search(window)
        data = window[: window.rfind(LINE_END, 0, odd.end() if odd else None) + 1]
        lines = Lines(data, data.count(b"\n") + 1)
        if not data.startswith(b"{") or not data.count(b"{") == data.count(b"}") == lines.count:
            return None
        self._position += len(data)
        self.bytes_between += lines.count - 1
        self._widen_window(2 * self._window_bytes)
        return lines

    def _decode_run(self, text: str) -> Run | None:
        values, starts, ends = self._decode_records(text)
        records = self._shallow_prefix(text, starts, ends)
        if not records:
            # What was decoded for nothing is decoded again after the careful path, so it must not be much.
            self._window_bytes = self._smallest_window_bytes if values else self._window_bytes
            return None
        run = Run(self._position, text, values[:records], starts[:records], ends[:records])
        self._position += run.byte_count
        self.bytes_between += run.separator_bytes
        self._widen_window(2 * self._window_bytes)
        return run

    def _window(self) -> bytes:
        """Returns text from the current position on: short after a broken record, longer the better it goes."""
        window = self._source.piece(self._position, self._position + self._window_bytes)
        try:
            window.decode()
        except UnicodeDecodeError as error:
            return window[: error.start]
        return window

    def _widen_window(self, window_bytes: int) -> None:
        wanted = max(self._window_bytes, window_bytes)
        self._window_bytes = min(wanted, LARGEST_WINDOW_BYTES, self._limits.record_bytes)

    def _decode_records(self, text: str) -> tuple[list[dict[str, object]], list[int], list[int]]:
        values: list[dict[str, object]] = []
        starts: list[int] = []
        ends: list[int] = []
        start = 0
        # One try around the loop: the first record that does not decode ends the run.
        try:
            while text.startswith("{", start):
                value, end = self._decode(text, start)
                values.append(value)
                starts.append(start)
                ends.append(end)
                start = end
                if not text.startswith("{", end):
                    separator = SEPARATOR_IN_TEXT.match(text, end)
                    start = separator.end() if separator else end
        except (ValueError, RecursionError):
            pass
        return values, starts, ends

    def _shallow_prefix(self, text: str, starts: list[int], ends: list[int]) -> int:
        """Counts the records before the first that may nest too deeply; the careful path decides about that one."""
        depth = self._limits.depth
        if not ends or text.count("{", 0, ends[-1]) + text.count("[", 0, ends[-1]) - len(ends) < depth:
            return len(ends)
        openings = (
            text.count("{", start, end) + text.count("[", start, end) for start, end in zip(starts, ends, strict=True)
        )
        return next((index for index, count in enumerate(openings) if count > depth), len(ends))

    def _careful_events(self) -> Iterator[Span | Refused]:
        """Yields what stands at the current position: a value, or a stretch that is none and the record after it."""
        start = self._position
        scan = self._scan(start)
        outcome = scan.run()
        if outcome is Outcome.COMPLETE and self._source.data[start - self._source.start] == LEFT_BRACE:
            self._widen_window(2 * (scan.position - scan.start))
            yield self._accept(scan)
        elif outcome is Outcome.COMPLETE and self._may_end(scan):
            yield self._refuse_value(scan)
        else:
            self._window_bytes = self._smallest_window_bytes
            yield from self._resynchronise(scan, outcome)

    def _scan(self, start: int) -> StructureScan:
        return StructureScan(self._source, start, self._known_keys, self._limits)

    def _accept(self, scan: StructureScan) -> Span:
        self._position = scan.position
        return Span(scan.start, self._source.piece(scan.start, scan.position))

    def _may_end(self, scan: StructureScan) -> bool:
        self._source.reach(scan.position + 1, keep_from=scan.start)
        return self._source.piece(scan.position, scan.position + 1) in MAY_FOLLOW_A_VALUE

    def _refuse_value(self, scan: StructureScan) -> Refused:
        self._position = scan.position
        head = self._source.piece(scan.start, min(scan.position, scan.start + self._head_bytes))
        return Refused(scan.start, scan.position - scan.start, head, "not_an_object")

    def _resynchronise(self, scan: StructureScan, outcome: Outcome) -> Iterator[Span | Refused]:
        """Yields what is broken at the current position, up to and with the next record that is whole."""
        stretch = self._begin_stretch(scan)
        resume = self._follow_broken(stretch, scan, outcome)
        while resume is not None and (candidate := self._find_candidate(stretch, resume)) is not None:
            is_known_start = self._is_known_start(candidate)
            scan = self._scan(candidate)
            outcome = scan.run()
            if outcome is Outcome.COMPLETE and not self._continues_an_object(scan):
                yield self._end_stretch(stretch, candidate)
                yield self._accept(scan)
                return
            if outcome is Outcome.COMPLETE:
                resume = scan.position
            elif is_known_start:
                yield self._end_stretch(stretch, candidate)
                stretch = self._begin_stretch(scan)
                resume = self._follow_broken(stretch, scan, outcome)
            else:
                resume = self._resume_after(scan, outcome)
        yield self._end_stretch(stretch, self._source.end if resume is not None else scan.position)

    def _begin_stretch(self, scan: StructureScan) -> Stretch:
        is_record = self._source.data[scan.start - self._source.start] == LEFT_BRACE
        code: ReasonCode = "malformed_record" if is_record else "not_json"
        return Stretch(scan.start, "nested_too_deeply" if scan.too_deep else code, self._head_bytes)

    def _follow_broken(self, stretch: Stretch, scan: StructureScan, outcome: Outcome) -> int | None:
        """Returns where to look for the next record; None if the value was too long but did come to its end."""
        if outcome is Outcome.TOO_LONG and scan.possible_record() is None:
            stretch.code = "record_too_long"
            scan.discard = stretch
            outcome = scan.run()
        stretch.broken_at = scan.position
        if outcome is Outcome.COMPLETE and scan.discard:
            stretch.cover(self._source, scan.position)
            return None
        return scan.resume_at()

    def _resume_after(self, scan: StructureScan, outcome: Outcome) -> int:
        """Returns where to look on after a candidate that belongs to the stretch before it."""
        if outcome is Outcome.TOO_LONG and scan.possible_record() is None:
            return scan.start + self._limits.record_bytes
        return scan.resume_at()

    def _find_candidate(self, stretch: Stretch, resume: int) -> int | None:
        """Returns the offset of the next candidate, with all before it in the stretch; None at the stream's end."""
        source = self._source
        while (match := CANDIDATE.search(source.data, resume - source.start)) is None:
            # The last bytes may begin a candidate once more is read.
            resume = max(resume, source.end - LONGEST_CANDIDATE_BYTES)
            stretch.cover(source, resume)
            if not source.read_on(resume):
                stretch.cover(source, source.end)
                return None
        candidate = source.start + match.start()
        stretch.cover(source, candidate)
        return candidate

    def _is_known_start(self, candidate: int) -> bool:
        self._source.reach(candidate + LOOK_AHEAD_BYTES, keep_from=candidate)
        return self._known_start.match(self._source.piece(candidate, candidate + LOOK_AHEAD_BYTES)) is not None

    def _continues_an_object(self, scan: StructureScan) -> bool:
        end = scan.position
        self._source.reach(end + LOOK_AHEAD_BYTES, keep_from=scan.start)
        return CONTINUES_AN_OBJECT.match(self._source.piece(end, end + LOOK_AHEAD_BYTES)) is not None

    def _end_stretch(self, stretch: Stretch, end: int) -> Refused:
        self.bytes_between += end - stretch.end
        self._position = end
        return stretch.refusal()
