"""docs/your-own.md takes a copy of the package to another domain: a test does what the page says, step by step."""

import json
from pathlib import Path

import pytest

from stedi_assets_tests.support.checkout import PROJECT
from stedi_assets_tests.support.commands import run
from stedi_assets_tests.support.erasing import all_bytes
from stedi_assets_tests.support.recipes import copied_package, steps

PAGE = (PROJECT / "docs/your-own.md").read_text()

STEPS = steps(PAGE)

pytestmark = pytest.mark.xdist_group("your-own")

ROSA = (b"rosa@example.com", b"card-4711")


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package in which a reader has followed the page to its end."""
    folder = copied_package(tmp_path_factory.mktemp("own"))
    for step in STEPS:
        step.make(folder)
    return folder


def stedi(folder: Path, *arguments: str) -> str:
    finished = run("stedi", *arguments, folder=folder, PYTHONPATH=str(folder))
    assert finished.exit_code == 0, finished.output
    return finished.output


def test_the_lakehouse_of_the_page_has_its_tables_and_no_others(own: Path) -> None:
    listed = {table["name"]: table["rows"] for table in json.loads(stedi(own, "tables", "--json"))}
    assert listed == {
        "member_landing": 1,
        "trip_landing": 2,
        "station_landing": 1,
        "member_quarantine": 0,
        "trip_quarantine": 0,
        "station_quarantine": 0,
        "trip_trusted": 1,
        "station_curated": 1,
        "trip_pseudonymized": 1,
    }


def test_the_erasure_of_the_page_leaves_nothing_of_the_member(own: Path) -> None:
    folders = (own / "data", own / "lakehouse")
    named = [path for folder in folders for path, content in all_bytes(folder) if any(name in content for name in ROSA)]
    assert named == []
    assert "card-4712" in stedi(own, "query", "FROM trip_trusted")


def test_the_trips_of_a_station_are_counted_when_its_record_arrives(own: Path) -> None:
    (row,) = json.loads(stedi(own, "query", "FROM station_curated", "--format", "json"))
    assert row == {"stationId": "harbour", "docks": 20, "trips": 1}


def test_the_report_of_the_page_asks_its_questions(own: Path) -> None:
    assert "How many of the trips are of members?" in (own / "report.html").read_text()


def test_the_statements_of_the_page_are_those_of_its_tables(own: Path) -> None:
    assert {"member_files", "trip_trusted"} <= {file.stem for file in (own / "ddl").iterdir()}


def test_every_file_that_the_page_edits_is_named_before_its_block() -> None:
    for step in STEPS:
        if step.file:
            before = PAGE.partition(step.content)[0].rpartition("<!-- ")[0]
            assert f"{Path(step.file).name}`" in before[-400:], step.file
