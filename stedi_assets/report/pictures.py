"""Pictures of the tables, drawn from small results that the engine computed.

A picture as a PNG has an opaque background, so that it is legible on Dagster's light and dark pages. As SVG it takes
the colours of the page. Matplotlib, an optional dependency, draws them: call `can_draw` first.
"""

import base64
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from stedi_assets.contract import TABLES, Zone
from stedi_assets.report.funnel import FUNNEL, funnel_parts
from stedi_assets.report.instants import instant_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ComputeRows = Callable[[str], Sequence[Mapping[str, Any]]]
"""Computes one SELECT with a small result, and returns a dict from column name to value for each row."""

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

PAGE_COLOURS = {
    INK: "var(--ink)",
    FAINT: "var(--line)",
    **{colour: f"var(--{zone})" for zone, colour in ZONE_COLOURS.items()},
}
"""From a colour of a picture to the colour of the page, which has a light and a dark one."""

ID = re.compile(r' id="([^"]+)"')
REFERENCE = re.compile(r'#([^")]+)(?=["\)])')
"""An id of an element of SVG, and a reference to one: href="#…" or url(#…)."""

WIDTH, DOTS_PER_INCH = 6.4, 100
"""The width of a picture in inches, and its resolution."""

SVG_SETTINGS: dict[Any, Any] = {"svg.fonttype": "none", "svg.hashsalt": "stedi", "font.family": "sans-serif"}
"""Text stays text, in the font of the page, and equal figures give equal bytes."""

WITHOUT_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))
"""Without the date among them, equal figures give equal bytes."""


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

    @property
    def text(self) -> str:
        """The extent and the peak, in words."""
        if not self.counts:
            return f"{self.column} has no values"
        peak = max(self.counts, key=lambda start: self.counts[start])
        least, greatest = min(self.counts), max(self.counts)
        rows = f"{self.counts[peak]:,} {'row' if self.counts[peak] == 1 else 'rows'}"
        return f"{self.column} from {least:.4g} to {greatest:.4g}, most often about {peak:.4g}, in {rows}"


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


@dataclass(frozen=True)
class Picture:
    """A picture.

    Attributes:
        figure: The figure.
        alternative: What the picture shows, for those who do not see it.
    """

    figure: "Figure"
    alternative: str

    @property
    def png(self) -> bytes:
        """The picture as a PNG."""
        content = io.BytesIO()
        self.figure.savefig(content, format="png", dpi=DOTS_PER_INCH, facecolor=BACKGROUND, metadata={"Software": None})
        return content.getvalue()

    def svg(self, name: str) -> str:
        """Returns the picture as SVG for inlining, in the colours of the page and without an alternative text.

        Args:
            name: A prefix that keeps the ids of the pictures of a page apart.
        """
        import matplotlib  # noqa: PLC0415

        content = io.StringIO()
        with matplotlib.rc_context(SVG_SETTINGS):
            self.figure.savefig(content, format="svg", transparent=True, metadata=WITHOUT_METADATA)
        _, start, rest = content.getvalue().partition("<svg")
        coloured = re.sub("|".join(PAGE_COLOURS), lambda found: PAGE_COLOURS[found[0]], start + rest)
        referenced = set(REFERENCE.findall(coloured))
        kept = ID.sub(lambda found: f' id="{name}-{found[1]}"' if found[1] in referenced else "", coloured)
        return REFERENCE.sub(rf"#{name}-\1", kept)

    @property
    def markdown(self) -> str:
        """The picture as Markdown, for Dagster's metadata."""
        return f"![{self.alternative}](data:image/png;base64,{base64.b64encode(self.png).decode()})"


def can_draw() -> bool:
    """Returns whether Matplotlib is installed."""
    return find_spec("matplotlib") is not None


def draw_pictures(rows: ComputeRows) -> dict[str, Picture]:
    """Draws every picture.

    Args:
        rows: Computes queries over the tables of the contract.

    Returns:
        From a picture's name to the picture.

    Raises:
        StediError: A table does not exist.
    """
    return {
        "funnel": funnel(rows_by_table(rows)),
        "readings_over_time": readings_over_time(*readings_by_period(rows)),
        "accelerometer_distribution": distributions(
            "Phone readings of customers who consent",
            [distribution(rows, "accelerometer_trusted", column) for column in ("x", "y", "z")],
        ),
        "distance_distribution": distributions(
            "Device readings of customers who consent",
            [distribution(rows, "step_trainer_trusted", "distanceFromObject")],
        ),
    }


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


def funnel(counts: Mapping[str, int]) -> Picture:
    """Draws the number of rows of each table, and its share of the rows of the subject's landing table.

    Customers and readings have an axis each: there are some hundred times as many readings.

    Args:
        counts: From a table to its rows, in the order to draw.
    """
    parts = [part for part in funnel_parts(counts) if part.counts]
    title = "Rows from landing to training"
    figure, _ = _figure(0.34 * len(counts) + 1.5, title, rows=[len(part.counts) for part in parts])
    for axes, part in zip(figure.axes, parts, strict=True):
        names = list(part.counts)
        bars = axes.barh(names, list(part.counts.values()), color=[ZONE_COLOURS[TABLES[name].zone] for name in names])
        labels = [f"{count:,}{part.share_text(name)}" for name, count in part.counts.items()]
        axes.bar_label(bars, labels, padding=4, color=INK, fontsize=9)
        axes.invert_yaxis()
        axes.set_title(part.title, loc="left", color=INK, fontsize=9)
        axes.set_xlim(right=max([*part.counts.values(), 1]) * 1.3)
        axes.xaxis.set_visible(False)
        axes.spines[:].set_visible(False)
    texts = (f"{name} {count:,}{part.share_text(name)}" for part in parts for name, count in part.counts.items())
    return Picture(figure, f"{title}: {', '.join(texts)}.")


def distributions(title: str, columns: Sequence[Distribution]) -> Picture:
    """Draws the histograms of columns side by side."""
    figure, first = _figure(2.4, title, panels=len(columns))
    for axes, each in zip(figure.axes, columns, strict=True):
        axes.bar(list(each.counts), list(each.counts.values()), each.width * 0.96, align="edge", color=CONSENTED)
        axes.set_xlabel(each.column, color=INK, fontsize=9)
        axes.yaxis.set_major_formatter("{x:,.0f}")
    first.set_ylabel("rows", color=INK, fontsize=9)
    return Picture(figure, f"Histogram. {title}: {'; '.join(each.text for each in columns)}.")


def readings_over_time(periods: Sequence[Period], minutes: int) -> Picture:
    """Draws the phone readings over time, and the readings of customers who consent.

    Args:
        periods: The periods in order.
        minutes: The length of a period in minutes.
    """
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter  # noqa: PLC0415

    span = "minute" if minutes == 1 else f"{minutes:,} minutes"
    total, consented = sum(each.readings for each in periods), sum(each.consented for each in periods)
    share = f", {consented / total:.0%} of them with consent" if total else ""
    title = f"Phone readings per {span}{share}"
    figure, axes = _figure(2.8, title)
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
    if not periods:
        return Picture(figure, f"{title}: there are none.")
    most = max(periods, key=lambda each: each.readings)
    first, last = instant_text(periods[0].start), instant_text(periods[-1].start)
    return Picture(
        figure,
        f"{title}, from {first} to {last} UTC: {total:,} in all, at most {most.readings:,} per {span}, "
        f"at {instant_text(most.start)}.",
    )


def _figure(height: float, title: str, panels: int = 1, rows: Sequence[int] = (1,)) -> tuple["Figure", "Axes"]:
    # Not by pyplot, which keeps a reference to every figure and looks for a display.
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(WIDTH, height), layout="constrained", facecolor=BACKGROUND)
    figure.suptitle(title, color=INK, fontsize=11)
    for axes in figure.subplots(len(rows), panels, squeeze=False, height_ratios=rows).flat:
        axes.set_facecolor(BACKGROUND)
        axes.tick_params(colors=INK, labelsize=9)
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(FAINT)
    return figure, figure.axes[0]
