"""What is left of a raw file is what it was, without a customer's records: as well-formed, and byte for byte."""

import io

import pytest

from stedi_assets.contract import SOURCES
from stedi_assets.erasure.person import Person
from stedi_assets.erasure.redaction import find_records, write_without
from stedi_assets.salvage.content import Content

PHONES = SOURCES["accelerometer_files"].columns

A, B, E = (f'{{"user": "{name}@example.com", "timestamp": 1}}' for name in ("ada", "bob", "eve"))

LEFT = {
    f"{A}\n{E}\n": f"{E}\n",
    f"{E}\n{A}\n": f"{E}\n",
    f"{E}\n{A}\n{B}\n": f"{E}\n{B}\n",
    f"{A}{E}{A}{B}": f"{E}{B}",
    f"{A},{E},{A}": f"{E}",
    f"[{A}, {E}]": f"[{E}]",
    f"[{E}, {A}]": f"[{E}]",
    f"[{E}, {A}, {B}]\n": f"[{E}, {B}]\n",
    f"{E}\n[{A}]\n": f"{E}\n[]\n",
    f"[{A}]\n{E}": f"[]\n{E}",
    f"{A}\n[{E}]\n": f"\n[{E}]\n",
    f"[{E}]\n[{A}]\n[{B}]": f"[{E}]\n[]\n[{B}]",
    f"[{A}]\n": "",
    f"\ufeff{A}\n{E}\n": f"\ufeff{E}\n",
    f"\ufeff{A}\n{A}\n": "",
}
"""From a file to what is left of it without ada."""


def without_ada(content: bytes) -> bytes:
    target = io.BytesIO()
    redaction = find_records(io.BytesIO(content), PHONES, Person("ada@example.com"))
    write_without(io.BytesIO(content), redaction.removed_ranges, Content(io.BytesIO(content)), target)  # type: ignore[arg-type]
    return target.getvalue()


@pytest.mark.parametrize("text", LEFT)
def test_the_records_go_with_what_separates_them_and_arrays_stay_whole(text: str) -> None:
    assert without_ada(text.encode()).decode() == LEFT[text]
