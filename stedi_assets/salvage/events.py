"""The parts of a stream that `scanning.RecordScanner` finds, in order."""

from dataclasses import dataclass

from stedi_assets.salvage.reasons import ReasonCode


@dataclass(frozen=True, slots=True)
class Run:
    """Adjacent records that Python's JSON decoder accepts, decoded.

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
    """Adjacent lines that look like records, not decoded: each begins and ends with a brace and has no other brace.

    Attributes:
        data: Their bytes, which are UTF-8, without the last newline.
        count: The number of lines.
    """

    data: bytes
    count: int


@dataclass(frozen=True, slots=True)
class Span:
    """One complete record, not decoded.

    Attributes:
        offset: Its offset in the stream, in bytes.
        data: Its bytes, which may not be UTF-8.
    """

    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Refused:
    """Bytes that hold no record.

    Attributes:
        offset: Their offset in the stream, in bytes.
        length: Their number.
        head: The first of them.
        code: Why they are refused.
    """

    offset: int
    length: int
    head: bytes
    code: ReasonCode
