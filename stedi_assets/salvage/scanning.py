"""Finding the records in a stream of JSON objects, whatever separates them and whatever is broken.

Where a record is expected, a complete JSON object is a record, so valid JSON is always read as such. After a broken
record, or after other bytes, the scanner finds the next record like this (`README.md`, rules 7 to 11, has examples):

1. The search begins where the broken record stopped being JSON, or at the start of the record that it swallowed (see
   `structure`). The candidates are the opening braces that a quote follows.
2. A candidate that is a complete object is the next record, unless the bytes after it continue an object around it (a
   closing brace, or a comma and another key). Then the candidate is a nested value of the broken record, and the
   search goes on after it.
3. A candidate that is broken itself begins another broken record if its first key is a column's. Otherwise it belongs
   to the unreadable bytes before it. Either way the search goes on from 1.
4. The unreadable bytes before the next record are refused together, without the white space and commas at their end.

The scanner follows each byte once as part of the record that it broke, and at most once more for each level of nesting
that swallowed it. `Limits.depth` bounds the levels, so time is linear in the length of the stream.
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from stedi_assets.salvage.buffer import Limits, StreamBuffer
from stedi_assets.salvage.events import Lines, Refused, Run, Span
from stedi_assets.salvage.reasons import ReasonCode
from stedi_assets.salvage.structure import (
    COMMA,
    END_OF_STREAM,
    LEFT_BRACE,
    LEFT_BRACKET,
    RIGHT_BRACKET,
    ScanState,
    StructureScan,
)

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
LONGEST_CHARACTER_BYTES = 4
SMALLEST_WINDOW_BYTES = 4 << 10
LARGEST_WINDOW_BYTES = 256 << 10

CANDIDATE = re.compile(rb'\{[ \t\r\n]{0,64}"')
LONGEST_CANDIDATE_BYTES = 66
# How far the scanner looks ahead to decide about a candidate.
LOOK_AHEAD_BYTES = 256
WHITE_SPACE = re.compile(rb"[ \t\r\n]*")
CONTINUES_AN_OBJECT = re.compile(rb'[ \t\r\n\]]*(?:\}|,[ \t\r\n]*")')
MAY_FOLLOW_A_VALUE = b" \t\r\n,{[]"
SEPARATORS = b" \t\r\n,"
SEPARATOR_IN_TEXT = re.compile(r"[ \t\r\n]*(?:,[ \t\r\n]*)?")
LINE_END = b"}\n"
# A newline that does not stand between the records of two lines.
ODD_NEWLINE = re.compile(rb"\n(?:(?<!\}\n)|(?!\{))")

# The separators of records, except white space: from (is inside an array, a record came last, the byte) to the first
# two afterwards.
SEPARATING: dict[tuple[bool, bool, int], tuple[bool, bool]] = {
    (False, True, COMMA): (False, False),
    (False, False, LEFT_BRACKET): (True, False),
    (False, True, LEFT_BRACKET): (True, False),
    (True, True, COMMA): (True, False),
    (True, False, RIGHT_BRACKET): (False, True),
    (True, True, RIGHT_BRACKET): (False, True),
    # Another array begins where the open one needs a comma or its end: the open one was cut off.
    (True, True, LEFT_BRACKET): (True, False),
}


class UnreadableBytes:
    """The bytes before the next record, of which only the first are held.

    Args:
        start: The offset of the first byte, which is not white space.
        code: Why the bytes are refused.
        head_bytes: How many of the first bytes are held.

    Attributes:
        start: The offset of the first byte.
        broken_at: The offset at which the bytes stopped being JSON.
        code: Why the bytes are refused.
    """

    def __init__(self, start: int, code: ReasonCode, head_bytes: int) -> None:
        self.start = start
        self.broken_at = start
        self.code: ReasonCode = code
        self._head = bytearray()
        self._head_bytes = head_bytes
        self._covered = start
        self._end = start + 1

    @property
    def end(self) -> int:
        """The offset after the last byte so far that is neither white space nor a comma."""
        return self._end

    def refusal(self) -> Refused:
        """Returns the bytes without the white space and the commas at their end."""
        is_cut_off = self.code == "malformed_record" and self._end <= self.broken_at
        length = self._end - self.start
        return Refused(self.start, length, bytes(self._head[:length]), "truncated_record" if is_cut_off else self.code)

    def cover(self, source: StreamBuffer, end: int) -> None:
        """Adds all bytes before an offset.

        Args:
            source: The stream, which must still hold the bytes that were not added yet.
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

    Args:
        stream: The decompressed content of a file, in UTF-8.
        column_names: The keys that tell a broken record from other broken JSON.
        limits: The bounds of memory.
        finds_lines: Whether lines that look like records are given as `Lines`, without a look at their JSON.

    Attributes:
        bytes_between: The bytes so far that belong to no record: white space, commas, brackets of arrays, a byte
            order mark.
    """

    def __init__(
        self, stream: BinaryIO, column_names: Sequence[str], limits: Limits, *, finds_lines: bool = False
    ) -> None:
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
        """Yields the records and the unreadable bytes of the stream, in order.

        Together with `bytes_between` they account for every byte.
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
        """Returns the adjacent records at the current position, as far as the window reaches."""
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
            # The careful path takes the first record alone. The others are decoded again, so they must not be many.
            self._window_bytes = self._smallest_window_bytes if values else self._window_bytes
            return None
        run = Run(self._position, text, values[:records], starts[:records], ends[:records])
        self._position += run.byte_count
        self.bytes_between += run.separator_bytes
        self._widen_window(2 * self._window_bytes)
        return run

    def _window(self) -> bytes:
        """Returns UTF-8 from the current position on: few bytes after a broken record, twice as many after each run."""
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
        """Counts the records before the first that may nest too deeply, about which the careful path decides."""
        depth = self._limits.depth
        if not ends or text.count("{", 0, ends[-1]) + text.count("[", 0, ends[-1]) - len(ends) < depth:
            return len(ends)
        openings = (
            text.count("{", start, end) + text.count("[", start, end) for start, end in zip(starts, ends, strict=True)
        )
        return next((index for index, count in enumerate(openings) if count > depth), len(ends))

    def _careful_events(self) -> Iterator[Span | Refused]:
        """Yields one value, or the unreadable bytes before the next record, then that record."""
        start = self._position
        scan = self._scan(start)
        state = scan.run()
        if state is ScanState.COMPLETE and self._source.data[start - self._source.start] == LEFT_BRACE:
            self._widen_window(2 * (scan.position - scan.start))
            yield self._accept(scan)
        elif state is ScanState.COMPLETE and self._may_end(scan):
            yield self._refuse_value(scan)
        else:
            self._window_bytes = self._smallest_window_bytes
            yield from self._resynchronise(scan, state)

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

    def _resynchronise(self, scan: StructureScan, state: ScanState) -> Iterator[Span | Refused]:
        """Yields the unreadable bytes from the current position on, then the next record that is whole."""
        unreadable = self._begin_unreadable(scan)
        resume = self._follow_broken(unreadable, scan, state)
        while resume is not None and (candidate := self._find_candidate(unreadable, resume)) is not None:
            is_known_start = self._is_known_start(candidate)
            scan = self._scan(candidate)
            state = scan.run()
            if state is ScanState.COMPLETE and not self._continues_an_object(scan):
                yield self._end_unreadable(unreadable, candidate)
                yield self._accept(scan)
                return
            if state is ScanState.COMPLETE:
                resume = scan.position
            elif is_known_start:
                yield self._end_unreadable(unreadable, candidate)
                unreadable = self._begin_unreadable(scan)
                resume = self._follow_broken(unreadable, scan, state)
            else:
                resume = self._resume_after(scan, state)
        yield self._end_unreadable(unreadable, self._source.end if resume is not None else scan.position)

    def _begin_unreadable(self, scan: StructureScan) -> UnreadableBytes:
        is_record = self._source.data[scan.start - self._source.start] == LEFT_BRACE
        code: ReasonCode = "malformed_record" if is_record else "not_json"
        return UnreadableBytes(scan.start, "nested_too_deeply" if scan.too_deep else code, self._head_bytes)

    def _follow_broken(self, unreadable: UnreadableBytes, scan: StructureScan, state: ScanState) -> int | None:
        """Returns the offset at which to search for the next record; None after a complete value that is too long."""
        if state is ScanState.TOO_LONG and scan.possible_record() is None:
            unreadable.code = "record_too_long"
            scan.discard = unreadable
            state = scan.run()
        unreadable.broken_at = scan.position
        if state is ScanState.COMPLETE and scan.discard:
            unreadable.cover(self._source, scan.position)
            return None
        return scan.resume_at()

    def _resume_after(self, scan: StructureScan, state: ScanState) -> int:
        """Returns the offset at which to search on after a candidate that belongs to the bytes before it."""
        if state is ScanState.TOO_LONG and scan.possible_record() is None:
            return scan.start + self._limits.record_bytes
        return scan.resume_at()

    def _find_candidate(self, unreadable: UnreadableBytes, resume: int) -> int | None:
        """Returns the offset of the next candidate, having covered all bytes before it; None at the stream's end."""
        source = self._source
        while (match := CANDIDATE.search(source.data, resume - source.start)) is None:
            # The last bytes held may be the beginning of a candidate.
            resume = max(resume, source.end - LONGEST_CANDIDATE_BYTES)
            unreadable.cover(source, resume)
            if not source.read_on(resume):
                unreadable.cover(source, source.end)
                return None
        candidate = source.start + match.start()
        unreadable.cover(source, candidate)
        return candidate

    def _is_known_start(self, candidate: int) -> bool:
        self._source.reach(candidate + LOOK_AHEAD_BYTES, keep_from=candidate)
        return self._known_start.match(self._source.piece(candidate, candidate + LOOK_AHEAD_BYTES)) is not None

    def _continues_an_object(self, scan: StructureScan) -> bool:
        end = scan.position
        self._source.reach(end + LOOK_AHEAD_BYTES, keep_from=scan.start)
        return CONTINUES_AN_OBJECT.match(self._source.piece(end, end + LOOK_AHEAD_BYTES)) is not None

    def _end_unreadable(self, unreadable: UnreadableBytes, end: int) -> Refused:
        self.bytes_between += end - unreadable.end
        self._position = end
        return unreadable.refusal()
