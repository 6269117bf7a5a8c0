"""Masks personal values and secrets in messages."""

import os
import re
from collections.abc import Iterable, Mapping

from stedi_assets.contract import TABLES

MASK = "***"
"""Replaces a personal value or a secret."""

PERSONAL = frozenset(name.casefold() for table in TABLES.values() for name in table.personal_columns)
"""The names of personal columns in lower case. They are masked in every table, because other people derive tables from
those of the contract."""

SECRETS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "STEDI_PSEUDONYM_KEY",
    "STEDI_FAILURE_WEBHOOK",
)
"""The environment variables that hold secrets."""

NAMED = re.compile(
    rf"""\b((?:{"|".join(sorted(PERSONAL))})["'`]?\s*[:=]\s*)("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s,;)}}\]]+)""",
    re.IGNORECASE,
)
"""A value that follows the name of a personal column, as in JSON, a dictionary or an assignment."""

CREDENTIALS = re.compile(
    r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|(?<![\w/+])[A-Za-z0-9/+]{40}(?![\w/+])|(?<=://)[^\s/@]*(?:@[^\s/@]*)*@"
)
"""AWS's access keys and secret keys, and the user and password in a URL."""

PART_OF_AN_ADDRESS = r"""[^\s"'`<>()\[\]{},;:=]"""

# The lookbehind starts a match only at the beginning of a word. Without it, a word of a megabyte takes quadratic time.
EMAIL = re.compile(rf"(?<!{PART_OF_AN_ADDRESS}){PART_OF_AN_ADDRESS}+(?:@|%40){PART_OF_AN_ADDRESS}+")

NUMBER = re.compile(r"(?<![\w-])[\w-]*\+?\(?\d(?:[\s()./-]*\d){6,}[\w-]*")
"""Seven digits or more, with the separators of phone numbers and dates: a timestamp in milliseconds has 13 digits."""

TOKEN = re.compile(r"[\w-]{8,}")

DIGITS_OF_AN_IDENTIFIER = 4
"""A word of eight characters or more may be an identifier if it has this many digits. No type or function does."""


def masked_columns(columns: Iterable[str], origins: Mapping[str, Iterable[str]] | None = None) -> frozenset[str]:
    """Returns the columns whose values are masked: personal columns, and columns computed from personal ones.

    Args:
        columns: The names of a table's columns.
        origins: From a column to the names of the columns that it is computed from, where they are known.

    Returns:
        Those of the columns, spelled as given. The comparison ignores case.
    """
    computed = {
        column.casefold()
        for column, sources in (origins or {}).items()
        if any(source.casefold() in PERSONAL for source in sources)
    }
    return frozenset(column for column in columns if column.casefold() in PERSONAL | computed)


def masked(text: str) -> str:
    """Masks secrets, and values that may identify a person, in a text such as another library's error message.

    It recognises a person's name only after the name of a column.
    """
    for name in SECRETS:
        secret = os.environ.get(name, "").strip()
        if secret:
            text = re.sub(re.escape(secret), MASK, text, flags=re.IGNORECASE)
    text = CREDENTIALS.sub(MASK, text)
    text = NAMED.sub(rf"\1{MASK}", text)
    text = EMAIL.sub(MASK, text)
    text = NUMBER.sub(MASK, text)
    return TOKEN.sub(_without_identifier, text)


def _without_identifier(found: re.Match[str]) -> str:
    digits = sum(character.isdigit() for character in found[0])
    return MASK if digits >= DIGITS_OF_AN_IDENTIFIER else found[0]


def escaped(text: str, kept: str = "") -> str:
    """Returns a text with an escape for each control character, which a terminal would obey.

    Args:
        text: The text.
        kept: The control characters that stay.
    """
    return "".join(
        character if character.isprintable() or character in kept else character.encode("unicode_escape").decode()
        for character in text
    )
