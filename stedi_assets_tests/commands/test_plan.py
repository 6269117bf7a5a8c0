"""`stedi run --plan`: what a run would do, before anybody runs it."""

import json
from pathlib import Path
from typing import Any

from stedi_assets_tests.support.commands import Finished, run
from stedi_assets_tests.support.engines import KEY
from stedi_assets_tests.support.projects import SELECTED_TABLES, Project
from stedi_assets_tests.support.records import phone_reading


def planned(project: Project, *options: str, **variables: str) -> Finished:
    keyed = {**project.variables, "STEDI_PSEUDONYM_KEY": KEY.hex(), **variables}
    return run("stedi", "run", "--plan", *options, folder=project.landing, **keyed)


def plans(project: Project, *options: str, **variables: str) -> list[dict[str, Any]]:
    finished = planned(project, "--json", *options, **variables)
    assert finished.exit_code == 0, finished.output
    found: list[dict[str, Any]] = json.loads(finished.output)
    return found


def everything(project: Project) -> dict[Path, tuple[int, int]]:
    """The files of a project, with their sizes and when they were written."""
    files = [path for path in project.place.root.rglob("*") if path.is_file()]
    return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in files}


def test_the_plan_names_what_is_about_to_change_and_changes_nothing(built_project: Project) -> None:
    built_project.land("accelerometer", "late.json", [phone_reading("ada", 100)])
    before = everything(built_project)
    found = plans(built_project)
    assert everything(built_project) == before
    assert [entry["table"] for entry in found] == SELECTED_TABLES
    by_table = {entry["table"]: (entry["plan"], entry["reason"]) for entry in found}
    assert by_table["customer_landing"] == ("nothing", "no raw file was added, changed or removed")
    assert by_table["accelerometer_landing"] == ("part", "1 raw files are new or changed, 0 are gone")
    assert by_table["customer_trusted"] == ("nothing", "its inputs are as they were")
    assert by_table["accelerometer_trusted"] == ("part", "accelerometer_landing is about to change")
    assert by_table["customer_curated"] == (
        "all",
        "accelerometer_trusted is about to change; a table without an event time is computed whole",
    )


def test_the_plan_is_a_table_for_people(built_project: Project) -> None:
    finished = planned(built_project, "--select", "key:customer_trusted")
    assert finished.exit_code == 0, finished.output
    lines = [[cell.strip() for cell in line.strip("│").split("│")] for line in finished.output.splitlines()]
    assert ["customer_trusted", "nothing", "its inputs are as they were"] in lines
    assert "accelerometer" not in finished.output


def test_the_plan_of_a_quarantine_is_that_of_its_landing_table_and_follows_the_settings(built_project: Project) -> None:
    found = plans(built_project, "--select", "key:customer_quarantine", STEDI_FULL_REFRESH="true")
    assert found == [{"table": "customer_landing", "plan": "all", "reason": "a full refresh was asked for"}]


def test_the_plan_before_the_first_run_creates_nothing(project: Project) -> None:
    before = everything(project)
    found = plans(project)
    assert {(entry["plan"], entry["reason"]) for entry in found} == {("all", "the table does not exist")}
    assert everything(project) == before
    assert not project.lakehouse.exists()
