"""The drawing of the lineage graph: from left to right, and from top to bottom."""

import re
from collections.abc import Mapping
from itertools import combinations

import pytest

from stedi_assets.report.graph import Box, lay_out, lay_out_in_rows

GRAPHS: Mapping[str, Mapping[str, list[str]]] = {
    "a chain": {"b": ["a"], "c": ["b"]},
    "an arrow past a box": {"b": ["a"], "c": ["b", "a"]},
    "a fan": {"b": ["a"], "c": ["a"], "d": ["b", "c"]},
    "parts that do not meet": {"b": ["a"], "d": ["c"]},
}


def details(dependencies: Mapping[str, list[str]]) -> dict[str, str]:
    return dict.fromkeys([*dependencies, *(start for starts in dependencies.values() for start in starts)], "✓ 5 rows")


def test_a_box_is_as_wide_as_its_widest_line() -> None:
    graph = lay_out({"b": ["a_long_name"], "c": ["b"]}, {"a_long_name": "", "b": "", "c": "✓ 123,456,789 rows"})
    widths = {box.name: box.width for box in graph.boxes}
    assert widths["b"] < widths["a_long_name"] < widths["c"]


def test_a_name_is_broken_after_its_last_underscore_where_columns_are_many() -> None:
    dependencies = {"a_long_name": ["short"]}
    texts = details(dependencies)
    assert {tuple(box.lines) for box in lay_out(dependencies, texts).boxes} == {("a_long_", "name"), ("short",)}
    assert {tuple(box.lines) for box in lay_out_in_rows(dependencies, texts).boxes} == {("a_long_name",), ("short",)}


@pytest.mark.parametrize("dependencies", GRAPHS.values(), ids=GRAPHS.keys())
def test_a_graph_is_drawn_from_left_to_right_without_boxes_on_top_of_each_other(
    dependencies: Mapping[str, list[str]],
) -> None:
    graph = lay_out(dependencies, details(dependencies))
    boxes = {box.name: box for box in graph.boxes}
    assert {(arrow.start, arrow.end) for arrow in graph.arrows} == {
        (start, end) for end, starts in dependencies.items() for start in starts
    }
    for arrow in graph.arrows:
        assert boxes[arrow.start].x + boxes[arrow.start].width < boxes[arrow.end].x
    for box in graph.boxes:
        assert 0 <= box.x <= box.x + box.width <= graph.width
        assert 0 <= box.y <= box.y + box.height <= graph.height
        assert [other.name for other in graph.boxes if (other.x, other.y) == (box.x, box.y)] == [box.name]


def test_columns_are_ordered_so_that_arrows_do_not_cross() -> None:
    dependencies = {"first": ["b"], "second": ["a"], "third": ["first", "a"]}
    graph = lay_out(dependencies, details(dependencies))
    height = {box.name: box.y for box in graph.boxes}
    assert (height["a"] < height["b"]) == (height["second"] < height["first"])


@pytest.mark.parametrize("dependencies", GRAPHS.values(), ids=GRAPHS.keys())
def test_on_a_narrow_screen_each_name_has_a_row_below_those_that_it_is_made_from(
    dependencies: Mapping[str, list[str]],
) -> None:
    graph = lay_out_in_rows(dependencies, details(dependencies))
    boxes = {box.name: box for box in graph.boxes}
    assert boxes.keys() == {*dependencies, *(start for starts in dependencies.values() for start in starts)}
    assert {(arrow.start, arrow.end) for arrow in graph.arrows} == {
        (start, end) for end, starts in dependencies.items() for start in starts
    }
    for arrow in graph.arrows:
        assert boxes[arrow.start].y + boxes[arrow.start].height < boxes[arrow.end].y
    for box, other in combinations(graph.boxes, 2):
        assert box.y + box.height < other.y or other.y + other.height < box.y
    for box in graph.boxes:
        assert 0 < box.x < box.x + box.width <= graph.width
        assert box.y + box.height <= graph.height


def lane(path: str) -> float:
    """The horizontal place at which an arrow runs down."""
    return min(float(x) for x in re.findall(r"(-?[\d.]+),", path))


@pytest.mark.parametrize("dependencies", GRAPHS.values(), ids=GRAPHS.keys())
def test_arrows_of_two_names_beside_the_same_row_have_lanes_of_their_own(
    dependencies: Mapping[str, list[str]],
) -> None:
    graph = lay_out_in_rows(dependencies, details(dependencies))
    boxes: Mapping[str, Box] = {box.name: box for box in graph.boxes}
    for one, other in combinations(graph.arrows, 2):
        meet = boxes[one.start].y <= boxes[other.end].y and boxes[other.start].y <= boxes[one.end].y
        if one.start != other.start and meet:
            assert lane(one.path) != lane(other.path)
        assert 0 <= lane(one.path) < boxes[one.start].x
