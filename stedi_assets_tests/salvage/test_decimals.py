"""Decimals: exact numbers, and the search for those that a decoder of doubles has not kept."""

import io
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stedi_assets.salvage import decimals
from stedi_assets.salvage.decimals import DecimalType, decimal_type, may_hold_long_numbers

SHORT = ["0.1", "-12345678.123456", "123456789012345", "1e99", "-1.5E-10", "null", '"1234567890123456789"']
LONG = ["1234567890123456", "-0.1000000000000000055", "1e100", "1.5e-400", "0e+0001"]


@pytest.mark.parametrize("space", ["", " ", "\t\r\n "])
@pytest.mark.parametrize("value", SHORT)
def test_a_number_of_up_to_15_digits_is_not_long(value: str, space: str) -> None:
    assert not may_hold_long_numbers(io.BytesIO(f'{{"a":{space}{value}, "b":"x"}}'.encode()))


@pytest.mark.parametrize("space", ["", " ", "\t\r\n "])
@pytest.mark.parametrize("value", LONG)
def test_a_number_of_more_characters_or_with_a_large_exponent_is_long(value: str, space: str) -> None:
    assert may_hold_long_numbers(io.BytesIO(f'{{"a":{space}{value}, "b":"x"}}'.encode()))


@pytest.mark.parametrize("value", LONG)
def test_a_long_number_at_the_edge_of_a_block_is_seen(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    content = f'{{"first": 1, "second":  {value}}}'.encode()
    for size in range(1, len(content) + 1):
        monkeypatch.setattr(decimals, "BLOCK_BYTES", size)
        assert may_hold_long_numbers(io.BytesIO(content))


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4) | st.decimals(-1000, 1000))
def test_a_double_keeps_every_number_that_is_not_long(number: Decimal) -> None:
    content = f'{{"a": {number:f}}}'.encode()
    assert may_hold_long_numbers(io.BytesIO(content)) or Decimal(repr(json.loads(content)["a"])) == number


@given(st.integers(1, 38), st.data())
def test_a_decimal_holds_exactly_the_numbers_of_its_digits(precision: int, data: st.DataObject) -> None:
    kind = DecimalType(precision, data.draw(st.integers(0, precision)))
    unscaled = data.draw(st.integers(1 - 10**precision, 10**precision - 1))
    text = f"{Decimal(f'{unscaled}e-{kind.scale}'):f}"
    assert kind.exactly(text) == Decimal(text)
    assert kind.exactly(f"{text}{'' if '.' in text else '.'}000") == Decimal(text)
    assert kind.exactly(f"{text}{'' if '.' in text else '.'}0001") == "too_many_fraction_digits"
    assert kind.exactly(f"{kind.bound}") == kind.exactly(f"-{kind.bound}") == "out_of_range"
    assert str(kind.exactly("-0")) == str(kind.exactly("0e-400")) == str(Decimal(f"0e-{kind.scale}"))


def test_only_decimals_have_digits() -> None:
    assert decimal_type("DECIMAL(5,2)") == DecimalType(5, 2)
    assert decimal_type("DOUBLE") is None
