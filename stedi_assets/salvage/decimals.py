"""Decimal numbers with a number of digits, and a number of these after the point."""

import re
from dataclasses import dataclass
from decimal import Context, Decimal, Inexact, InvalidOperation
from functools import lru_cache
from typing import BinaryIO

from stedi_assets.salvage.reasons import ReasonCode

DECIMAL = re.compile(r"DECIMAL\(([0-9]+),([0-9]+)\)")

MOST_DIGITS = 38
"""The most digits of a decimal that Arrow, DuckDB and Spark store."""

EXACTLY = Context(prec=MOST_DIGITS, traps=[Inexact, InvalidOperation])

BLOCK_BYTES = 1 << 20

LONG_NUMBER = re.compile(rb":[ \t\r\n]*-?(?:[0-9.]{16}|[0-9.]+[eE][-+]?[0-9]{3})")
"""A number of more than 15 characters, or with an exponent of three digits, as the value of a key."""

BEGUN_NUMBER = re.compile(rb":[ \t\r\n]*-?[0-9.]*(?:[eE][-+]?[0-9]*)?")
"""The end of a block that may be the beginning of a long number."""


@dataclass(frozen=True)
class DecimalType:
    """The type of decimals.

    Attributes:
        precision: The greatest number of digits.
        scale: The number of digits after the point.
    """

    precision: int
    scale: int

    @property
    def bound(self) -> int:
        """The least number that has too many digits before the point."""
        return int(10 ** (self.precision - self.scale))

    def exactly(self, text: str) -> Decimal | ReasonCode:
        """Returns the number in a text, with `scale` digits after the point, or why the type does not hold it."""
        try:
            # A zero loses its sign.
            number = Decimal(text) or Decimal(0)
        except InvalidOperation:
            return "out_of_range"
        if number and number.adjusted() >= self.precision - self.scale:
            return "out_of_range"
        try:
            return number.quantize(Decimal((0, (1,), -self.scale)), context=EXACTLY)
        except Inexact:
            return "too_many_fraction_digits"


@lru_cache
def decimal_type(sql_type: str) -> DecimalType | None:
    """Returns the type that is written as DECIMAL(p,s); None for any other type."""
    found = DECIMAL.fullmatch(sql_type)
    return DecimalType(int(found[1]), int(found[2])) if found else None


def may_hold_long_numbers(stream: BinaryIO) -> bool:
    """Whether a file of JSON objects may hold a number whose text does not follow from the nearest double.

    A decimal number of up to 15 digits is the only one of so many digits near its double. So a reader that decodes
    numbers to doubles has lost none of it. The answer is never a wrong False.

    Args:
        stream: The decompressed file.
    """
    begun = b""
    while block := stream.read(BLOCK_BYTES):
        block = begun + block
        if LONG_NUMBER.search(block):
            return True
        end = block[block.rfind(b":") :] if b":" in block else b""
        begun = end if BEGUN_NUMBER.fullmatch(end) else b""
    return False
