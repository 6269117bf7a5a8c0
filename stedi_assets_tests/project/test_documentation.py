"""The documentation, held to the code: its commands run, its tables are printed by the program, its links lead on."""

import re
import textwrap
from pathlib import Path

import duckdb
import pytest

from stedi_assets.cli import main
from stedi_assets.contract import TABLES
from stedi_assets.defs.checks import check
from stedi_assets.engines.duckdb.engine import DuckDBEngine
from stedi_assets.lakehouse.check import Check
from stedi_assets.lakehouse.lakehouse import Lakehouse
from stedi_assets_tests.support.checkout import PROJECT, cloned, tracked_files
from stedi_assets_tests.support.commands import run
from stedi_assets_tests.support.documentation import README, RUNNABLE, execute
from stedi_assets_tests.support.projects import Project
from stedi_assets_tests.support.records import device_reading

# One clone and one lakehouse for all.
pytestmark = pytest.mark.xdist_group("documentation")


PAGES = sorted(PROJECT / name for name in tracked_files(PROJECT) if name.endswith(".md"))


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of the project in which the tables are built, as after the README's first command."""
    folder = cloned(PROJECT, tmp_path_factory.mktemp("reader") / "stedi_assets")
    finished = run("stedi", "run", folder=folder, PYTHONPATH=str(folder))
    assert finished.exit_code == 0, finished.output
    return folder


@pytest.mark.parametrize("block", [block for place, block in RUNNABLE if not place])
def test_a_block_of_the_readme_runs(block: str, reader: Path) -> None:
    finished = execute(block, reader)
    assert finished.returncode == 0, finished.stdout
    assert "Error" not in finished.stdout


def test_the_readme_has_blocks_that_are_run() -> None:
    assert len(RUNNABLE) == README.count("<!-- runnable") >= 5
    assert {place for place, _ in RUNNABLE} == {"", "s3"}


def test_the_readmes_settings_are_what_the_program_prints(tmp_path: Path) -> None:
    printed = run("stedi", "settings", "--markdown", folder=tmp_path).output
    assert printed.startswith("| variable | default | what it sets |")
    assert printed in README


def test_the_readmes_commands_are_those_of_the_program() -> None:
    listed = dict(re.findall(r"^\| `stedi ([a-z-]+)` \| (.*) \|$", README, re.MULTILINE))
    summaries = {
        name: " ".join((command.help or "").split("\n\n")[0].split()) for name, command in main.commands.items()
    }
    assert listed == summaries


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


def test_the_readme_lists_every_table() -> None:
    listed = re.findall(r"^\| (`.*`) \| (landing|trusted|curated) \| .* \|$", README, re.MULTILINE)
    zones = {name: zone for names, zone in listed for name in re.findall(r"`(\w+)`", names)}
    assert zones == {name: table.zone for name, table in TABLES.items()}


@pytest.mark.parametrize(("distance", "passes"), [(250, True), (-1, False)])
def test_the_readmes_check_finds_what_it_says(project: Project, distance: int, passes: bool) -> None:
    (written,) = re.findall(r"```py\n(.*?)```", README, re.DOTALL)
    made: Check = eval(textwrap.dedent(written), vars(check))
    assert made.what_to_do == "Ask the source to correct the files with such readings."
    project.land("step_trainer", "more.json", [device_reading("ada", 100, distance)])
    assert project.materialize().success
    with duckdb.connect() as connection:
        lakehouse = Lakehouse(project.location(""), project.place.location("landing"), DuckDBEngine(connection))
        assert made.passes(made.find(lakehouse)) == passes


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_every_link_leads_to_a_file(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_every_file_that_is_named_exists(page: Path) -> None:
    folders = "stedi_assets|stedi_assets_tests|data|ddl|deploy|infra|examples|docs"
    named = re.findall(rf"`((?:{folders})/[\w./]*)`", page.read_text())
    assert [name for name in named if "NAME" not in name and not (PROJECT / name).exists()] == []


def test_every_command_that_the_documentation_names_exists() -> None:
    for page in PAGES:
        for name in re.findall(r"\bstedi ([a-z][a-z-]+)\b", page.read_text()):
            assert name in main.commands, (page, name)
