"""The report: what a reviewer sees on it, and what nobody may see."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import dagster
import pytest

from stedi_assets.defs.assets import TABLE_ASSETS
from stedi_assets_tests.support.projects import SELECTED_TABLES, Builds, Project, with_landing_files
from stedi_assets_tests.support.records import EXPECTED_COUNTS, customer, device_reading, phone_reading
from stedi_assets_tests.support.report_page import Page, report, written_page
from stedi_assets_tests.support.runs import QUIET

# One process builds the page that the tests look at.
pytestmark = pytest.mark.xdist_group("report")

NAMED = customer(
    "zenobia",
    research=50,
    customerName="Zenobia Markworth",
    phone="8005550199",
    birthDay="1903-12-17",
    serialNumber="serial-zenobia",
)
"""A customer whose values are found nowhere else."""


Write = Callable[[Project], Page]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Runs the command, and reads what it wrote."""
    return lambda project: written_page(project, tmp_path)


@pytest.fixture(scope="session")
def page(builds: Builds, tmp_path_factory: pytest.TempPathFactory) -> Page:
    """The report of the landing files that most tests have."""
    return written_page(builds("local", "duckdb", with_landing_files).project, tmp_path_factory.mktemp("report"))


def test_the_page_has_the_counts_beside_the_expected(built_project: Project, write: Write) -> None:
    project = built_project
    (project.landing / "expected_counts.json").write_text(json.dumps({**EXPECTED_COUNTS, "customer_curated": 3}))
    rows = write(project).part("rows").text
    assert "machine_learning_curated 6 6 ✓ passed 1970-01-01 ! warned curated" in rows
    assert "customer_curated 2 3 ✗ failed ✗ failed curated" in rows


def test_the_page_leaves_out_expected_counts_of_other_landing_files(built_project: Project, write: Write) -> None:
    counts = {"landing_files": "0123456789abcdef", **EXPECTED_COUNTS, "customer_curated": 3}
    (built_project.landing / "expected_counts.json").write_text(json.dumps(counts))
    assert "customer_curated 2 ! warned curated" in write(built_project).part("rows").text


def test_the_page_has_the_blank_consents_of_landing_and_trusted(page: Page) -> None:
    questions = page.part("questions").text
    assert "customer_landing 5 2 customer_trusted 3 0 customer_curated 2 0" in questions


def test_the_page_has_each_tables_query_with_its_first_rows_masked(page: Page) -> None:
    for asset in TABLE_ASSETS:
        assert " ".join(asset.query.sql.split()) in page.part(asset.name).text
    assert "serialNumber distanceFromObject 1970-01-01 00:00:00.100 *** 201" in page.part("step_trainer_trusted").text
    rows = "subject sensorReadingTime distanceFromObject x y z *** 1970-01-01 00:00:00.100"
    assert rows in page.part("machine_learning_pseudonymized").text


def test_the_page_has_the_schema_with_the_origin_of_each_column(page: Page) -> None:
    schema = page.part("machine_learning_pseudonymized").text
    assert re.search(r"subject VARCHAR required Pseudonym of .* customer_landing\.email", schema)
    assert "x DOUBLE Acceleration along the phone's x axis, in the phone's unit. accelerometer_trusted.x" in schema


def test_the_page_has_every_check_with_what_it_found(page: Page) -> None:
    checks = page.part("checks").text
    assert "machine_learning_curated has_no_mixed_customers ! warned" in checks
    assert "pairs_of_different_customers: 3" in checks
    assert "3 warned" in checks
    assert "customer_trusted has_no_blank_consent ✓ passed" in checks


def test_the_page_has_versions_and_what_it_was_made_on(built_project: Project, write: Write) -> None:
    project = built_project
    assert project.materialize("accelerometer_trusted", full_refresh=True).success
    page = write(project)
    committed = r"20\d\d-\d\d-\d\d \d\d:\d\d UTC [0-9a-f-]{36} DuckDB 1\."
    assert re.search(rf"customer_trusted 0 {committed}", page.part("versions").text)
    assert re.search(rf"accelerometer_trusted 1 {committed}", page.part("versions").text)
    assert re.search(r"dagster \d+\.\d+", page.part("versions").text)
    assert re.search(r"\d+ cores of Linux .*, Python 3\.", page.text)
    assert str(project.lakehouse) in page.text


def test_the_page_has_pictures_that_say_what_they_show(page: Page) -> None:
    assert re.findall(r'<figure role="img" aria-label="([^"]+)"><svg', page.source) == [
        "Phone readings per minute, 67% of them with consent, from 1970-01-01 00:00:00 to 1970-01-01 00:00:00 UTC: "
        "6 in all, at most 6 per minute, at 1970-01-01 00:00:00.",
        "Histogram. Phone readings of customers who consent: x from 0 to 0.75, most often about 0, in 2 rows; "
        "y from -1 to -1, most often about -1, in 4 rows; z from 0.5 to 0.5, most often about 0.5, in 4 rows.",
        "Histogram. Device readings of customers who consent: distanceFromObject from 201 to 299, most often about "
        "201, in 1 row.",
    ]


def test_the_funnel_has_an_axis_for_customers_and_one_for_readings(page: Page) -> None:
    rows = page.part("rows").text
    assert "Customers: rows from landing to training" in rows
    assert "customer_landing 5 customer_trusted 3 (60%) customer_curated 2 (40%)" in rows
    assert "accelerometer_landing 6 accelerometer_trusted 4 (67%) step_trainer_landing 5 step_trainer_trusted 3" in rows
    assert re.findall(r'<span class="bar \w+" style="width: ([\d.]+)%">', page.source)[:4] == [
        "60.0",
        "36.0",
        "24.0",
        "60.0",
    ]


def test_the_sections_come_in_the_order_in_which_a_reader_asks(page: Page) -> None:
    sections = re.findall(r'<section id="(\w+)"', page.source)
    assert sections == ["verdict", "rows", "trends", "checks", "lineage", "questions", "pictures", "tables", "versions"]


def test_every_table_has_a_caption_and_every_heading_of_it_a_scope(page: Page) -> None:
    tables = re.findall(r"<table\b.*?</table>", page.source, re.DOTALL)
    assert len(tables) > 40
    assert [table for table in tables if not re.search(r"<caption\b[^>]*>[^<]+</caption>", table)] == []
    assert [heading for heading in re.findall(r"<th\b[^>]*>", page.source) if "scope=" not in heading] == []


def test_every_link_leads_to_a_place_on_the_page(page: Page) -> None:
    places = re.findall(r'\bid="([^"]+)"', page.source)
    assert len(places) == len(set(places))
    assert set(re.findall(r'href="#([^"]*)"', page.source)) <= set(places)


def test_the_graph_has_an_arrow_for_every_dependency(page: Page) -> None:
    arrows = set(re.findall(r"<title>(\w+) → (\w+)</title>", page.source))
    declared = {(read, asset.name) for asset in TABLE_ASSETS for read in asset.deps}
    assert declared <= arrows
    assert arrows - declared == {
        (f"{source}_files", f"{source}_quarantine") for source in ("customer", "accelerometer", "step_trainer")
    }


def test_no_value_of_a_personal_column_is_on_the_page(project: Project, write: Write) -> None:
    project.land("customer", "named.json", [NAMED])
    project.land("accelerometer", "named.json", [phone_reading("zenobia", 100)])
    project.land("step_trainer", "named.json", [device_reading("zenobia", 100)])
    damaged = json.dumps({**NAMED, "registrationDate": "never"})
    project.land_text("customer", "damaged.json", f"{damaged}\n" * 3)
    assert project.materialize(max_quarantined=0.9).success
    page = write(project)
    assert "customer_quarantine 3 ! warned landing" in page.part("rows").text
    source = page.source
    assert [value for value in NAMED.values() if isinstance(value, str) and value in source] == []
    assert not re.search(r"zenobia|markworth|example\.com", source, re.IGNORECASE)


def test_what_comes_from_outside_is_shown_and_not_obeyed(project: Project, write: Write) -> None:
    project.land("accelerometer", "<script>alert(1)<&script>.json", [phone_reading("ada", 100)])
    (project.landing / "accelerometer/landing/accelerometer-1.json").unlink()
    (project.landing / "accelerometer/landing/accelerometer-2.json.gz").unlink()
    assert project.materialize("accelerometer_landing").success
    page = write(project)
    assert "<script>alert(1)<&script>.json" in page.part("accelerometer_landing").text
    assert "<script" not in page.source


class Loaded(HTMLParser):
    """What a page would load."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attrs if name in ("src", "srcset", "href", "data", "action")]


def test_the_page_loads_nothing(page: Page) -> None:
    source = page.source
    loaded = Loaded()
    loaded.feed(source)
    assert loaded.addresses
    assert [address for address in loaded.addresses if not address.startswith(("data:", "#"))] == []
    assert not re.search(r"url\((?!#)|@import", source)


def test_what_has_not_been_built_is_missing_and_said_to_be(project: Project, write: Write) -> None:
    assert project.materialize("customer_landing", "customer_quarantine").success
    page = write(project)
    assert "customer_landing 5 ✓ passed landing" in page.part("rows").text
    assert "machine_learning_curated not built" in page.part("rows").text
    assert "machine_learning_curated has_recomputed_rows – not run" in page.part("checks").text
    assert re.search(r"There are none\. The table \w+ does not exist at", page.part("pictures").text)
    assert "a table that it needs has not been built" in page.part("questions").text


def test_a_lakehouse_without_a_table_is_one_line_that_says_so(project: Project, tmp_path: Path) -> None:
    finished = report(project, tmp_path)
    assert finished.exit_code == 1
    assert finished.output == f"Error: There is no table at {project.lakehouse} to report on. Run stedi run.\n"
    assert not (tmp_path / "report.html").exists()


def test_a_report_is_not_written_among_the_tables(project: Project) -> None:
    assert project.materialize("customer_landing").success
    finished = report(project, project.lakehouse)
    assert finished.exit_code == 1
    assert "would lie in the lakehouse" in finished.output


def materialize_report(project: Project) -> dagster.ExecuteInProcessResult:
    with dagster.DagsterInstance.ephemeral() as instance:
        return project.definitions().resolve_job_def("report").execute_in_process(QUIET, instance)


def test_the_asset_writes_the_page_beside_the_tables_and_shows_the_pictures(built_project: Project) -> None:
    project = built_project
    (event,) = materialize_report(project).get_asset_materialization_events()
    metadata: Mapping[str, Any] = {name: value.value for name, value in event.materialization.metadata.items()}
    path = project.lakehouse / "report/lakehouse_report.html"
    page = path.read_bytes()
    assert metadata["path"] == str(path)
    assert metadata["bytes"] == len(page)
    assert metadata["checks_warned"] == 3
    assert metadata["funnel"].startswith(
        "![Rows from landing to training: customer_landing 5, customer_trusted 3 (60%), "
    )
    assert "machine_learning_curated 6" in Page(page.decode()).part("rows").text


def test_the_job_of_all_tables_does_not_make_the_report(project: Project) -> None:
    definitions = project.definitions()
    made = definitions.resolve_job_def("lakehouse").asset_layer.executable_asset_keys
    assert {key.to_user_string() for key in made} >= set(SELECTED_TABLES)
    assert dagster.AssetKey("lakehouse_report") not in made
    assert dagster.AssetKey("lakehouse_report") in definitions.resolve_asset_graph().get_all_asset_keys()


def test_there_is_no_asset_of_the_report_where_matplotlib_is_not_installed() -> None:
    program = """
import importlib.util, sys
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *others: None if name == "matplotlib" else find(name, *others)
from stedi_assets.definitions import defs
assert "matplotlib" not in sys.modules
print(sorted(key.to_user_string() for key in defs.resolve_asset_graph().get_all_asset_keys()))
"""
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "machine_learning_curated" in finished.stdout
    assert "lakehouse_report" not in finished.stdout
