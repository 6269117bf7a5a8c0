"""Renders a report as one HTML file that loads nothing else, for light and dark, wide and narrow screens."""

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from rich.filesize import decimal

from stedi_assets.console.time_travel import format_instant
from stedi_assets.contract import SOURCES, TABLES
from stedi_assets.report.contents import Report
from stedi_assets.report.pictures import data_uri


def render_page(report: Report) -> bytes:
    """Returns a report as HTML in UTF-8."""
    environment = Environment(
        loader=PackageLoader("stedi_assets.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(size=decimal, instant=format_instant, data_uri=data_uri, number=_number)
    zones = {**dict.fromkeys(SOURCES, "source"), **{name: table.zone for name, table in TABLES.items()}}
    return environment.get_template("report.html").render(report=report, zones=zones).encode()


def _number(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
