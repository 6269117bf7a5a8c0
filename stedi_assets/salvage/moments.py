"""Days and instants in texts.

The patterns are read alike by Python, DuckDB and Arrow. A text that fits one may still name no day, such as 2024-02-30,
or the year 0, which these types lack.
"""

import re
from datetime import UTC, date, datetime

DATE = "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
"""The pattern of a day: ISO 8601, with hyphens."""

TIMESTAMP = f"{DATE}[T ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{{1,6}})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
"""The pattern of an instant: ISO 8601 with seconds, up to six digits of a fraction, and Z or an offset from UTC."""

FIRST_DAY = "0001-01-01"
"""The first day, which is also the least text of the pattern that names a day."""

FIRST_INSTANT, LAST_INSTANT = "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"

IS_DATE = re.compile(DATE)
IS_TIMESTAMP = re.compile(TIMESTAMP)


def date_in(text: str) -> date | None:
    """Returns the day that a text names; None where it names none."""
    if not IS_DATE.fullmatch(text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def instant_in(text: str) -> datetime | None:
    """Returns the instant that a text names, in UTC; None where it names none, or none of the years 1 to 9999."""
    if not IS_TIMESTAMP.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
