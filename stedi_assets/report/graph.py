"""Lays out the lineage graph: from left to right, or for a narrow screen from top to bottom.

From left to right, as Sugiyama's method does: columns, dummy nodes, few crossings. From top to bottom, each name has a
row, and the lines run beside the names, as in the drawing of a history of commits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

Dependencies = Mapping[str, Sequence[str]]
"""From a name to the names that it is made from."""

Details = Mapping[str, str]
"""From a name to a line about it."""

Point = tuple[float, float]
"""The distances from the graph's left and upper edges, in SVG's user units."""

CHARACTER_WIDTH = 7.55
PADDING = 8.0
LINE = 15.0
HEIGHT = 42.0
"""The height of a box with its name in one line, and a line of details."""

ROW_GAP = 16.0
COLUMN_GAP = 30.0
LANE_GAP = 10.0
BEND = 6.0


@dataclass(frozen=True)
class Box:
    """A name in the graph, with its box in SVG's user units.

    Attributes:
        name: The name.
        lines: The name, in the lines in which it is written.
        detail: A line about it.
        x: The left edge.
        y: The upper edge.
        width: The width.
        height: The height.
    """

    name: str
    lines: Sequence[str]
    detail: str
    x: float
    y: float
    width: float

    @property
    def height(self) -> float:
        """The height."""
        return HEIGHT + (len(self.lines) - 1) * LINE


@dataclass(frozen=True)
class Arrow:
    """A dependency.

    Attributes:
        start: The input.
        end: The name that is made from the input.
        path: The curve, in the syntax of SVG's path data.
    """

    start: str
    end: str
    path: str


@dataclass(frozen=True)
class Graph:
    """A graph with its layout.

    Attributes:
        boxes: The names.
        arrows: The dependencies.
        width: The width of the whole graph.
        height: The height of the whole graph.
    """

    boxes: Sequence[Box]
    arrows: Sequence[Arrow]
    width: float
    height: float


@dataclass(frozen=True)
class Node:
    """A box in its column, or a dummy node, through which the arrows of a box cross a later column.

    Attributes:
        column: The column, 0 at the left.
        name: The name of the box.
        is_dummy: Whether this is a dummy node.
    """

    column: int
    name: str
    is_dummy: bool = False


def lay_out(dependencies: Dependencies, details: Details) -> Graph:
    """Returns the layout of a graph: every arrow points to the right, and few arrows cross.

    Args:
        dependencies: From each name to the names that it is made from, without cycles. A name without inputs need not
            be a key.
        details: From each name to a line about it.
    """
    columns_of = _columns_of(dependencies)
    routes = {
        (start, end): [
            Node(columns_of[start], start),
            *(Node(column, start, is_dummy=True) for column in range(columns_of[start] + 1, columns_of[end])),
            Node(columns_of[end], end),
        ]
        for end, starts in dependencies.items()
        for start in starts
    }
    nodes = [Node(column, name) for name, column in columns_of.items()]
    columns = _ordered_columns(nodes, list(routes.values()))
    step = HEIGHT + LINE + ROW_GAP
    height = max(len(column) for column in columns) * step - ROW_GAP
    boxes: dict[Node, Box] = {}
    x = 0.0
    for column in columns:
        width = max(_width([*_lines(node.name), details[node.name]]) for node in column if not node.is_dummy)
        y = (height - len(column) * step + ROW_GAP) / 2
        for row, node in enumerate(column):
            boxes[node] = Box(node.name, _lines(node.name), details[node.name], x, y + row * step, width)
        x += width + COLUMN_GAP
    arrows = [Arrow(start, end, _path([boxes[node] for node in route])) for (start, end), route in routes.items()]
    return Graph([boxes[node] for node in nodes], arrows, x - COLUMN_GAP, height)


def lay_out_in_rows(dependencies: Dependencies, details: Details) -> Graph:
    """Returns the layout of a graph with one name a row: every arrow points down, and runs in a lane at the left.

    Args:
        dependencies: From each name to the names that it is made from, without cycles. A name without inputs need not
            be a key.
        details: From each name to a line about it.
    """
    rows = {name: row for row, name in enumerate(_order(dependencies))}
    lanes = _lanes(
        {
            name: (row, max((rows[end] for end in dependencies if name in dependencies[end]), default=row))
            for name, row in rows.items()
        }
    )
    left = (max(lanes.values(), default=0) + 2) * LANE_GAP
    boxes = {
        name: Box(name, [name], details[name], left, row * (HEIGHT + ROW_GAP / 2), _width([name, details[name]]))
        for name, row in rows.items()
    }
    arrows = [
        Arrow(start, end, _beside(boxes[start], boxes[end], left - (lanes[start] + 2) * LANE_GAP + BEND))
        for end, starts in dependencies.items()
        for start in starts
    ]
    width = max(box.x + box.width for box in boxes.values())
    return Graph(list(boxes.values()), arrows, width, max(box.y for box in boxes.values()) + HEIGHT)


def _order(dependencies: Dependencies) -> list[str]:
    """Returns the names, each after its inputs and soon after the last one of them."""
    left = list(dict.fromkeys([*(start for starts in dependencies.values() for start in starts), *dependencies]))
    placed: dict[str, int] = {}
    while left:
        ready = [name for name in left if all(start in placed for start in dependencies.get(name, ()))]
        chosen = max(ready, key=lambda name: max((placed[start] for start in dependencies.get(name, ())), default=-1))
        left.remove(chosen)
        placed[chosen] = len(placed)
    return list(placed)


def _lanes(extents: Mapping[str, tuple[int, int]]) -> dict[str, int]:
    """Returns a lane for each name whose arrows extend over some rows: 0 beside the boxes, short ones first."""
    lanes: dict[str, int] = {}
    for name, (first, last) in sorted(extents.items(), key=lambda item: item[1][1] - item[1][0]):
        if first == last:
            continue
        taken = {lane for other, lane in lanes.items() if extents[other][0] <= last and first <= extents[other][1]}
        lanes[name] = next(lane for lane in range(len(extents)) if lane not in taken)
    return lanes


def _beside(start: Box, end: Box, lane: float) -> str:
    """Returns a path that leaves a box below its middle, runs down in a lane, and reaches another above its middle."""
    leaves, reaches = start.y + start.height * 0.7, end.y + end.height * 0.3
    return (
        f"M{_coordinates((start.x, leaves))}L{_coordinates((lane + BEND, leaves))}"
        f"Q{_coordinates((lane, leaves))} {_coordinates((lane, leaves + BEND))}"
        f"L{_coordinates((lane, reaches - BEND))}"
        f"Q{_coordinates((lane, reaches))} {_coordinates((lane + BEND, reaches))}L{_coordinates((end.x, reaches))}"
    )


def _columns_of(dependencies: Dependencies) -> dict[str, int]:
    found: dict[str, int] = {}

    def column_of(name: str) -> int:
        if name not in found:
            found[name] = 1 + max((column_of(each) for each in dependencies.get(name, ())), default=-1)
        return found[name]

    for name in dependencies:
        column_of(name)
    return found


def _lines(name: str) -> Sequence[str]:
    """Returns a name in two lines, broken after its last underscore, so that the columns are narrow."""
    head, mark, tail = name.rpartition("_")
    return [head + mark, tail] if head else [name]


def _width(lines: Sequence[str]) -> float:
    return max((len(line) for line in lines), default=0) * CHARACTER_WIDTH + 2 * PADDING


def _ordered_columns(boxes: Sequence[Node], routes: Sequence[Sequence[Node]]) -> list[list[Node]]:
    """Returns the nodes of each column, ordered so that no swap of two neighbours leaves fewer crossings."""
    nodes = list(dict.fromkeys([*boxes, *(node for route in routes for node in route)]))
    edges = list(dict.fromkeys(edge for route in routes for edge in pairwise(route)))
    count = max(node.column for node in nodes) + 1
    columns = [[node for node in nodes if node.column == column] for column in range(count)]
    least = _crossings(columns, edges)
    is_better = True
    while is_better:
        is_better = False
        for column in columns:
            for row in range(len(column) - 1):
                column[row], column[row + 1] = column[row + 1], column[row]
                crossings = _crossings(columns, edges)
                if crossings < least:
                    least, is_better = crossings, True
                else:
                    column[row], column[row + 1] = column[row + 1], column[row]
    return columns


def _crossings(columns: Sequence[Sequence[Node]], edges: Sequence[tuple[Node, Node]]) -> int:
    rows = {node: row for column in columns for row, node in enumerate(column)}
    return sum(
        (rows[start] - rows[other_start]) * (rows[end] - rows[other_end]) < 0
        for (start, end), (other_start, other_end) in combinations(edges, 2)
        if start.column == other_start.column
    )


def _path(boxes: Sequence[Box]) -> str:
    path = ""
    for one, other in pairwise(boxes):
        start, end = _right(one), _left(other)
        middle = (start[0] + end[0]) / 2
        path += f"M{_coordinates(start)}" if not path else f"L{_coordinates(start)}"
        path += f"C{_coordinates((middle, start[1]))} {_coordinates((middle, end[1]))} {_coordinates(end)}"
    return path


def _left(box: Box) -> Point:
    return box.x, box.y + box.height / 2


def _right(box: Box) -> Point:
    return box.x + box.width, box.y + box.height / 2


def _coordinates(point: Point) -> str:
    return f"{point[0]:.0f},{point[1]:.0f}"
