"""SQL that every engine runs: the expressions of CONTRIBUTING.md."""

import re
from datetime import date

import sqlglot
from sqlglot import exp

from stedi_assets.engines.engine import Engine
from stedi_assets.query import Query
from stedi_assets_tests.support.checkout import PROJECT
from stedi_assets_tests.support.grid import on_both_engines

(DAY,) = re.findall(r"<!-- portable -->\n```sql\n(.*?)\n```", (PROJECT / "CONTRIBUTING.md").read_text(), re.DOTALL)

DAYS = {
    None: None,
    0: date(1970, 1, 1),
    -1: date(1969, 12, 31),
    86_399_999: date(1970, 1, 1),
    86_400_000: date(1970, 1, 2),
    951_782_400_000: date(2000, 2, 29),
    1_655_296_678_000: date(2022, 6, 15),
    -62_135_596_800_000: date(1, 1, 1),
    253_402_300_799_999: date(9999, 12, 31),
}
"""From an instant in milliseconds since 1970 to its day in UTC."""


@on_both_engines
def test_the_portable_expression_gives_the_day_of_an_instant(computing: Engine) -> None:
    values = ", ".join(f"({number}, CAST({'NULL' if ms is None else ms} AS BIGINT))" for number, ms in enumerate(DAYS))
    found = computing.rows(
        Query(f"SELECT {DAY} AS day FROM (VALUES {values}) AS readings(number, timestamp) ORDER BY number")
    )
    assert [row["day"] for row in found] == list(DAYS.values())


def test_athena_knows_the_expression_too() -> None:
    assert isinstance(sqlglot.parse_one(f"SELECT {DAY} AS day FROM readings", read="athena"), exp.Select)
