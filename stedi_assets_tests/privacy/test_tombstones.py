"""What stands for an erased customer: a lakehouse keeps these hashes for ever, so their texts never change."""

import hashlib
import hmac

import pytest

from stedi_assets.contract import DEVICE
from stedi_assets.privacy.pseudonyms import Pseudonyms
from stedi_assets.privacy.tombstones import Tombstones, email_tombstone, other_tombstone, shared_tombstones
from stedi_assets_tests.support.engines import KEY

PSEUDONYMS = Pseudonyms(KEY)


def keyed(text: str) -> str:
    return hmac.new(KEY, text.encode(), hashlib.sha256).hexdigest()


def test_the_hashes_are_those_of_earlier_releases() -> None:
    assert email_tombstone(PSEUDONYMS, "Ada@Example.com") == keyed("tombstone of ada@example.com")
    assert other_tombstone(PSEUDONYMS, DEVICE, "3F-a") == keyed("tombstone of the serial number 3F-a")
    assert shared_tombstones(PSEUDONYMS, "3F-a") == [keyed("tombstone of the shared serial number 3F-a")]


@pytest.mark.parametrize(
    ("column", "value", "stays_out"),
    [
        ("email", "ADA@example.com", True),
        ("user", "ada@example.com", True),
        ("SERIALNUMBER", "3f-a", True),
        ("serialNumber", "3F-A", False),
        ("serialNumber", "ada@example.com", False),
        ("user", "3f-a", False),
        ("x", "3f-a", False),
    ],
)
def test_a_value_stays_out_by_the_identifier_of_its_column(column: str, value: str, stays_out: bool) -> None:
    hashes = {email_tombstone(PSEUDONYMS, "ada@example.com"), other_tombstone(PSEUDONYMS, DEVICE, "3f-a")}
    tombstones = Tombstones(PSEUDONYMS, frozenset(hashes))
    assert ((column, value) in tombstones) is stays_out
