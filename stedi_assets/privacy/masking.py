"""Which columns name a person, and what stands for their values."""

import os
import re
from collections.abc import Iterable, Mapping

from stedi_assets.contract import TABLES

MASK = "***"
"""What stands for a personal value."""

PERSONAL = frozenset(name.casefold() for table in TABLES.values() for name in table.personal_columns)
"""The names of personal columns. They are masked in every table: other people's tables are made from those of the
contract."""

SECRETS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "STEDI_PSEUDONYM_KEY")
"""The environment variables whose values are nobody's business."""

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

# Sought from the beginning of a word alone: within a word of a megabyte it would be sought from every letter.
EMAIL = re.compile(rf"(?<!{PART_OF_AN_ADDRESS}){PART_OF_AN_ADDRESS}+(?:@|%40){PART_OF_AN_ADDRESS}+")

NUMBER = re.compile(r"(?<![\w-])[\w-]*\+?\(?\d(?:[\s()./-]*\d){6,}[\w-]*")
"""Seven digits or more, with what a phone number or a date has between them: an instant in milliseconds has 13."""

TOKEN = re.compile(r"[\w-]{8,}")

DIGITS_OF_A_SERIAL_NUMBER = 4
"""A word of eight characters or more with so many digits may be a serial number: no type or function is called so."""


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
    """Masks what may name a person, or is a secret, in a text that nobody wrote for others to read.

    It cannot recognise a person's name that has no column name before it.

    Args:
        text: Such as an error's message.
    """
    for name in SECRETS:
        secret = os.environ.get(name, "").strip()
        if secret:
            text = re.sub(re.escape(secret), MASK, text, flags=re.IGNORECASE)
    text = CREDENTIALS.sub(MASK, text)
    text = NAMED.sub(rf"\1{MASK}", text)
    text = EMAIL.sub(MASK, text)
    text = NUMBER.sub(MASK, text)
    return TOKEN.sub(_without_serial_number, text)


def _without_serial_number(found: re.Match[str]) -> str:
    digits = sum(character.isdigit() for character in found[0])
    return MASK if digits >= DIGITS_OF_A_SERIAL_NUMBER else found[0]
