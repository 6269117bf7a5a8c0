"""The lineage graph, laid out from left to right: where each table stands, and the way of each arrow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

Dependencies = Mapping[str, Sequence[str]]
"""From a name to those that it is made from."""

Place = tuple[float, float]
"""Points to the right of the graph's left edge and below its upper edge."""

CHARACTER_WIDTH = 7.0
PADDING = 12.0
HEIGHT = 28.0
ROW_GAP = 16.0
COLUMN_GAP = 40.0


@dataclass(frozen=True)
class Box:
    """A name in the graph.

    Attributes:
        name: The name.
        x: Its left edge.
        y: Its upper edge.
        width: Its width.
        height: Its height.
    """

    name: str
    x: float
    y: float
    width: float
    height: float = HEIGHT


@dataclass(frozen=True)
class Arrow:
    """A dependency.

    Attributes:
        start: The name that is read.
        end: The name that is made from it.
        path: Its way, as SVG writes it.
    """

    start: str
    end: str
    path: str


@dataclass(frozen=True)
class Graph:
    """A graph, laid out.

    Attributes:
        boxes: The names.
        arrows: The dependencies.
        width: Of the whole.
        height: Of the whole.
    """

    boxes: Sequence[Box]
    arrows: Sequence[Arrow]
    width: float
    height: float


@dataclass(frozen=True)
class Stop:
    """Where a box stands, or where the arrows of a box pass between those of a later column.

    Attributes:
        column: The column, from the left.
        name: The box.
        is_passage: Whether its arrows pass here.
    """

    column: int
    name: str
    is_passage: bool = False


def lay_out(dependencies: Dependencies) -> Graph:
    """Lays a graph out: every arrow goes to the right, and few cross.

    Args:
        dependencies: From each name to those that it is made from, without a circle. A name that is only read need not
            be a key.
    """
    columns_of = _columns_of(dependencies)
    ways = {
        (start, end): [
            Stop(columns_of[start], start),
            *(Stop(column, start, is_passage=True) for column in range(columns_of[start] + 1, columns_of[end])),
            Stop(columns_of[end], end),
        ]
        for end, starts in dependencies.items()
        for start in starts
    }
    boxes = [Stop(column, name) for name, column in columns_of.items()]
    columns = _ordered(boxes, list(ways.values()))
    height = max(len(column) for column in columns) * (HEIGHT + ROW_GAP) - ROW_GAP
    places: dict[Stop, Box] = {}
    x = 0.0
    for column in columns:
        width = max(_width(stop) for stop in column)
        y = (height - len(column) * (HEIGHT + ROW_GAP) + ROW_GAP) / 2
        for row, stop in enumerate(column):
            places[stop] = Box(stop.name, x, y + row * (HEIGHT + ROW_GAP), width if stop.is_passage else _width(stop))
        x += width + COLUMN_GAP
    arrows = [Arrow(start, end, _path([places[stop] for stop in way])) for (start, end), way in ways.items()]
    return Graph([places[stop] for stop in boxes], arrows, x - COLUMN_GAP, height)


def _columns_of(dependencies: Dependencies) -> dict[str, int]:
    found: dict[str, int] = {}

    def column_of(name: str) -> int:
        if name not in found:
            found[name] = 1 + max((column_of(each) for each in dependencies.get(name, ())), default=-1)
        return found[name]

    for name in dependencies:
        column_of(name)
    return found


def _width(stop: Stop) -> float:
    return 0 if stop.is_passage else len(stop.name) * CHARACTER_WIDTH + 2 * PADDING


def _ordered(boxes: Sequence[Stop], ways: Sequence[Sequence[Stop]]) -> list[list[Stop]]:
    """Orders the stops within their columns: whatever two neighbours, to swap them leaves no fewer crossings."""
    stops = list(dict.fromkeys([*boxes, *(stop for way in ways for stop in way)]))
    steps = list(dict.fromkeys(step for way in ways for step in pairwise(way)))
    count = max(stop.column for stop in stops) + 1
    columns = [[stop for stop in stops if stop.column == column] for column in range(count)]
    least = _crossings(columns, steps)
    is_better = True
    while is_better:
        is_better = False
        for column in columns:
            for row in range(len(column) - 1):
                column[row], column[row + 1] = column[row + 1], column[row]
                crossings = _crossings(columns, steps)
                if crossings < least:
                    least, is_better = crossings, True
                else:
                    column[row], column[row + 1] = column[row + 1], column[row]
    return columns


def _crossings(columns: Sequence[Sequence[Stop]], steps: Sequence[tuple[Stop, Stop]]) -> int:
    rows = {stop: row for column in columns for row, stop in enumerate(column)}
    return sum(
        (rows[start] - rows[other_start]) * (rows[end] - rows[other_end]) < 0
        for (start, end), (other_start, other_end) in combinations(steps, 2)
        if start.column == other_start.column
    )


def _path(boxes: Sequence[Box]) -> str:
    written = ""
    for one, other in pairwise(boxes):
        start, end = _right(one), _left(other)
        middle = (start[0] + end[0]) / 2
        written += f"M{_point(start)}" if not written else f"L{_point(start)}"
        written += f"C{_point((middle, start[1]))} {_point((middle, end[1]))} {_point(end)}"
    return written


def _left(box: Box) -> Place:
    return box.x, box.y + box.height / 2


def _right(box: Box) -> Place:
    return box.x + box.width, box.y + box.height / 2


def _point(place: Place) -> str:
    return f"{place[0]:.0f},{place[1]:.0f}"
