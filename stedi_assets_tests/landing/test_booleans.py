"""What is looked for in a landing file where a number is 0 or 1."""

import io

import pytest

from stedi_assets.salvage.booleans import BLOCK_BYTES, SMALL_BYTES, may_hold_booleans


@pytest.mark.parametrize(
    "text",
    [b"", b'{"a":1,"b":"x"}', b'{"a": -1, "b": "x"}', b'{"a":null,"b": null,"c":1}', b'{"a":"12:30"}'],
)
@pytest.mark.parametrize("padding", [0, SMALL_BYTES])
def test_texts_numbers_and_nulls_are_no_booleans(text: bytes, padding: int) -> None:
    assert not may_hold_booleans(io.BytesIO(b" " * padding + text))


@pytest.mark.parametrize("value", [b"true", b" false"])
@pytest.mark.parametrize("padding", [0, SMALL_BYTES])
def test_a_boolean_is_seen_in_a_small_and_in_a_large_file(value: bytes, padding: int) -> None:
    assert may_hold_booleans(io.BytesIO(b" " * padding + b'{"a":' + value + b"}"))


@pytest.mark.parametrize("text", [b'{"a":"true"}', b'{"false":1}', b'{"a":"it is: false"}'])
def test_a_word_in_a_text_is_no_boolean_unless_it_follows_a_colon(text: bytes) -> None:
    assert may_hold_booleans(io.BytesIO(text)) == (b": false" in text)


@pytest.mark.parametrize("value", [b"[1]", b'{"b":1}', b"NaN", b"\n1", b""])
def test_anything_else_after_a_colon_of_a_large_file_may_be_a_boolean(value: bytes) -> None:
    assert may_hold_booleans(io.BytesIO(b" " * SMALL_BYTES + b'{"a":' + value))


@pytest.mark.parametrize("padding", range(SMALL_BYTES + BLOCK_BYTES - 8, SMALL_BYTES + BLOCK_BYTES))
def test_a_value_at_the_edge_of_a_block_is_seen_whole(padding: int) -> None:
    assert not may_hold_booleans(io.BytesIO(b" " * padding + b'{"a": null}'))
    assert may_hold_booleans(io.BytesIO(b" " * padding + b'{"a": false}'))
