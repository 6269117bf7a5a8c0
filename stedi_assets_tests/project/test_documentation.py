"""The documentation, held to the code: its commands run, its tables come from the program, its links lead on."""

import re
import textwrap
from pathlib import Path

import dagster
import duckdb
import pytest

from stedi_assets.cli import main
from stedi_assets.contract import TABLES
from stedi_assets.definitions import defs
from stedi_assets.defs.checks import check
from stedi_assets.engines.duckdb.engine import DuckDBEngine
from stedi_assets.lakehouse.check import Check
from stedi_assets.lakehouse.lakehouse import Lakehouse
from stedi_assets_tests.support.checkout import PROJECT, tracked_files
from stedi_assets_tests.support.commands import run
from stedi_assets_tests.support.documentation import MARKDOWN, PAGES, Reader, anchors, blocks, follow, shows
from stedi_assets_tests.support.projects import Project
from stedi_assets_tests.support.records import device_reading
from stedi_assets_tests.support.reference import GENERATED, MARKED, renewed

LINK = re.compile(r"\]\((?!\w+:)([^)#]*)(?:#([^)]*))?\)")
"""A link within the project: its file, if it is another one, and its anchor."""


def of_project(path: Path) -> str:
    return str(path.relative_to(PROJECT))


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    return Reader.at(tmp_path_factory.mktemp("reader"))


def test_the_blocks_of_the_readme_run_and_print_what_it_shows(reader: Reader) -> None:
    follow(PAGES[0], reader.folder)


def test_every_mark_of_a_block_is_read() -> None:
    for page in PAGES:
        assert len(blocks(page.read_text())) == page.read_text().count("<!-- runnable"), page
        assert {block.kind for block in blocks(page.read_text())} <= {"", "s3", "fails"}, page


def test_the_readme_shows_what_the_first_run_prints(reader: Reader) -> None:
    (shown,) = re.findall(r"<!-- output of the first run -->\n```text\n(.*?)```", PAGES[0].read_text(), re.DOTALL)
    assert shows(reader.printed, shown), reader.printed
    assert reader.printed.endswith(shown.splitlines()[-1] + "\n")


@pytest.mark.parametrize(
    ("shown", "does"),
    [
        ("b\nc\n", True),
        ("b…\nc\n", True),
        ("a\n…\nd\n", True),
        ("a\nc\n", False),
        ("c\n…\na\n", False),
        ("b.\n", False),
        ("…d\n", True),
    ],
)
def test_what_a_page_leaves_out_of_an_output_has_a_mark(shown: str, does: bool) -> None:
    assert shows("a\nb  \nc\nd\n", shown) == does


@pytest.mark.parametrize("page", PAGES, ids=of_project)
def test_what_the_code_writes_on_a_page_is_up_to_date(page: Path) -> None:
    """To renew the pages: python -m stedi_assets_tests.support.reference."""
    assert renewed(page.read_text()) == page.read_text()


def test_settings_commands_and_tables_have_a_page() -> None:
    marks = [mark for page in PAGES for _, mark, _ in MARKED.findall(page.read_text())]
    assert sorted(marks) == sorted(GENERATED)


@pytest.mark.parametrize("name", sorted(main.commands))
def test_every_command_explains_itself_with_an_example_that_it_understands(name: str, tmp_path: Path) -> None:
    explained = run("stedi", name, "--help", folder=tmp_path)
    assert explained.exit_code == 0
    assert explained.output.startswith(f"Usage: stedi {name} ")
    examples = re.findall(r"^ +Example: (stedi .*)$", explained.output, re.MULTILINE)
    assert examples
    for example in examples:
        assert example.split()[1] == name
        options = set(re.findall(r"(?<= )--[a-z-]+", example.partition("&&")[0]))
        assert options <= set(re.findall(r"--[a-z-]+", explained.output.partition("Options:")[2]))


def test_every_table_is_listed_with_its_zone() -> None:
    page = (PROJECT / "docs/tables.md").read_text()
    listed = re.findall(r"^\| (`.*`) \| (landing|trusted|curated) \| .* \|$", page, re.MULTILINE)
    zones = {name: zone for names, zone in listed for name in re.findall(r"`(\w+)`", names)}
    assert zones == {name: table.zone for name, table in TABLES.items()}, "edit the table of tables in README.md"


def test_every_sensor_and_schedule_is_listed_with_its_time_and_is_off() -> None:
    page = (PROJECT / "docs/operate.md").read_text()
    listed = dict(re.findall(r"^\| the (?:sensor|schedule) `(\w+)` \| (.*) \|$", page, re.MULTILINE))
    repository = defs.get_repository_def()
    off = dagster.DefaultSensorStatus.STOPPED, dagster.DefaultScheduleStatus.STOPPED
    statuses = {
        **{sensor.name: sensor.default_status for sensor in repository.sensor_defs},
        **{schedule.name: schedule.default_status for schedule in repository.schedule_defs},
    }
    assert listed.keys() == statuses.keys()
    assert all(status in off for status in statuses.values())
    for schedule in repository.schedule_defs:
        minute, hour, *_, weekday = str(schedule.cron_schedule).split()
        day = {"*": "each day", "0": "on Sundays"}[weekday]
        assert listed[schedule.name].endswith(f"{day} at {hour}:{minute:0>2} UTC")


@pytest.mark.parametrize(("distance", "passes"), [(250, True), (-1, False)])
def test_the_check_to_add_finds_what_it_says(project: Project, distance: int, passes: bool) -> None:
    (written,) = re.findall(r"```py\n(.*?)```", (PROJECT / "docs/extend.md").read_text(), re.DOTALL)
    made: Check = eval(textwrap.dedent(written), vars(check))
    assert made.what_to_do == "Ask the source to correct the files with such readings."
    project.land("step_trainer", "more.json", [device_reading("ada", 100, distance)])
    assert project.materialize().success
    with duckdb.connect() as connection:
        lakehouse = Lakehouse(project.location(""), project.place.location("landing"), DuckDBEngine(connection))
        assert made.passes(made.find(lakehouse)) == passes


@pytest.mark.parametrize("page", MARKDOWN, ids=of_project)
def test_every_link_leads_to_a_file_and_to_a_heading_of_it(page: Path) -> None:
    for name, anchor in LINK.findall(page.read_text()):
        target = page.parent / name if name else page
        assert target.exists(), name
        assert not anchor or anchor in anchors(target.read_text()), f"{name}#{anchor}"


@pytest.mark.parametrize("page", MARKDOWN, ids=of_project)
def test_every_file_that_is_named_exists(page: Path) -> None:
    folders = "stedi_assets|stedi_assets_tests|data|ddl|deploy|infra|examples|docs"
    named = re.findall(rf"`((?:{folders})/[\w./]*)`", page.read_text())
    assert [name for name in named if "NAME" not in name and not (PROJECT / name).exists()] == []


def test_every_page_that_a_file_names_exists() -> None:
    for file in tracked_files(PROJECT):
        if Path(file).suffix in {".py", ".toml", ".yml", ".yaml", ".conf"}:
            for name in re.findall(r"\b(?:docs|benchmarks|infra)/[\w/-]+\.md\b", (PROJECT / file).read_text()):
                assert (PROJECT / name).exists(), (file, name)


def test_every_command_that_the_documentation_names_exists() -> None:
    for page in MARKDOWN:
        for name in re.findall(r"\bstedi ([a-z][a-z-]+)\b", page.read_text()):
            assert name in main.commands, (page, name)
