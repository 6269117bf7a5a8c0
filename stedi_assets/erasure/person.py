"""Whether a value, or a text, names a person: one rule for raw files, for tables and for the verification.

A value of a column that names a customer names a person where the whole of it, decoded, is the person's email without
regard to case, or one of the person's serial numbers. Other text is searched for the same at the boundaries that an
address has (RFC 5322, section 3.2.3: the characters of an atom; RFC 6532 adds letters beyond ASCII).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import BinaryIO

from stedi_assets.contract import SOURCES, Column
from stedi_assets.privacy.tombstones import SERIAL_NUMBER_KEY
from stedi_assets.salvage.conversion import RecordConverter
from stedi_assets.salvage.values import RefusalError, members

SEARCHED_BYTES = 1 << 22
"""How many bytes are searched at once."""

LONGEST_NAME_BYTES = 1 << 12
"""How many bytes of a block are searched again with the next one: more than any name and its escapes."""

CERTAIN_SERIAL_NUMBER = re.compile(r"(?=.*\d)\s*\S.{4,}\S\s*", re.DOTALL)
"""Six characters or more with a digit among them: another serial number may stand in any text by chance."""

ESCAPE = re.compile(r'\\(?:u([0-9a-fA-F]{4})|(["\\/bfnrt]))')
ESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}

NAMING_KEYS = frozenset(
    column.name.lower() for source in SOURCES.values() for column in source.columns if column.names_customer
)
"""The keys that name a customer, of all sources: a file may lie in another source's folder."""

OF_ATOM = r"\w.!#$%&'*+/=?^`{|}~-"
"""What may stand beside an address's own characters, so that it would be another address."""


class Mention(IntEnum):
    """What a text says of a person: nothing, something that a person should look at, or their name."""

    NONE = 0
    DOUBTFUL = 1
    CERTAIN = 2


@dataclass(frozen=True)
class Person:
    """What names a person.

    Attributes:
        email: Theirs. Its case does not matter.
        serial_numbers: Those of devices that are theirs alone.
        shared_serial_numbers: Those that others' records carry too.
    """

    email: str
    serial_numbers: tuple[str, ...] = ()
    shared_serial_numbers: tuple[str, ...] = ()

    def is_named_by(self, column: str, value: object) -> bool:
        """Whether a value of a column that names a customer is this person's.

        Args:
            column: The column's name, in any case. A serial number that is equal to an email names nobody by it.
            value: The decoded value; a number is compared by its text.
        """
        if not isinstance(value, str):
            return False
        return value in self.serial_numbers if column.lower() == SERIAL_NUMBER_KEY else value.lower() == self._folded

    def mention_in(self, text: str) -> Mention:
        """Searches text that is no record.

        Args:
            text: Any, escaped as in JSON or not.
        """
        return max(self._mention_in(text), self._mention_in(unescaped(text)) if "\\" in text else Mention.NONE)

    def mention_in_record(self, text: str, columns: Sequence[Column]) -> Mention:
        """Judges a record.

        Args:
            text: One JSON object.
            columns: The contract of such records.

        Returns:
            `CERTAIN` where a key that names a customer holds the email or a serial number, or where the record is no
            row, nobody else's by such a key, and mentions them; `DOUBTFUL` where it mentions them elsewhere.
        """
        if not self.may_be_in(text):
            return Mention.NONE
        try:
            values = members(text)
        except ValueError:
            return self.mention_in(text)
        named = [(key, value) for key, value in values if key.lower() in NAMING_KEYS]
        if any(self.is_named_by(key, value) for key, value in named):
            return Mention.CERTAIN
        found = max((self._mention_in_value(each) for each in _texts(values)), default=Mention.NONE)
        if _is_row(values, columns):
            return Mention.DOUBTFUL if found is Mention.CERTAIN else Mention.NONE
        return min(found, Mention.DOUBTFUL) if any(isinstance(value, str) for _, value in named) else found

    def may_be_in(self, text: str) -> bool:
        """Whether a text may name the person: a quick look, which takes every backslash for an escaped name.

        Args:
            text: Any.
        """
        return (
            "\\" in text
            or self._folded in text.lower()
            or any(serial_number in text for serial_number in self.serial_numbers)
        )

    def may_be_in_content(self, content: BinaryIO) -> bool:
        """Whether a file may name the person: the same quick look.

        Args:
            content: The decompressed file in UTF-8, read to its end.
        """
        carried = b""
        while block := content.read(SEARCHED_BYTES):
            # A character that is cut at either end is whole in the other block.
            if self.may_be_in((carried + block).decode(errors="ignore")):
                return True
            carried = block[-LONGEST_NAME_BYTES:]
        return False

    def _mention_in_value(self, text: str) -> Mention:
        is_serial_number = text in self.serial_numbers or text in self.shared_serial_numbers
        return max(self._mention_in(text), Mention.DOUBTFUL if is_serial_number else Mention.NONE)

    def _mention_in(self, text: str) -> Mention:
        folded = text.lower()
        if self._address.search(folded) or (self._certain and self._certain.search(text)):
            return Mention.CERTAIN
        if self._folded in folded or _ends_within(folded, self._folded):
            return Mention.DOUBTFUL
        return Mention.DOUBTFUL if self._quoted and self._quoted.search(text) else Mention.NONE

    @cached_property
    def _folded(self) -> str:
        return self.email.lower()

    @cached_property
    def _address(self) -> re.Pattern[str]:
        return re.compile(rf"(?<![@{OF_ATOM}]){re.escape(self._folded)}(?![\w@-]|\.\w)")

    @cached_property
    def _certain(self) -> re.Pattern[str] | None:
        certain = "|".join(re.escape(each) for each in self.serial_numbers if CERTAIN_SERIAL_NUMBER.fullmatch(each))
        return re.compile(rf"(?<![@{OF_ATOM}])(?:{certain})(?![@{OF_ATOM}])") if certain else None

    @cached_property
    def _quoted(self) -> re.Pattern[str] | None:
        numbers = [*self.serial_numbers, *self.shared_serial_numbers]
        return re.compile(f'"(?:{"|".join(map(re.escape, numbers))})"') if any(numbers) else None


def unescaped(text: str) -> str:
    """Undoes JSON's escapes; half a surrogate pair stays half a one.

    Args:
        text: JSON, whole or broken.
    """
    plain = ESCAPE.sub(lambda match: chr(int(match[1], 16)) if match[1] else ESCAPED.get(match[2], match[2]), text)
    return plain.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def _ends_within(text: str, email: str) -> bool:
    """Whether a text breaks off within an address: after its @ at least, before which too many others agree."""
    least = email.rfind("@") + 2
    return any(text.endswith(email[:length]) for length in range(least, len(email)))


def _texts(value: object) -> list[str]:
    """Returns every text in a decoded value, keys too."""
    if isinstance(value, str):
        return [value]
    return [text for each in value for text in _texts(each)] if isinstance(value, tuple | list) else []


def _is_row(values: Sequence[tuple[str, object]], columns: Sequence[Column]) -> bool:
    try:
        RecordConverter(columns).row(values)
    except RefusalError:
        return False
    return True
