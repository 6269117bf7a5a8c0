"""Pseudonyms stand for customers in training data. Only the holder of the key can tell whom a pseudonym stands for."""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from typing import Self

FUNCTION = "pseudonym"
"""The name of the SQL function from a text to its pseudonym."""

KEY_BYTES = 32
"""The least length of a key: a key shorter than the digest is easier to guess than the digest."""

BLOCK_BYTES = 64
"""The length to which HMAC pads a key for SHA-256."""


def has_one_of(column: str, hashes: Iterable[str]) -> str:
    """Returns the SQL condition that a column's pseudonym is one of some, so that no message can quote a value.

    Args:
        column: An expression of SQL.
        hashes: The pseudonyms, at least one.
    """
    listed = ", ".join(f"'{keyed}'" for keyed in hashes)
    return f"{FUNCTION}({column}) IN ({listed})"


class Pseudonyms:
    """Makes pseudonyms with one key.

    No text of this object shows the key. A pickle holds it, so that other processes make the same pseudonyms.

    Args:
        key: `KEY_BYTES` bytes or more. Without a key, a random one is used and never shown.

    Attributes:
        is_linkable: Whether other builds with the same key make the same pseudonyms.
    """

    def __init__(self, key: bytes | None = None) -> None:
        self._key = key or secrets.token_bytes(KEY_BYTES)
        self.is_linkable = key is not None

    def __repr__(self) -> str:
        return f"Pseudonyms(under a {'given' if self.is_linkable else 'random'} key)"

    def __call__(self, text: str) -> str:
        """Returns the pseudonym of a text: the HMAC-SHA-256 of its UTF-8 bytes, in hexadecimal."""
        return hmac.digest(self._key, text.encode(), "sha256").hex()

    def for_build(self) -> Self:
        """Returns the pseudonyms for one build: without a given key, those of a new random key."""
        return self if self.is_linkable else type(self)()

    @property
    def pads(self) -> tuple[bytes, bytes]:
        """The inner and the outer pad of RFC 2104, for an engine that computes SHA-256 itself. They are secret too."""
        key = self._key if len(self._key) <= BLOCK_BYTES else hashlib.sha256(self._key).digest()
        padded = key.ljust(BLOCK_BYTES, b"\0")
        return bytes(byte ^ 0x36 for byte in padded), bytes(byte ^ 0x5C for byte in padded)
