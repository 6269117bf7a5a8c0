"""Pictures of the tables, drawn from small results that the engine computed.

Each picture has an opaque background, so that it is legible on a light and on a dark page. Matplotlib, an optional
dependency, draws them: call `can_draw` first.
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

ComputeRows = Callable[[str], Sequence[Mapping[str, Any]]]
"""Computes one SELECT with a small result, and returns a dict from column name to value for each row."""

QUARANTINES = frozenset(source.quarantine for source in SOURCES.values())

SUBJECTS = tuple(dict.fromkeys(table.path.partition("/")[0] for table in TABLES.values()))
"""The subjects of the tables, such as customer: the first part of their paths."""

FUNNEL = tuple(
    name
    for subject in SUBJECTS
    for name, table in TABLES.items()
    if name not in QUARANTINES and table.path.startswith(f"{subject}/")
)
"""The tables from landing to training, one subject after the other, without the quarantines."""

BINS = 60
"""The most bars of a distribution."""

PERIODS = 400
"""The most bars of a time series."""

MINUTE = 60_000
"""A minute in milliseconds."""

BACKGROUND = "#ffffff"
INK = "#24292f"
FAINT = "#d0d7de"
ZONE_COLOURS: Mapping[Zone, str] = {"landing": "#8c959f", "trusted": "#0969da", "curated": "#1a7f37"}
LANDED, CONSENTED = ZONE_COLOURS["landing"], ZONE_COLOURS["trusted"]

WIDTH, DOTS_PER_INCH = 8.0, 100
"""The width of a picture in inches, and its resolution."""


@dataclass(frozen=True)
class Distribution:
    """A histogram of a column.

    Attributes:
        column: The column's name.
        width: The width of a bar, in the column's unit.
        counts: From the lower end of a bar to its number of rows.
    """

    column: str
    width: float
    counts: Mapping[float, int]


@dataclass(frozen=True)
class Period:
    """A period of time with the number of its phone readings.

    Attributes:
        start: The start in milliseconds since 1970, UTC.
        readings: The number of phone readings.
        consented: The number of readings of customers who share their data with research.
    """

    start: int
    readings: int
    consented: int


def can_draw() -> bool:
    """Returns whether Matplotlib is installed."""
    return find_spec("matplotlib") is not None


def draw_pictures(rows: ComputeRows) -> dict[str, bytes]:
    """Draws every picture.

    Args:
        rows: Computes queries over the tables of the contract.

    Returns:
        From a picture's name to a PNG.

    Raises:
        StediError: A table does not exist.
    """
    counts = rows_by_table(rows)
    figures = {
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
    return {name: render_png(figure) for name, figure in figures.items()}


def rows_by_table(rows: ComputeRows) -> dict[str, int]:
    """Returns the number of rows of each table in `FUNNEL`, in that order."""
    select = " UNION ALL ".join(f"SELECT '{name}' AS name, count(*) AS row_count FROM {name}" for name in FUNNEL)
    found = {row["name"]: row["row_count"] for row in rows(select)}
    return {name: found[name] for name in FUNNEL}


def distribution(rows: ComputeRows, table: str, column: str) -> Distribution:
    """Returns the histogram of a numeric column, in at most `BINS` bars of equal width.

    Returns:
        The bars that are not empty; none if the column has no value.
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


def readings_by_period(rows: ComputeRows) -> tuple[Sequence[Period], int]:
    """Counts the phone readings of each period, and the readings of customers who consent.

    Returns:
        The periods that have readings, in order, and the length of a period in minutes: 1, or more if the readings
        span more than `PERIODS` minutes.
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
    """Draws the number of rows of each table, and its share of the rows of the subject's landing table.

    Args:
        counts: From a table to its rows, in the order to draw.
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


def distributions(title: str, columns: Sequence[Distribution]) -> "Figure":
    """Draws the histograms of columns side by side."""
    figure, first = _figure(2.6, title, panels=len(columns))
    for axes, each in zip(figure.axes, columns, strict=True):
        axes.bar(list(each.counts), list(each.counts.values()), each.width * 0.96, align="edge", color=CONSENTED)
        axes.set_xlabel(each.column, color=INK, fontsize=9)
        axes.yaxis.set_major_formatter("{x:,.0f}")
    first.set_ylabel("rows", color=INK, fontsize=9)
    return figure


def readings_over_time(periods: Sequence[Period], minutes: int) -> "Figure":
    """Draws the phone readings over time, and the readings of customers who consent.

    Args:
        periods: The periods in order.
        minutes: The length of a period in minutes.
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


def render_png(figure: "Figure") -> bytes:
    """Returns a figure as a PNG, without metadata, so that equal figures give equal bytes."""
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=DOTS_PER_INCH, facecolor=BACKGROUND, metadata={"Software": None})
    return content.getvalue()


def data_uri(image: bytes) -> str:
    """Returns a PNG as a data URI, for a page that loads nothing."""
    return f"data:image/png;base64,{base64.b64encode(image).decode()}"


def markdown(name: str, image: bytes) -> str:
    """Returns a picture as Markdown, for Dagster's metadata.

    Args:
        name: The picture's name, which becomes its alternative text.
        image: A PNG.
    """
    return f"![{name.replace('_', ' ')}]({data_uri(image)})"


def _figure(height: float, title: str, panels: int = 1) -> tuple["Figure", "Axes"]:
    # Not by pyplot, which keeps a reference to every figure and looks for a display.
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(WIDTH, height), layout="constrained", facecolor=BACKGROUND)
    figure.suptitle(title, color=INK, fontsize=11)
    for axes in figure.subplots(1, panels, squeeze=False)[0]:
        axes.set_facecolor(BACKGROUND)
        axes.tick_params(colors=INK, labelsize=9)
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(FAINT)
    return figure, figure.axes[0]
