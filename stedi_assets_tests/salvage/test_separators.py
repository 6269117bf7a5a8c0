"""Records that something other than a newline separates, in files larger than a block."""

import io
import json

import pytest

from stedi_assets.salvage.separators import BLOCK_BYTES, LONGEST_RECORD_BYTES, separate

RECORDS = [{"number": number, "text": "x" * 1_000} for number in range(5 * BLOCK_BYTES // 4_000)]


def separated(text: str) -> str | None:
    target = io.BytesIO()
    return target.getvalue().decode() if separate(io.BytesIO(text.encode()), target) else None


@pytest.mark.parametrize("separator", [",", ", ", "", " ", ",\n", "\n,\n", "\t", "\r\n\r\n"])
@pytest.mark.parametrize(("begin", "end"), [("", ""), ("[", "]"), (" [", "]\n"), ("\ufeff", ""), ("", ",")])
def test_each_record_gets_a_line(separator: str, begin: str, end: str) -> None:
    text = separated(begin + separator.join(map(json.dumps, RECORDS)) + end)
    assert text is not None
    assert [json.loads(line) for line in text.splitlines()] == RECORDS


def test_lines_alone_need_no_copy() -> None:
    assert separated("\n".join(map(json.dumps, RECORDS))) is None


def test_a_text_without_a_record_is_given_up() -> None:
    assert separated("[" + "x" * (LONGEST_RECORD_BYTES + 3 * BLOCK_BYTES)) is None
