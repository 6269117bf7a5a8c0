"""Converting decoded records to the contract's column types, without loss or not at all.

The rules, by column type:

* `VARCHAR` takes a string as it is, and a number as its own text in the file.
* `BIGINT` takes a number that is whole and fits 64 bits, however it is written: 1, 1.0 and 1e0 are the same number.
  Below 2**53 in magnitude, the nearest double decides, as it does in most readers of JSON (RFC 8259, section 6):
  1.0000000000000001 is 1. From there on, the text decides.
* `DOUBLE` takes a number. An integer (written without fraction and exponent) must be exactly representable; beyond
  2**53 most are not. A number with a fraction or an exponent becomes the nearest double, and must be finite. Zero has
  no sign: -0.0 is 0.0.
* Both take a string that holds a decimal number, spelt as SQL casts read it: " 1", "+1", "01", "1." and ".5" are
  numbers, which JSON alone would refuse. Digits of other scripts, 0x10, 1_000, NaN and Infinity are none.

Null and an absent key are the same. A key that occurs twice is fine as long as both values convert to the same. A comma
behind the last value of an object or an array is ignored.

A record's fate depends on its own text alone. So these rules take all that a strict reader takes without a doubt (see
`stedi_assets.engines.duckdb.landing` and `stedi_assets.salvage.arrow`), and give the same values for it.

Most values need no conversion at all and are checked a column at a time (`RecordConverter.columns`); the others are
converted from the text of their record, one by one (`RecordConverter.row`).
"""

import json
import math
import re
from collections.abc import Callable, Collection, Container, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, cast

from stedi_assets.contract import Column, ColumnType
from stedi_assets.salvage.reasons import ReasonCode
from stedi_assets.salvage.scanning import Run

Value = str | int | float | None

SMALLEST_BIGINT = -(2**63)
LARGEST_BIGINT = 2**63 - 1
# Below this every integer is a double of its own, so that a double read from the file is exact.
EXACT_INTEGERS = 2**53

INTEGER_IN_STRING = re.compile(r"\s*[+-]?[0-9]+\s*", re.ASCII)
NUMBER_IN_STRING = re.compile(r"\s*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\s*", re.ASCII)
STRING_OR_LAST_COMMA = re.compile(r'("[^"\\]*(?:\\.[^"\\]*)*")|,(?=[ \t\r\n]*[}\]])')
SPACE_BEFORE_COLON = re.compile(r'"[ \t\r\n]+:')


class IntegerText(str):
    """The text of a JSON number without fraction and exponent."""

    __slots__ = ()


class DecimalText(str):
    """The text of a JSON number with a fraction or an exponent."""

    __slots__ = ()


class LiteralText(str):
    """The text of a literal that is not JSON: NaN, Infinity or -Infinity."""

    __slots__ = ()


class RefusalError(Exception):
    """A record that is not a row.

    Attributes:
        code: Why.
        column: The column concerned.
    """

    def __init__(self, code: ReasonCode, column: str | None = None) -> None:
        """Says why.

        Args:
            code: Why.
            column: The column concerned, where it is known.
        """
        super().__init__(code)
        self.code: ReasonCode = code
        self.column = column


# Objects become tuples of pairs and arrays lists, so that a repeated key is seen and the two are told apart.
MEMBERS = json.JSONDecoder(
    object_pairs_hook=tuple, parse_int=IntegerText, parse_float=DecimalText, parse_constant=LiteralText
)


def members(text: str) -> tuple[tuple[str, object], ...]:
    """Decodes one record.

    Args:
        text: A JSON object; a comma may stand behind the last value of an object or an array.

    Returns:
        Its keys and values, as `MEMBERS` gives them.
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


def _whole_number(text: str) -> int:
    nearest = float(text)
    try:
        # An integer below that bound is a double of its own.
        number = Decimal(nearest if abs(nearest) < EXACT_INTEGERS else text)
    except InvalidOperation:
        raise RefusalError("out_of_range") from None
    if not SMALLEST_BIGINT <= number <= LARGEST_BIGINT:
        raise RefusalError("out_of_range")
    whole = int(number)
    if whole != number:
        raise RefusalError("not_a_whole_number")
    return whole


def _exact_double(text: str) -> float:
    number = _nearest_double(text)
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


def _double_in(text: str) -> float:
    number = _number_in(text)
    return _exact_double(number) if isinstance(number, IntegerText) else _nearest_double(number)


UNCONVERTED_TYPES: dict[type, ReasonCode] = {
    bool: "boolean_value",
    tuple: "nested_value",
    list: "nested_value",
    LiteralText: "not_finite",
}
CONVERSIONS: dict[tuple[ColumnType, type], Callable[[Any], Value]] = {
    ("VARCHAR", str): _storable_text,
    ("VARCHAR", IntegerText): str,
    ("VARCHAR", DecimalText): str,
    ("BIGINT", str): lambda text: _whole_number(_number_in(text)),
    ("BIGINT", IntegerText): _whole_number,
    ("BIGINT", DecimalText): _whole_number,
    ("DOUBLE", str): _double_in,
    ("DOUBLE", IntegerText): _exact_double,
    ("DOUBLE", DecimalText): _nearest_double,
}


def _convert(value: object, column: Column) -> Value:
    """Converts one value from `MEMBERS`."""
    if value is None:
        return None
    kind = type(value)
    try:
        if kind in UNCONVERTED_TYPES:
            raise RefusalError(UNCONVERTED_TYPES[kind])
        return CONVERSIONS[column.type, kind](value)
    except RefusalError as refusal:
        raise RefusalError(refusal.code, column.name) from None


@dataclass(frozen=True)
class PlainValues:
    """The values of a column type that are right as any JSON decoder gives them.

    Attributes:
        all_plain: Gives a whole column, nulls included, as it is stored; None if a value may not be plain.
        is_plain: Whether one value that is not null is plain.
        convert: What makes a plain value one of the column's type.
    """

    all_plain: Callable[[list[Any]], list[Value] | None]
    is_plain: Callable[[Any], bool]
    convert: Callable[[Any], Value]


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


def _plain_doubles(values: list[Any]) -> list[Value] | None:
    if not _all_within(values, {float}, -EXACT_INTEGERS, EXACT_INTEGERS):
        return None
    # No other number is false.
    return [value if value or value is None else 0.0 for value in values] if 0.0 in values else values


# -0 is not its own text once it is decoded, so a zero is read again from the file.
PLAIN_VALUES: dict[ColumnType, PlainValues] = {
    "VARCHAR": PlainValues(
        all_plain=_plain_texts,
        is_plain=lambda value: (type(value) is str and _is_storable(value)) or (type(value) is int and value != 0),
        convert=str,
    ),
    "BIGINT": PlainValues(
        all_plain=_plain_integers,
        is_plain=lambda value: type(value) is int and SMALLEST_BIGINT <= value <= LARGEST_BIGINT,
        convert=int,
    ),
    "DOUBLE": PlainValues(
        all_plain=_plain_doubles,
        is_plain=lambda value: type(value) in (float, int) and -EXACT_INTEGERS <= value <= EXACT_INTEGERS,
        convert=_without_sign_of_zero,
    ),
}


@dataclass
class ConvertedRun:
    """The rows of a run of records.

    Attributes:
        columns: One list of values for each column of the contract.
        refusals: By index in the run, why a record is not a row.
    """

    columns: list[list[Value]]
    refusals: dict[int, RefusalError]


class RecordConverter:
    """Converts records to rows of one contract."""

    def __init__(self, columns: Sequence[Column], erased: Container[object] = ()) -> None:
        """Prepares for a contract.

        Args:
            columns: The contract's columns, whose names differ by more than case.
            erased: What names customers whose records are not rows, as a column's name and a value.
        """
        self._columns = tuple(columns)
        self._erased = erased
        self._naming = [index for index, column in enumerate(columns) if column.names_customer]
        self._indexes = {column.name.lower(): index for index, column in enumerate(columns)}

    def unknown_keys(self, keys: Collection[str]) -> Iterator[str]:
        """Returns those of a record's keys that are not in the contract."""
        return (key for key in keys if key.lower() not in self._indexes)

    def row(self, members: Sequence[tuple[str, object]]) -> list[Value]:
        """Converts one record.

        Args:
            members: Its keys and values, as `members` gives them.

        Returns:
            One value for each column.

        Raises:
            RefusalError: The record is not a row.
        """
        row: list[Value] = [None] * len(self._columns)
        seen: set[int] = set()
        for key, value in members:
            index = self._indexes.get(key.lower())
            if index is None:
                continue
            converted = _convert(value, self._columns[index])
            if index in seen and converted != row[index]:
                raise RefusalError("duplicate_key", self._columns[index].name)
            row[index] = converted
            seen.add(index)
        for column, value in zip(self._columns, row, strict=True):
            if column.required and value is None:
                raise RefusalError("missing_required", column.name)
        for index in self._naming:
            if (self._columns[index].name, row[index]) in self._erased:
                raise RefusalError("erased_customer", self._columns[index].name)
        return row

    def columns(self, run: Run, shapes: Collection[tuple[str, ...]]) -> ConvertedRun:
        """Converts a run of records.

        Args:
            run: The records.
            shapes: The distinct sequences of keys in it.

        Returns:
            The columns of those that are rows, in their order, and why the others are not.
        """
        odd = self._ambiguous_records(run, shapes)
        columns = [self._plain_column(column, run, shapes, odd) for column in self._columns]
        refusals: dict[int, RefusalError] = {}
        for index in sorted(odd):
            self._convert_odd(index, run, columns, refusals)
        self._refuse_erased(columns, refusals)
        refusals = dict(sorted(refusals.items()))
        return ConvertedRun([_without(column, refusals) for column in columns], refusals)

    def _refuse_erased(self, columns: Sequence[Sequence[Value]], refusals: dict[int, RefusalError]) -> None:
        for naming in self._naming:
            name = self._columns[naming].name
            erased = {value for value in set(columns[naming]) if (name, value) in self._erased}
            if not erased:
                continue
            for index, value in enumerate(columns[naming]):
                if value in erased:
                    refusals.setdefault(index, RefusalError("erased_customer", name))

    def _ambiguous_records(self, run: Run, shapes: Collection[tuple[str, ...]]) -> set[int]:
        """Returns the indexes of the records that may hold a key of the contract twice."""
        members = sum(map(len, run.values))
        ambiguous: set[int] = set()
        if not _has_distinct_keys(run.text, 0, run.ends[-1], members):
            bounds = zip(run.starts, run.ends, run.values, strict=True)
            ambiguous.update(
                index
                for index, (start, end, value) in enumerate(bounds)
                if not _has_distinct_keys(run.text, start, end, len(value))
            )
        repeating = {shape for shape in shapes if len({key.lower() for key in shape}) < len(shape)}
        if repeating:
            ambiguous.update(index for index, value in enumerate(run.values) if tuple(value) in repeating)
        return ambiguous

    def _plain_column(
        self, column: Column, run: Run, shapes: Collection[tuple[str, ...]], odd: set[int]
    ) -> list[Value]:
        """Returns a column's values, with a null for each that is not plain, whose index is added to `odd`."""
        values = _values_of(column.name.lower(), run.values, shapes)
        if column.required and None in values:
            odd.update(index for index, value in enumerate(values) if value is None)
        plain = PLAIN_VALUES[column.type]
        stored = plain.all_plain(values)
        if stored is not None:
            return stored
        odd.update(index for index, value in enumerate(values) if not (value is None or plain.is_plain(value)))
        return [None if value is None or index in odd else plain.convert(value) for index, value in enumerate(values)]

    def _convert_odd(self, index: int, run: Run, columns: list[list[Value]], refusals: dict[int, RefusalError]) -> None:
        try:
            row = self.row(members(run.text[run.starts[index] : run.ends[index]]))
        except RefusalError as refusal:
            refusals[index] = refusal
            return
        for column, value in zip(columns, row, strict=True):
            column[index] = value


def _has_distinct_keys(text: str, start: int, end: int, members: int) -> bool:
    """Says whether a stretch of text surely has no more members than were decoded from it.

    Each member has one colon that ends its key, and colons in strings only add to the count. The closer count, of
    colons directly after a quote, holds only where no key is followed by white space.
    """
    if text.count(":", start, end) == members:
        return True
    return text.count('":', start, end) == members and not SPACE_BEFORE_COLON.search(text, start, end)


def _values_of(name: str, records: list[dict[str, Any]], shapes: Collection[tuple[str, ...]]) -> list[Any]:
    """Returns one value for each record, null where the key is absent, whatever the key's case."""
    spellings = list(dict.fromkeys(key for shape in shapes for key in shape if key.lower() == name))
    if not spellings:
        return [None] * len(records)
    values = [record.get(spellings[0]) for record in records]
    for spelling in spellings[1:]:
        values = [
            record.get(spelling) if value is None else value for record, value in zip(records, values, strict=True)
        ]
    return values


def _without(column: list[Value], indexes: Collection[int]) -> list[Value]:
    if not indexes:
        return column
    return [value for index, value in enumerate(column) if index not in indexes]
