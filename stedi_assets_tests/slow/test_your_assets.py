"""The page docs/your-assets.md: its module is loaded, and its commands are run."""

import re
from pathlib import Path

import pytest

from stedi_assets_tests.support.checkout import PROJECT
from stedi_assets_tests.support.commands import run
from stedi_assets_tests.support.documentation import execute
from stedi_assets_tests.support.projects import Project
from stedi_assets_tests.support.records import phone_reading

PAGE = (PROJECT / "docs/your-assets.md").read_text()

LAST_OF_JANUARY = 1_706_659_200_000
"""The beginning of 31 January 2024 in UTC, in milliseconds since 1970."""

DAY = 86_400_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the module of the page, away from the checkout."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "my_location.py").write_text("\n\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)))
    return folder


def test_the_commands_of_the_page_build_what_it_says(folder: Path, built_project: Project) -> None:
    instants = [LAST_OF_JANUARY - 1, LAST_OF_JANUARY, LAST_OF_JANUARY + DAY - 1, LAST_OF_JANUARY + DAY]
    built_project.land("accelerometer", "more.json", [phone_reading("ada", instant) for instant in instants])
    (block,) = re.findall(r"<!-- beside my_location.py -->\n```console\n(.*?)```", PAGE, re.DOTALL)
    finished = execute(block, folder, PYTHONPATH=f"{PROJECT}:{folder}", **built_project.variables)
    assert finished.returncode == 0, finished.stdout
    assert "readings_per_day has partitions and is left out." in finished.stdout
    assert built_project.rows("readings_per_day") == {("2024-01-31", "ada@example.com", 2): 1}
    assert built_project.rows("readings_of_a_week") == {("2024-01-31", 2): 1}
    assert built_project.delta("readings_per_minute").count() == 5


def test_the_check_of_the_page_blocks_what_is_downstream(folder: Path, built_project: Project) -> None:
    module = folder / "my_location.py"
    module.write_text(module.read_text().replace('["readings"] < 1', '["readings"] < 5'))
    finished = run(
        "stedi", "run", "-m", "my_location", "--select", "readings_per_minute", folder=folder, **built_project.variables
    )
    assert finished.exit_code == 1
    assert "readings_per_minute: the check has_no_minute_without_readings failed: minutes_without_readings 1" in (
        finished.output
    )
    assert built_project.delta("readings_per_minute").count() == 1
