"""Dagster's `dg` command on this project."""

import json
import shutil
from pathlib import Path

import pytest

from stedi_assets_tests.support.checkout import PROJECT
from stedi_assets_tests.support.commands import Finished, run
from stedi_assets_tests.support.graph import GRAPH
from stedi_assets_tests.support.projects import Project
from stedi_assets_tests.support.records import EXPECTED_COUNTS


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with what dg reads of a checkout."""
    folder = tmp_path / "checkout"
    shutil.copytree(PROJECT / "stedi_assets", folder / "stedi_assets", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / "pyproject.toml", folder)
    return folder


def dg(*arguments: str, checkout: Path, project: Project) -> Finished:
    # dg keeps settings of its own in the home folder.
    variables = {"PYTHONPATH": str(checkout), "HOME": str(checkout), **project.variables}
    return run("dg", *arguments, folder=checkout, **variables)


def test_dg_lists_the_tables(checkout: Path, project: Project) -> None:
    listed = dg("list", "defs", "--json", checkout=checkout, project=project)
    assert listed.exit_code == 0, listed.output
    assets = json.loads(listed.output[listed.output.index("{") :])["assets"]
    assert GRAPH.keys() <= {asset["asset_key"] for asset in assets}


def test_dg_loads_all_definitions(checkout: Path, project: Project) -> None:
    checked = dg("check", "defs", checkout=checkout, project=project)
    assert checked.exit_code == 0, checked.output
    assert "All definitions loaded successfully." in checked.output


def test_dg_launches_a_run_of_everything(checkout: Path, project: Project) -> None:
    launched = dg("launch", "--assets", "*", checkout=checkout, project=project)
    assert launched.exit_code == 0, launched.output
    assert project.counts() == EXPECTED_COUNTS
