"""Pictures made of text: rows by day, and how measured values are spread."""

from hypothesis import given
from hypothesis import strategies as st

from stedi_assets.report.bars import measured_values, rows_by_day

DAY = 86_400_000
FOLDED = 1_000
INSTANTS = st.integers(-(2**63), 2**63 - 1)
VALUES = st.none() | st.floats() | st.integers(-(2**63), 2**63 - 1)


def lines(markdown: str) -> list[str]:
    return markdown.splitlines()[1:-1]


def test_the_files_of_a_day_share_a_line_whose_bar_is_as_long_as_they_have_rows() -> None:
    extents = [(0, 5, 10), (6, 9, 30), (DAY, DAY + 1, 20), (3 * DAY, 3 * DAY, 1)]
    assert lines(rows_by_day(extents)) == [
        f"1970-01-01 {'█' * 20} 40",
        f"1970-01-02 {'█' * 10} 20",
        "1970-01-04 █ 1",
    ]


def test_a_file_of_several_days_has_a_line_of_its_own() -> None:
    assert lines(rows_by_day([(0, 2 * DAY, 10), (DAY, DAY, 10)])) == [
        f"1970-01-01 to 1970-01-03 {'█' * 20} 10",
        f"1970-01-02               {'█' * 20} 10",
    ]


def test_neighbouring_days_share_a_line_where_there_are_many() -> None:
    shown = lines(rows_by_day([(day * DAY, day * DAY, 2) for day in range(365)]))
    assert len(shown) == 12
    assert shown[0].startswith("1970-01-01 to 1970-01-31 ")
    assert sum(int(line.split()[-1]) for line in shown) == 730


def test_the_rows_of_one_day_have_no_picture() -> None:
    assert rows_by_day([(0, 5, 10), (6, 9, 30)]) == rows_by_day([]) == ""


def test_a_column_shows_its_least_value_its_greatest_and_bars_between() -> None:
    rows = [{"distanceFromObject": value, "x": None} for value in (1, 1, 1, 1, 2, 2, 4)]
    assert lines(measured_values(rows)) == ["distanceFromObject 1 █▄ ▂ 4"]


def test_a_column_of_one_value_has_one_bar() -> None:
    assert lines(measured_values([{"x": 0.5}, {"x": 0.5}]))[0].split() == ["x", "0.5", "█", "0.5"]


def test_rows_without_measured_values_have_no_picture() -> None:
    assert measured_values([]) == measured_values([{"email": "a"}]) == measured_values([{"x": None}]) == ""


@given(st.lists(st.tuples(INSTANTS, INSTANTS, st.integers(1, 2**40)), max_size=40))
def test_any_instants_have_a_picture_that_dagster_does_not_fold(extents: list[tuple[int, int, int]]) -> None:
    assert len(rows_by_day([(min(a, b), max(a, b), rows) for a, b, rows in extents])) < FOLDED


@given(st.lists(st.fixed_dictionaries({"distanceFromObject": VALUES, "x": VALUES, "y": VALUES, "z": VALUES})))
def test_any_values_have_a_picture_that_dagster_does_not_fold(rows: list[dict[str, float | None]]) -> None:
    assert len(measured_values(rows)) < FOLDED
