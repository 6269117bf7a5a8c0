"""The pictures of the report and of its asset."""

import io
import re
import sys
from collections.abc import Iterator

import pytest
from PIL import Image

from stedi_assets.contract import SOURCES
from stedi_assets.lakehouse.lakehouse import Lakehouse
from stedi_assets.report.pictures import (
    Distribution,
    Period,
    can_draw,
    distribution,
    draw_pictures,
    readings_by_period,
    rows_by_table,
)
from stedi_assets_tests.support.grid import on_both_engines, on_duckdb
from stedi_assets_tests.support.projects import (
    Build,
    Project,
    opened_lakehouse,
)
from stedi_assets_tests.support.records import EXPECTED_COUNTS, phone_reading

pytestmark = on_both_engines


@pytest.fixture
def lakehouse(built: Build) -> Iterator[Lakehouse]:
    """Its lakehouse, computed with the engine that built it."""
    with opened_lakehouse(built.project) as lakehouse:
        yield lakehouse


def test_pictures_are_small_and_opaque_pngs(lakehouse: Lakehouse) -> None:
    drawn = draw_pictures(lakehouse.rows)
    assert drawn.keys() == {
        "funnel",
        "accelerometer_distribution",
        "distance_distribution",
        "readings_over_time",
    }
    for picture in drawn.values():
        content = picture.png
        assert len(picture.markdown) < 100_000
        with Image.open(io.BytesIO(content)) as image:
            assert image.format == "PNG"
            assert image.width > image.height
            # A background of its own, so that dark ink is legible on a dark page.
            assert image.convert("RGBA").getpixel((0, 0)) == (255, 255, 255, 255)
            assert len(image.convert("RGB").getcolors(image.width * image.height) or []) > 2


def test_a_picture_is_written_as_markdown_with_what_it_shows_and_loads_nothing(lakehouse: Lakehouse) -> None:
    written = draw_pictures(lakehouse.rows)["distance_distribution"].markdown
    assert written.startswith(
        "![Histogram. Device readings of customers who consent: distanceFromObject from 201 to 299, most often about "
        "201, in 1 row.](data:image/png;base64,iVBOR"
    )


@on_duckdb
def test_a_picture_on_the_page_takes_the_colours_of_the_page_and_keeps_its_text(lakehouse: Lakehouse) -> None:
    drawn = [picture.svg(name) for name, picture in draw_pictures(lakehouse.rows).items()]
    for svg in drawn:
        assert svg.startswith("<svg")
        assert "var(--ink)" in svg
        assert not re.search(r"#[0-9a-f]{6}\b(?<!#000000)", svg)
        assert "<text" in svg
    ids = [found for svg in drawn for found in set(re.findall(r' id="([^"]+)"', svg))]
    assert len(ids) == len(set(ids))


def test_the_funnel_counts_the_rows_of_every_table_but_the_quarantines(lakehouse: Lakehouse) -> None:
    assert rows_by_table(lakehouse.rows) == EXPECTED_COUNTS


def test_a_distribution_counts_the_values_in_bars_of_equal_width(lakehouse: Lakehouse) -> None:
    # Of the three device readings that are trusted, the distances are 201, 250 and 300: two units a bar.
    assert distribution(lakehouse.rows, "step_trainer_trusted", "distanceFromObject") == Distribution(
        "distanceFromObject", 2, {201: 1, 249: 1, 299: 1}
    )
    found = distribution(lakehouse.rows, "accelerometer_trusted", "x")
    assert found.width == 0.0125
    assert {round(start, 4): count for start, count in found.counts.items()} == {0.0: 2, 0.25: 1, 0.75: 1}
    assert distribution(lakehouse.rows, "accelerometer_trusted", "y").counts == {-1.0: 4}


@on_duckdb
def test_readings_are_counted_by_minute_with_those_of_customers_who_consent(built_project: Project) -> None:
    minute = 60_000
    built_project.land("accelerometer", "later.json", [phone_reading(name, 2 * minute + 5) for name in ("ada", "bob")])
    assert built_project.materialize("accelerometer_landing", "accelerometer_trusted").success
    with opened_lakehouse(built_project) as lakehouse:
        found = readings_by_period(lakehouse.rows)
    assert found == ([Period(0, 6, 4), Period(2 * minute, 2, 1)], 1)


@on_duckdb
def test_many_minutes_are_counted_several_at_a_time(built_project: Project) -> None:
    minute = 60_000
    built_project.land("accelerometer", "later.json", [phone_reading("ada", 1_000 * minute)])
    assert built_project.materialize("accelerometer_landing", "accelerometer_trusted").success
    with opened_lakehouse(built_project) as lakehouse:
        periods, minutes = readings_by_period(lakehouse.rows)
    assert minutes == 3
    assert periods == [Period(0, 6, 4), Period(999 * minute, 1, 1)]


@on_duckdb
def test_tables_without_rows_are_drawn_too(project: Project) -> None:
    for source in SOURCES:
        subject = source.removesuffix("_files")
        for file in (project.landing / subject / "landing").iterdir():
            file.unlink()
        project.land_text(subject, "empty.json", "")
    assert project.materialize().success
    with opened_lakehouse(project) as lakehouse:
        assert len(draw_pictures(lakehouse.rows)) == 4


def test_without_matplotlib_nothing_can_be_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    assert can_draw()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert not can_draw()
