"""`stedi optimize`: joins the small files of tables."""

import json
from pathlib import Path

import pytest

from stedi_assets_tests.support.commands import Finished, run
from stedi_assets_tests.support.grid import in_both_places
from stedi_assets_tests.support.projects import Project
from stedi_assets_tests.support.records import phone_reading

LATER = 9_000_000_000_000


@pytest.fixture
def delivered(built_project: Project) -> Project:
    """Tables of two deliveries of phone readings."""
    built_project.land("accelerometer", "later.json", [phone_reading("ada", LATER)])
    assert built_project.materialize("accelerometer_landing").success
    return built_project


def optimize(project: Project, *arguments: str) -> Finished:
    finished = run("stedi", "optimize", *arguments, folder=Path.cwd(), **project.variables)
    assert finished.exit_code == 0, finished.output
    return finished


@in_both_places
def test_the_files_of_a_table_are_joined_and_its_rows_stay(delivered: Project) -> None:
    before = delivered.delta("accelerometer_landing")
    joined = json.loads(optimize(delivered, "accelerometer_landing", "--json").output)
    after = delivered.delta("accelerometer_landing")
    assert joined == {"accelerometer_landing": len(before.file_uris())}
    assert (len(after.file_uris()), after.count(), after.version()) == (1, before.count(), before.version() + 1)


def test_without_a_name_it_joins_the_files_of_all_tables_that_exist_but_quarantines(delivered: Project) -> None:
    lines = dict(line.split(maxsplit=1) for line in optimize(delivered).output.splitlines())
    assert lines["accelerometer_landing"].endswith(" files joined")
    assert lines["customer_trusted"] == "0 files joined"
    assert not any(name.endswith("_quarantine") for name in lines)
    assert {line for line in optimize(delivered).output.splitlines() if " 0 files" not in line} == set()


def test_the_history_of_a_table_tells_of_it(delivered: Project) -> None:
    optimize(delivered, "accelerometer_landing")
    history = run("stedi", "history", "accelerometer_landing", folder=delivered.landing, **delivered.variables)
    assert "stedi optimize" in history.output


def test_an_empty_lakehouse_is_no_error(project: Project) -> None:
    assert optimize(project).output == ""
