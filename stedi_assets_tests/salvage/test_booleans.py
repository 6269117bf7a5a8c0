"""The search for true and false in files whose numbers may be 0 or 1."""

import io
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stedi_assets.salvage import booleans
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


WHITE_SPACE = st.text(" \t\r\n", max_size=4)
TEXTS = st.text('atrue:fls, \n"{}é', max_size=12)
VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS


@st.composite
def objects(draw: st.DrawFn) -> tuple[str, bool, bool]:
    """JSON objects in any layout; whether a value is a boolean; and whether each other value may be taken for one."""
    record = draw(st.dictionaries(TEXTS, VALUES, max_size=4))
    space = draw(st.sampled_from(["", " "]) | WHITE_SPACE)
    members = (f"{json.dumps(key)}{space}:{space}{json.dumps(value)}{space}" for key, value in record.items())
    texts = [text for text in [*record, *record.values()] if isinstance(text, str)]
    has_booleans = any(isinstance(value, bool) for value in record.values())
    return f"{{{','.join(members)}}}", has_booleans, space not in ("", " ") or any(":" in text for text in texts)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(records=st.lists(objects(), max_size=4), small_bytes=st.integers(0, 40), block_bytes=st.integers(2, 40))
def test_no_boolean_is_overlooked_at_any_place_of_a_block(
    records: list[tuple[str, bool, bool]], small_bytes: int, block_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(booleans, "SMALL_BYTES", small_bytes)
    monkeypatch.setattr(booleans, "BLOCK_BYTES", block_bytes)
    content = "\n".join(text for text, _, _ in records).encode()
    found = may_hold_booleans(io.BytesIO(content))
    if any(has_booleans for _, has_booleans, _ in records):
        assert found
    elif not any(may_look_so for _, _, may_look_so in records):
        assert not found
