"""Decides whether a value or a text names a person: one rule for raw files, tables and the verification.

The contract says which columns identify a customer, and by what: the email or another identifier, such as a serial
number. A value of such a column names a person if the whole decoded value is the person's email, in any case, or one of
the person's other identifiers of that kind. Other text names the person if it contains the email or another identifier
between characters that cannot belong to an address (RFC 5322, section 3.2.3, defines the characters of an atom; RFC
6532 adds letters beyond ASCII).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property
from typing import BinaryIO

from stedi_assets.contract import EMAIL, Column, Identifier
from stedi_assets.privacy.tombstones import IDENTIFIERS
from stedi_assets.salvage.conversion import RecordConverter
from stedi_assets.salvage.values import RefusalError, members

SEARCHED_BYTES = 1 << 22
"""The size of the blocks in which a file is searched."""

LONGEST_NAME_BYTES = 1 << 12
"""How many bytes of a block are searched again with the next block: more than any email with its escapes."""

CERTAIN_IDENTIFIER = re.compile(r"(?=.*\d)\s*\S.{4,}\S\s*", re.DOTALL)
"""An identifier that text contains on purpose: six or more characters with a digit. Any other may occur by chance."""

ESCAPE = re.compile(r'\\(?:u([0-9a-fA-F]{4})|(["\\/bfnrt]))')
ESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}

QUARANTINED_TEXT = "text"
"""The column of a quarantine that has what was found of a record."""

ATOM_CHARACTERS = r"\w.!#$%&'*+/=?^`{|}~-"
"""The characters that, next to an address, would make it another address."""


class Mention(IntEnum):
    """How a text mentions a person: not at all, in a way that somebody has to look at, or by name."""

    NONE = 0
    DOUBTFUL = 1
    CERTAIN = 2


@dataclass(frozen=True)
class Person:
    """The email and the other identifiers that name a person.

    Attributes:
        email: The person's email, in any case.
        others: The person's other identifiers, by kind, that no other customer's record has.
        shared: The person's other identifiers, by kind, that other customers' records have too.
    """

    email: str
    others: Mapping[Identifier, Sequence[str]] = field(default_factory=dict)
    shared: Mapping[Identifier, Sequence[str]] = field(default_factory=dict)

    def is_named_by(self, column: str, value: object) -> bool:
        """Whether a value of a column that identifies a customer is this person's.

        Args:
            column: The column's name, in any case. A value is compared with the person's identifiers of the column's
                kind alone.
            value: The decoded value; a number as the text that the record spells.
        """
        if not isinstance(value, str):
            return False
        identifier = IDENTIFIERS[column.lower()]
        return value.lower() == self._folded if identifier == EMAIL else value in self.others.get(identifier, ())

    def mention_in(self, text: str) -> Mention:
        """Returns how a text that is not a record mentions the person, with or without JSON's escapes."""
        return max(self._mention_in(text), self._mention_in(unescaped(text)) if "\\" in text else Mention.NONE)

    def mention_in_record(self, text: str, columns: Sequence[Column]) -> Mention:
        """Returns how a record mentions the person.

        Args:
            text: One JSON object.
            columns: The contract's columns of such records.

        Returns:
            `CERTAIN` if a naming key holds an identifier of the person. Also `CERTAIN` if the record cannot
            become a row, no naming key holds a text, and the person is named elsewhere in it. Any other
            mention is `DOUBTFUL`, except that a row's doubtful mentions count as `NONE`.
        """
        if not self.may_be_in(text):
            return Mention.NONE
        try:
            values = members(text)
        except ValueError:
            return self.mention_in(text)
        named = [(key, value) for key, value in values if key.lower() in IDENTIFIERS]
        if any(self.is_named_by(key, value) for key, value in named):
            return Mention.CERTAIN
        found = max((self._mention_in_value(each) for each in _texts(values)), default=Mention.NONE)
        if _is_row(values, columns):
            return Mention.DOUBTFUL if found is Mention.CERTAIN else Mention.NONE
        return min(found, Mention.DOUBTFUL) if any(isinstance(value, str) for _, value in named) else found

    def may_be_in(self, text: str) -> bool:
        """Whether a text may name the person: a fast test that takes every backslash for an escaped name."""
        return "\\" in text or self._folded in text.lower() or any(identifier in text for identifier in self.own_others)

    def may_be_in_content(self, content: BinaryIO) -> bool:
        """Whether a file may name the person, by the same fast test.

        Args:
            content: The decompressed file in UTF-8. It is read until the test succeeds, at most to its end.
        """
        carried = b""
        while block := content.read(SEARCHED_BYTES):
            # errors="ignore" drops characters cut at either end of the block; they are whole in the adjacent block.
            if self.may_be_in((carried + block).decode(errors="ignore")):
                return True
            carried = block[-LONGEST_NAME_BYTES:]
        return False

    def _mention_in_value(self, text: str) -> Mention:
        is_identifier = text in self.own_others or text in self.shared_others
        return max(self._mention_in(text), Mention.DOUBTFUL if is_identifier else Mention.NONE)

    def _mention_in(self, text: str) -> Mention:
        folded = text.lower()
        if self._address.search(folded) or (self._certain and self._certain.search(text)):
            return Mention.CERTAIN
        if self._folded in folded or _ends_within(folded, self._folded):
            return Mention.DOUBTFUL
        return Mention.DOUBTFUL if self._quoted and self._quoted.search(text) else Mention.NONE

    @cached_property
    def own_others(self) -> tuple[str, ...]:
        """The person's identifiers but the email that no other customer has, of all kinds."""
        return tuple(value for values in self.others.values() for value in values)

    @cached_property
    def shared_others(self) -> tuple[str, ...]:
        """The person's identifiers that other customers have too, of all kinds."""
        return tuple(value for values in self.shared.values() for value in values)

    @cached_property
    def _folded(self) -> str:
        return self.email.lower()

    @cached_property
    def _address(self) -> re.Pattern[str]:
        return re.compile(rf"(?<![@{ATOM_CHARACTERS}]){re.escape(self._folded)}(?![\w@-]|\.\w)")

    @cached_property
    def _certain(self) -> re.Pattern[str] | None:
        certain = "|".join(re.escape(each) for each in self.own_others if CERTAIN_IDENTIFIER.fullmatch(each))
        return re.compile(rf"(?<![@{ATOM_CHARACTERS}])(?:{certain})(?![@{ATOM_CHARACTERS}])") if certain else None

    @cached_property
    def _quoted(self) -> re.Pattern[str] | None:
        values = [*self.own_others, *self.shared_others]
        return re.compile(f'"(?:{"|".join(map(re.escape, values))})"') if any(values) else None


def unescaped(text: str) -> str:
    """Returns a text with JSON's escapes decoded; a lone surrogate stays as it is.

    Args:
        text: JSON, valid or broken.
    """
    plain = ESCAPE.sub(lambda match: chr(int(match[1], 16)) if match[1] else ESCAPED.get(match[2], match[2]), text)
    return plain.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def _ends_within(text: str, email: str) -> bool:
    """Whether a text is cut off within an address, after its @: before the @, too many other addresses match."""
    least = email.rfind("@") + 2
    return any(text.endswith(email[:length]) for length in range(least, len(email)))


def _texts(value: object) -> list[str]:
    """Returns every text in a decoded value, keys included."""
    if isinstance(value, str):
        return [value]
    return [text for each in value for text in _texts(each)] if isinstance(value, tuple | list) else []


def _is_row(values: Sequence[tuple[str, object]], columns: Sequence[Column]) -> bool:
    try:
        RecordConverter(columns).row(values)
    except RefusalError:
        return False
    return True
