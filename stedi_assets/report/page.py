"""Renders a report as one HTML file that loads nothing else: for light and dark, wide and narrow screens, and paper."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from rich.filesize import decimal

from stedi_assets.contract import SOURCES, TABLES
from stedi_assets.report.contents import SIGNS, Report
from stedi_assets.report.funnel import funnel_parts
from stedi_assets.report.instants import joined
from stedi_assets.report.verdict import check_place, verdict_of


def render_page(report: Report) -> bytes:
    """Returns a report as HTML in UTF-8."""
    environment = Environment(
        loader=PackageLoader("stedi_assets.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        sign=SIGNS.get,
        size=decimal,
        minute=_minute,
        iso=datetime.isoformat,
        number=_number,
        words=_words,
        place=check_place,
    )
    rows = {reported.table.name: reported.content.rows for reported in report.tables if reported.content}
    readers = {
        name: [reported.table.name for reported in report.tables if name in reported.inputs]
        for name in (*SOURCES, *TABLES)
    }
    page = environment.get_template("report.html").render(
        report=report,
        verdict=verdict_of(report),
        span=joined(reported.span for reported in report.tables),
        latest=max((table.versions[-1] for table in report.tables if table.versions), key=lambda each: each.committed),
        funnel=funnel_parts({name: count for name, count in rows.items() if count is not None}),
        tables={reported.table.name: reported for reported in report.tables},
        sources=SOURCES,
        readers=readers,
    )
    return page.encode()


def _minute(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M} UTC"


def _number(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def _words(outcome: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {status}" for status, count in outcome.items()) or "not checked"
