"""Pseudonyms: what stands for a customer in training data, so that only the holder of the key can say who is who."""

import hashlib
import hmac
import secrets
from typing import Self

FUNCTION = "pseudonym"
"""The name of the function, in queries, from a text to its pseudonym."""

KEY_BYTES = 32
"""The least length of a key: that of the digest, below which the key is easier to guess than the digest."""

BLOCK_BYTES = 64
"""The length to which HMAC pads a key for SHA-256."""


class Pseudonyms:
    """Makes pseudonyms under one key.

    The key is in none of its texts. It can be pickled, key and all, for a process that makes the same pseudonyms.

    Args:
        key: `KEY_BYTES` bytes or more. Without one the key is random, and never known to anybody.

    Attributes:
        is_linkable: Whether others with the same key make the same pseudonyms.
    """

    def __init__(self, key: bytes | None = None) -> None:
        self._key = key or secrets.token_bytes(KEY_BYTES)
        self.is_linkable = key is not None

    def __repr__(self) -> str:
        return f"Pseudonyms(under a {'given' if self.is_linkable else 'random'} key)"

    def __call__(self, text: str) -> str:
        """Makes the pseudonym of a text.

        Args:
            text: Such as an email.

        Returns:
            The HMAC-SHA-256 of its UTF-8 bytes, in hexadecimal.
        """
        return hmac.digest(self._key, text.encode(), "sha256").hex()

    def for_build(self) -> Self:
        """Returns what makes the pseudonyms of one build: under a random key of its own where no key is given."""
        return self if self.is_linkable else type(self)()

    @property
    def pads(self) -> tuple[bytes, bytes]:
        """The inner and the outer pad of RFC 2104, as secret as the key, for an engine that computes SHA-256 itself."""
        key = self._key if len(self._key) <= BLOCK_BYTES else hashlib.sha256(self._key).digest()
        padded = key.ljust(BLOCK_BYTES, b"\0")
        return bytes(byte ^ 0x36 for byte in padded), bytes(byte ^ 0x5C for byte in padded)
