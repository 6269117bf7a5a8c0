"""Converting one JSON value to a column's type, without loss or not at all.

`README.md` in this folder states the rules by column type (rules 16 to 27), with examples. `converter` gives the
conversion of a type.

A record's fate depends on its own text alone. So these rules accept every value that a strict reader accepts without
a doubt (see `stedi_assets.salvage.arrow`), and give the same result for it.
"""

import json
import math
import re
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import lru_cache, partial
from typing import Any, cast

from stedi_assets.salvage.columns import ColumnLike, SqlType
from stedi_assets.salvage.decimals import DecimalType, decimal_type
from stedi_assets.salvage.moments import date_in, instant_in
from stedi_assets.salvage.reasons import ReasonCode

Value = str | bool | int | float | Decimal | date | None

SMALLEST_BIGINT = -(2**63)
LARGEST_BIGINT = 2**63 - 1
SMALLEST_INTEGER = -(2**31)
LARGEST_INTEGER = 2**31 - 1

EXACT_INTEGERS = 2**53
"""Every integer of a smaller magnitude is exactly one double, so a decoder that gives doubles cannot have changed it.
From here on, neighbouring integers share a double."""

EXACT_FLOATS = 2**24
"""Every integer of a smaller magnitude is exactly one float of 32 bits."""

# With a byte order, unlike without, `struct` refuses a number beyond the range.
FLOAT = struct.Struct("<f")

BOOLEANS = {"true": True, "false": False}

INTEGER_IN_STRING = re.compile(r"\s*[+-]?[0-9]+\s*", re.ASCII)
NUMBER_IN_STRING = re.compile(r"\s*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\s*", re.ASCII)
STRING_OR_LAST_COMMA = re.compile(r'("[^"\\]*(?:\\.[^"\\]*)*")|,(?=[ \t\r\n]*[}\]])')


class IntegerText(str):
    """The text of a JSON number without fraction and exponent."""

    __slots__ = ()


class DecimalText(str):
    """The text of a JSON number with a fraction or an exponent."""

    __slots__ = ()


class LiteralText(str):
    """The text of a literal that Python reads but JSON lacks: NaN, Infinity or -Infinity."""

    __slots__ = ()


class RefusalError(Exception):
    """A record that is not a row.

    Attributes:
        code: Why.
        column: The column's name, where the reason concerns one.
    """

    def __init__(self, code: ReasonCode, column: str | None = None) -> None:
        super().__init__(code)
        self.code: ReasonCode = code
        self.column = column


# Tuples of pairs stand for objects, so that a repeated key is seen, and so that an object differs from an array.
MEMBERS = json.JSONDecoder(
    object_pairs_hook=tuple, parse_int=IntegerText, parse_float=DecimalText, parse_constant=LiteralText
)


def members(text: str) -> tuple[tuple[str, object], ...]:
    """Returns the keys and values of one record, with repeated keys, and with each number as its own text.

    Args:
        text: A JSON object. A comma may follow the last value of an object or an array.

    Raises:
        ValueError: The text is not JSON.
    """
    try:
        decoded = MEMBERS.decode(text)
    except json.JSONDecodeError:
        decoded = MEMBERS.decode(STRING_OR_LAST_COMMA.sub(lambda match: match[1] or "", text))
    return cast(tuple[tuple[str, object], ...], decoded)


def _storable_text(text: str) -> str:
    if not _is_storable(text):
        raise RefusalError("lone_surrogate")
    return text


def _is_storable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _number_in(text: str) -> IntegerText | DecimalText:
    if INTEGER_IN_STRING.fullmatch(text):
        return IntegerText(text)
    if NUMBER_IN_STRING.fullmatch(text):
        return DecimalText(text)
    raise RefusalError("not_a_number")


def _whole_number_in(text: str) -> int:
    return _whole_number(_number_in(text))


def _integer_in(text: str) -> int:
    return _integer(_number_in(text))


def _integer(text: str) -> int:
    whole = _whole_number(text)
    if not SMALLEST_INTEGER <= whole <= LARGEST_INTEGER:
        raise RefusalError("out_of_range")
    return whole


def _whole_number(text: str) -> int:
    # Most readers of JSON decode a number to the nearest double (RFC 8259, section 6), in which 1.0000000000000001 is
    # 1. Below the bound this follows them; from the bound on it would merge different integers, so the text decides.
    nearest = float(text)
    try:
        number = Decimal(nearest if abs(nearest) < EXACT_INTEGERS else text)
    except InvalidOperation:
        raise RefusalError("out_of_range") from None
    if not SMALLEST_BIGINT <= number <= LARGEST_BIGINT:
        raise RefusalError("out_of_range")
    whole = int(number)
    if whole != number:
        raise RefusalError("not_a_whole_number")
    return whole


def _double_in(text: str) -> float:
    number = _number_in(text)
    return _exact_double(number) if isinstance(number, IntegerText) else _nearest_double(number)


def _exact_double(text: str) -> float:
    return _exactly(_nearest_double(text), text)


def _exactly(number: float, text: str) -> float:
    if Decimal(number) != Decimal(text):
        raise RefusalError("not_exactly_representable")
    return number


def _nearest_double(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise RefusalError("out_of_range")
    return _without_sign_of_zero(number)


def _without_sign_of_zero(number: float) -> float:
    return number + 0.0


def _float_in(text: str) -> float:
    number = _number_in(text)
    return _exact_float(number) if isinstance(number, IntegerText) else _nearest_float(number)


def _exact_float(text: str) -> float:
    return _exactly(_nearest_float(text), text)


def _nearest_float(text: str) -> float:
    return _rounded(_nearest_double(text))


def _rounded(number: float) -> float:
    """Returns the float of 32 bits that is nearest to a double."""
    try:
        (rounded,) = FLOAT.unpack(FLOAT.pack(number))
    except OverflowError:
        raise RefusalError("out_of_range") from None
    return _without_sign_of_zero(rounded)


def _decimal_in(kind: DecimalType, text: str) -> Decimal:
    return _decimal(kind, _number_in(text))


def _decimal(kind: DecimalType, text: object) -> Decimal:
    number = kind.exactly(str(text))
    if not isinstance(number, Decimal):
        raise RefusalError(number)
    return number


def _boolean_in(text: str) -> bool:
    word = text.lower()
    if word not in BOOLEANS:
        raise RefusalError("not_a_boolean")
    return BOOLEANS[word]


def _date_in(text: str) -> date:
    found = date_in(text)
    if found is None:
        raise RefusalError("not_a_date")
    return found


def _instant_in(text: str) -> date:
    found = instant_in(text)
    if found is None:
        raise RefusalError("not_a_timestamp")
    return found


def _all_within(values: Sequence[Any], kinds: set[type], smallest: float, largest: float) -> bool:
    found = set(map(type, values))
    if not found <= kinds | {type(None)}:
        return False
    present = [value for value in values if value is not None] if type(None) in found else values
    return not present or (smallest <= min(present) and max(present) <= largest)


def _plain_texts(values: list[Any]) -> list[Value] | None:
    are_texts = set(map(type, values)) <= {str, type(None)}
    return values if are_texts and _is_storable("".join(filter(None, values))) else None


def _plain_integers(values: list[Any]) -> list[Value] | None:
    return values if _all_within(values, {int}, SMALLEST_BIGINT, LARGEST_BIGINT) else None


def _plain_booleans(values: list[Any]) -> list[Value] | None:
    return values if set(map(type, values)) <= {bool, type(None)} else None


def _plain_floats(values: list[Any]) -> list[Value] | None:
    if not _all_within(values, {float}, -EXACT_FLOATS, EXACT_FLOATS):
        return None
    return [None if value is None else _rounded(value) for value in values]


def _plain_decimals(kind: DecimalType, values: list[Any]) -> list[Value] | None:
    if not _all_within(values, {int}, 1 - kind.bound, kind.bound - 1):
        return None
    return [None if value is None else _decimal(kind, value) for value in values]


def _plain_from_texts(convert: Callable[[str], Value], values: list[Any]) -> list[Value] | None:
    if not set(map(type, values)) <= {str, type(None)}:
        return None
    try:
        return [None if value is None else convert(value) for value in values]
    except RefusalError:
        return None


def _plain_doubles(values: list[Any]) -> list[Value] | None:
    if not _all_within(values, {float}, -EXACT_INTEGERS, EXACT_INTEGERS):
        return None
    # Zero, with either sign, is the only number that is false.
    return [value if value or value is None else 0.0 for value in values] if 0.0 in values else values


@dataclass(frozen=True)
class Converter:
    """How the values of one column type are made.

    A value is plain if every JSON decoder gives it as it is in the file. Nearly all values are, and a whole column of
    them costs one look. Any other value is decoded again from the text of its record, with `members`.

    Attributes:
        from_members: From the type of a value that `members` gives to the conversion of such values. No other type of
            value can be converted: `REFUSED_TYPES` says why.
        all_plain: Returns a column of decoded values, nulls included, as it is stored; None if a value may not be
            plain.
        is_plain: Whether one decoded value, which is not None, is plain.
        from_plain: Converts a plain value.
    """

    from_members: Mapping[type, Callable[[Any], Value]]
    all_plain: Callable[[list[Any]], list[Value] | None]
    is_plain: Callable[[Any], bool]
    from_plain: Callable[[Any], Value]


TEXTS = (str, IntegerText, DecimalText)
"""The types of a text, and of a number's text."""


def _from_texts(convert: Callable[[str], Value]) -> Converter:
    return Converter(
        from_members=dict.fromkeys(TEXTS, convert),
        all_plain=partial(_plain_from_texts, convert),
        is_plain=lambda value: type(value) is str and _plain_from_texts(convert, [value]) is not None,
        from_plain=convert,
    )


CONVERTERS: Mapping[SqlType, Converter] = {
    "VARCHAR": Converter(
        from_members={str: _storable_text, IntegerText: str, DecimalText: str},
        all_plain=_plain_texts,
        # A decoded 0 may be a -0 in the file, which a text column keeps.
        is_plain=lambda value: (type(value) is str and _is_storable(value)) or (type(value) is int and value != 0),
        from_plain=str,
    ),
    "BIGINT": Converter(
        from_members={str: _whole_number_in, IntegerText: _whole_number, DecimalText: _whole_number},
        all_plain=_plain_integers,
        is_plain=lambda value: type(value) is int and SMALLEST_BIGINT <= value <= LARGEST_BIGINT,
        from_plain=int,
    ),
    "DOUBLE": Converter(
        from_members={str: _double_in, IntegerText: _exact_double, DecimalText: _nearest_double},
        all_plain=_plain_doubles,
        is_plain=lambda value: type(value) in (float, int) and -EXACT_INTEGERS <= value <= EXACT_INTEGERS,
        from_plain=_without_sign_of_zero,
    ),
    "BOOLEAN": Converter(
        from_members={bool: bool, **dict.fromkeys(TEXTS, _boolean_in)},
        all_plain=_plain_booleans,
        is_plain=lambda value: type(value) is bool,
        from_plain=bool,
    ),
    "INTEGER": Converter(
        from_members={str: _integer_in, IntegerText: _integer, DecimalText: _integer},
        all_plain=lambda values: values if _all_within(values, {int}, SMALLEST_INTEGER, LARGEST_INTEGER) else None,
        is_plain=lambda value: type(value) is int and SMALLEST_INTEGER <= value <= LARGEST_INTEGER,
        from_plain=int,
    ),
    "FLOAT": Converter(
        from_members={str: _float_in, IntegerText: _exact_float, DecimalText: _nearest_float},
        all_plain=_plain_floats,
        is_plain=lambda value: type(value) in (float, int) and -EXACT_FLOATS <= value <= EXACT_FLOATS,
        from_plain=_rounded,
    ),
    "DATE": _from_texts(_date_in),
    "TIMESTAMP": _from_texts(_instant_in),
}
"""From each column type without parameters to the conversion of its values."""


def converter(sql_type: SqlType) -> Converter:
    """Returns the conversion of the values of a column type.

    Raises:
        KeyError: There is no such type.
    """
    return CONVERTERS.get(sql_type) or _decimal_converter(sql_type)


@lru_cache
def _decimal_converter(sql_type: SqlType) -> Converter:
    kind = decimal_type(sql_type)
    if kind is None:
        raise KeyError(sql_type)
    convert = partial(_decimal, kind)
    return Converter(
        from_members={str: partial(_decimal_in, kind), IntegerText: convert, DecimalText: convert},
        all_plain=partial(_plain_decimals, kind),
        # A decoded fraction is a double, whose text may differ from that in the file.
        is_plain=lambda value: type(value) is int and -kind.bound < value < kind.bound,
        from_plain=convert,
    )


REFUSED_TYPES: Mapping[type, ReasonCode] = {
    bool: "boolean_value",
    tuple: "nested_value",
    list: "nested_value",
    LiteralText: "not_finite",
}
"""From the type of a value that `members` gives to the reason why a column that has no conversion for it refuses it."""


def convert(value: object, column: ColumnLike) -> Value:
    """Returns a value of `members` in a column's type.

    Raises:
        RefusalError: The column's type cannot hold the value.
    """
    if value is None:
        return None
    conversion = converter(column.type).from_members.get(type(value))
    if conversion is None:
        raise RefusalError(REFUSED_TYPES[type(value)], column.name)
    try:
        return conversion(value)
    except RefusalError as refusal:
        raise RefusalError(refusal.code, column.name) from None
