"""Instants on the report: as dates, not as milliseconds."""

import pytest

from stedi_assets.report.instants import INSTANTS, instant_text

TEXTS = {
    0: "1970-01-01 00:00:00",
    1_709_596_800_000: "2024-03-05 00:00:00",
    1_709_596_800_123: "2024-03-05 00:00:00.123",
    -1: "1969-12-31 23:59:59.999",
    10**18: "1000000000000000000",
    -(10**18): "-1000000000000000000",
}


@pytest.mark.parametrize(("milliseconds", "text"), TEXTS.items())
def test_an_instant_is_a_date_and_a_time_and_a_number_where_there_is_no_such_date(milliseconds: int, text: str) -> None:
    assert instant_text(milliseconds) == text


def test_the_columns_of_instants_are_those_that_the_contract_describes_as_milliseconds() -> None:
    assert {
        "timestamp",
        "sensorReadingTime",
        "registrationDate",
        "lastUpdateDate",
        "shareWithResearchAsOfDate",
        "shareWithPublicAsOfDate",
        "shareWithFriendsAsOfDate",
        "quarantinedAt",
    } == INSTANTS
