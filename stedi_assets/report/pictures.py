"""Pictures of what the tables hold, drawn from a few numbers that the engine counted.

Each picture has a background of its own, so that it can be read on a light and on a dark page. They are drawn with
Matplotlib, an extra: ask `can_draw` first.
"""

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from stedi_assets.contract import SOURCES, TABLES, Zone

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Rows = Callable[[str], Sequence[Mapping[str, Any]]]
"""Computes a query whose result is small: from one SELECT to a dict from column name to value for each row."""

QUARANTINES = frozenset(source.quarantine for source in SOURCES.values())

SUBJECTS = tuple(dict.fromkeys(table.path.partition("/")[0] for table in TABLES.values()))
"""What tables are about: the first part of their paths."""

FUNNEL = tuple(
    name
    for subject in SUBJECTS
    for name, table in TABLES.items()
    if name not in QUARANTINES and table.path.startswith(f"{subject}/")
)
"""The tables from landing to training, one subject after the other."""

BINS = 60
"""How many bars a distribution has, at most."""

PERIODS = 400
"""How many points a course of time has, at most."""

MINUTE = 60_000
"""In milliseconds."""

BACKGROUND = "#ffffff"
INK = "#24292f"
FAINT = "#d0d7de"
ZONE_COLOURS: Mapping[Zone, str] = {"landing": "#8c959f", "trusted": "#0969da", "curated": "#1a7f37"}
LANDED, CONSENTED = ZONE_COLOURS["landing"], ZONE_COLOURS["trusted"]

WIDTH, DOTS_PER_INCH = 8.0, 100
"""Of a picture: inches, and dots in each."""


@dataclass(frozen=True)
class Distribution:
    """How often the values of a column occur.

    Attributes:
        column: Its name.
        width: Of a bar, in the column's unit.
        counts: From where a bar begins to the rows in it.
    """

    column: str
    width: float
    counts: Mapping[float, int]


@dataclass(frozen=True)
class Period:
    """A stretch of time.

    Attributes:
        start: In milliseconds since 1970.
        readings: The phone readings in it.
        consented: Those of customers who share their data with research.
    """

    start: int
    readings: int
    consented: int


def can_draw() -> bool:
    """Returns whether Matplotlib is installed."""
    return find_spec("matplotlib") is not None


def pictures(rows: Rows) -> dict[str, bytes]:
    """Draws every picture.

    Args:
        rows: Computes queries over the tables of the contract.

    Returns:
        From what a picture shows, as a name, to a PNG.

    Raises:
        StediError: A table does not exist.
    """
    counts = rows_by_table(rows)
    shown = {
        "funnel": funnel(counts),
        "accelerometer_distribution": distributions(
            "Phone readings of customers who consent",
            [distribution(rows, "accelerometer_trusted", column) for column in ("x", "y", "z")],
        ),
        "distance_distribution": distributions(
            "Device readings of customers who consent",
            [distribution(rows, "step_trainer_trusted", "distanceFromObject")],
        ),
        "readings_over_time": readings_over_time(*readings_by_period(rows)),
    }
    return {name: png(figure) for name, figure in shown.items()}


def rows_by_table(rows: Rows) -> dict[str, int]:
    """Counts the rows of the tables from landing to training.

    Args:
        rows: Computes queries.
    """
    select = " UNION ALL ".join(f"SELECT '{name}' AS name, count(*) AS row_count FROM {name}" for name in FUNNEL)
    found = {row["name"]: row["row_count"] for row in rows(select)}
    return {name: found[name] for name in FUNNEL}


def distribution(rows: Rows, table: str, column: str) -> Distribution:
    """Counts how often the values of a column occur, in bars of equal width.

    Args:
        rows: Computes queries.
        table: The table's name.
        column: A column of numbers.

    Returns:
        The bars that are not empty; none where the table has no value.
    """
    (extent,) = rows(f"SELECT min(stored.{column}) AS least, max(stored.{column}) AS greatest FROM {table} AS stored")
    least, greatest = extent["least"], extent["greatest"]
    if least is None:
        return Distribution(column, 1, {})
    width = (greatest - least) / BINS or 1
    if isinstance(least, int):
        width = -(-(greatest - least + 1) // BINS)
    counted = rows(
        f"SELECT floor((CAST(stored.{column} AS DOUBLE) - ({least!r})) / {width!r}) AS bar, count(*) AS row_count "
        f"FROM {table} AS stored WHERE stored.{column} IS NOT NULL GROUP BY 1"
    )
    return Distribution(column, width, {least + row["bar"] * width: row["row_count"] for row in counted})


def readings_by_period(rows: Rows) -> tuple[Sequence[Period], int]:
    """Counts the phone readings of each minute, and how many of them are of customers who consent.

    Args:
        rows: Computes queries.

    Returns:
        The periods that have readings, in order, and the minutes in one: more than 1 where there are many minutes.
    """
    (extent,) = rows(
        "SELECT min(reading.timestamp) AS first, max(reading.timestamp) AS last FROM accelerometer_landing AS reading"
    )
    if extent["first"] is None:
        return [], 1
    minutes = (extent["last"] - extent["first"]) // MINUTE // PERIODS + 1
    length = minutes * MINUTE
    counted = rows(
        f"""
        SELECT period.bar, sum(period.landed) AS landed, sum(period.consented) AS consented
        FROM (
            SELECT floor(reading.timestamp / {length}) AS bar, 1 AS landed, 0 AS consented
            FROM accelerometer_landing AS reading
            UNION ALL
            SELECT floor(reading.timestamp / {length}) AS bar, 0 AS landed, 1 AS consented
            FROM accelerometer_trusted AS reading
        ) AS period
        GROUP BY period.bar
        """
    )
    periods = [Period(int(row["bar"]) * length, int(row["landed"]), int(row["consented"])) for row in counted]
    return sorted(periods, key=lambda period: period.start), minutes


def funnel(counts: Mapping[str, int]) -> "Figure":
    """Draws how many rows each table has, from landing to training, and how much that is of what landed.

    Args:
        counts: From table to rows, in the order to show.
    """
    figure, axes = _figure(0.34 * len(counts) + 0.9, "Rows from landing to training")
    names = list(counts)
    colours = [ZONE_COLOURS[TABLES[name].zone] for name in names]
    bars = axes.barh(names, list(counts.values()), color=colours)
    axes.bar_label(bars, [_count(name, counts) for name in names], padding=4, color=INK, fontsize=9)
    axes.invert_yaxis()
    axes.set_xlim(right=max([*counts.values(), 1]) * 1.18)
    axes.xaxis.set_visible(False)
    axes.spines[:].set_visible(False)
    for zone, colour in ZONE_COLOURS.items():
        axes.barh([0], [0], color=colour, label=zone)
    axes.legend(loc="lower right", frameon=False, labelcolor=INK, fontsize=9)
    return figure


def _count(name: str, counts: Mapping[str, int]) -> str:
    subject = TABLES[name].path.partition("/")[0]
    landed = counts.get(f"{subject}_landing", 0)
    share = f" ({counts[name] / landed:.0%})" if landed and TABLES[name].zone != "landing" else ""
    return f"{counts[name]:,}{share}"


def distributions(title: str, shown: Sequence[Distribution]) -> "Figure":
    """Draws how often the values of columns occur, side by side.

    Args:
        title: What the rows are.
        shown: The columns.
    """
    figure, first = _figure(2.6, title, panels=len(shown))
    for axes, each in zip(figure.axes, shown, strict=True):
        axes.bar(list(each.counts), list(each.counts.values()), each.width * 0.96, align="edge", color=CONSENTED)
        axes.set_xlabel(each.column, color=INK, fontsize=9)
        axes.yaxis.set_major_formatter("{x:,.0f}")
    first.set_ylabel("rows", color=INK, fontsize=9)
    return figure


def readings_over_time(periods: Sequence[Period], minutes: int) -> "Figure":
    """Draws the phone readings in the course of time, and the share of customers who consent.

    Args:
        periods: In order.
        minutes: In each of them.
    """
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter  # noqa: PLC0415

    span = "minute" if minutes == 1 else f"{minutes:,} minutes"
    total, consented = sum(each.readings for each in periods), sum(each.consented for each in periods)
    share = f", {consented / total:.0%} of them with consent" if total else ""
    figure, axes = _figure(2.8, f"Phone readings per {span}{share}")
    days = [each.start / 86_400_000 for each in periods]
    width = minutes / 1440
    axes.bar(days, [each.readings for each in periods], width, align="edge", color=LANDED, label="all")
    axes.bar(days, [each.consented for each in periods], width, align="edge", color=CONSENTED, label="with consent")
    locator = AutoDateLocator()  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.set_xlabel("UTC", color=INK, fontsize=9)
    figure.legend(loc="outside lower left", ncols=2, frameon=False, labelcolor=INK, fontsize=9)
    return figure


def png(figure: "Figure") -> bytes:
    """Renders a picture.

    Args:
        figure: What was drawn.
    """
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=DOTS_PER_INCH, facecolor=BACKGROUND, metadata={"Software": None})
    return content.getvalue()


def data_uri(image: bytes) -> str:
    """Writes a picture as a URI that holds it, for a page that loads nothing.

    Args:
        image: A PNG.
    """
    return f"data:image/png;base64,{base64.b64encode(image).decode()}"


def markdown(name: str, image: bytes) -> str:
    """Writes a picture as Markdown, for Dagster's metadata.

    Args:
        name: What it shows.
        image: A PNG.
    """
    return f"![{name.replace('_', ' ')}]({data_uri(image)})"


def _figure(height: float, title: str, panels: int = 1) -> tuple["Figure", "Axes"]:
    # Without pyplot, which keeps every figure and looks for a screen.
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(WIDTH, height), layout="constrained", facecolor=BACKGROUND)
    figure.suptitle(title, color=INK, fontsize=11)
    for axes in figure.subplots(1, panels, squeeze=False)[0]:
        axes.set_facecolor(BACKGROUND)
        axes.tick_params(colors=INK, labelsize=9)
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(FAINT)
    return figure, figure.axes[0]
