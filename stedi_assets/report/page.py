"""The page of a report: one file that loads nothing, on a light or a dark screen, wide or narrow."""

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from rich.filesize import decimal

from stedi_assets.console.moments import written
from stedi_assets.contract import SOURCES, TABLES
from stedi_assets.report.contents import Report
from stedi_assets.report.pictures import data_uri


def page(report: Report) -> bytes:
    """Writes a report as HTML.

    Args:
        report: What to show.
    """
    environment = Environment(
        loader=PackageLoader("stedi_assets.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(size=decimal, instant=written, data_uri=data_uri, number=_number)
    zones = {**dict.fromkeys(SOURCES, "source"), **{name: table.zone for name, table in TABLES.items()}}
    return environment.get_template("report.html").render(report=report, zones=zones).encode()


def _number(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
