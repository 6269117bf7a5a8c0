"""`stedi clean TABLE` removes one table, also one that left the contract, and `stedi tables` lists such a table."""

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from stedi_assets.contract import TABLES
from stedi_assets_tests.support.cleaning import build_others_table, command, names_below
from stedi_assets_tests.support.commands import run
from stedi_assets_tests.support.grid import in_both_places
from stedi_assets_tests.support.projects import Project

FORMER = ("landing", "quarantine")
"""The folders, below heart_rate, of the tables of a source that left the contract."""


@pytest.fixture
def with_former_tables(built_project: Project) -> Project:
    """A project that once had another source: two tables of the contract, in folders that it does not name."""
    for name in FORMER:
        folder = built_project.lakehouse / "accelerometer" / name
        for file in list(folder.rglob("*")):
            if file.is_file():
                copy = built_project.lakehouse / "heart_rate" / name / str(file)[len(str(folder)) + 1 :]
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(file.read_bytes())
    return built_project


def zones(project: Project, tmp_path: Path) -> dict[str, str]:
    listed = run("stedi", "tables", "--json", folder=tmp_path, **project.variables)
    assert listed.exit_code == 0, listed.output
    return {table["name"]: table["zone"] for table in json.loads(listed.output)}


@in_both_places
def test_a_table_that_left_the_contract_is_listed_as_former(with_former_tables: Project, tmp_path: Path) -> None:
    former = {name: zone for name, zone in zones(with_former_tables, tmp_path).items() if name not in TABLES}
    assert former == {"heart_rate_landing": "former", "heart_rate_quarantine": "former"}


@in_both_places
def test_clean_with_names_removes_those_tables_alone(with_former_tables: Project, tmp_path: Path) -> None:
    build_others_table(with_former_tables)
    before = names_below(with_former_tables.lakehouse)
    exit_code, output = command(
        with_former_tables, tmp_path, "HEART_RATE_LANDING", "heart_rate/quarantine", "mine", "customer_curated", "--yes"
    )
    assert exit_code == 0, output
    assert output.splitlines()[-1].startswith("Removed: 4 tables with ")
    removed = ("heart_rate/", "assets/mine/", "customer/curated/")
    assert names_below(with_former_tables.lakehouse) == {name for name in before if not name.startswith(removed)}


def test_clean_without_names_leaves_former_tables(with_former_tables: Project, tmp_path: Path) -> None:
    exit_code, output = command(with_former_tables, tmp_path, "--yes")
    assert exit_code == 0, output
    assert {name.split("/")[0] for name in names_below(with_former_tables.lakehouse)} == {"heart_rate"}


def test_a_table_that_has_not_been_built_is_nothing_to_remove(empty_project: Project, tmp_path: Path) -> None:
    exit_code, output = command(empty_project, tmp_path, "customer_curated", "--yes")
    assert (exit_code, output) == (0, f"There is nothing to remove at {empty_project.lakehouse}.\n")


def notes(project: Project) -> None:
    (project.lakehouse / "notes").mkdir()
    (project.lakehouse / "notes/to-do.txt").write_text("call Ada")


def files_without_a_log(project: Project) -> None:
    (project.lakehouse / "assets/lost").mkdir(parents=True)
    (project.lakehouse / "assets/lost/part-0.parquet").write_text("rows")


def other_programs_table(project: Project) -> None:
    write_deltalake(str(project.lakehouse / "shop/orders"), pa.table({"a": [1]}))


def table_outside(project: Project) -> None:
    write_deltalake(str(project.lakehouse.parent / "outside/table"), pa.table({"a": [1]}))


def link_to_a_table_outside(project: Project) -> None:
    table_outside(project)
    (project.lakehouse / "linked").symlink_to(project.lakehouse.parent / "outside")


def file_beside(project: Project) -> None:
    (project.lakehouse / "customer/curated/notes.txt").write_text("call Ada")


NO_TABLE = "is not a table of the lakehouse at"

REFUSED: dict[str, tuple[Callable[[Project], None], str, str]] = {
    "a misspelt name": (lambda project: None, "customer_curate", NO_TABLE),
    "a folder without a table": (notes, "notes", NO_TABLE),
    "a folder of files without a log": (files_without_a_log, "lost", "it is not a Delta table"),
    "another program's table": (other_programs_table, "shop_orders", "no commit in its log is one of this program's"),
    "a table with a foreign file": (file_beside, "customer_curated", "notes.txt, which this program does not write"),
    "a path outside": (table_outside, "../outside/table", NO_TABLE),
    "a path that leads outside and back": (table_outside, "customer/../../outside/table", NO_TABLE),
    "an absolute path": (table_outside, "{outside}", NO_TABLE),
    "a link that leads outside": (link_to_a_table_outside, "linked/table", NO_TABLE),
    "the folder of several tables": (lambda project: None, "customer", NO_TABLE),
    "the whole lakehouse": (lambda project: None, ".", NO_TABLE),
    "an empty name": (lambda project: None, "", NO_TABLE),
}
"""From a case to what somebody has done before, the name that is given, and the reason of the refusal."""


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_table_of_the_program_is_refused_and_nothing_is_removed(
    case: str, built_project: Project, tmp_path: Path
) -> None:
    prepare, name, reason = REFUSED[case]
    prepare(built_project)
    outside = built_project.lakehouse.parent
    before = names_below(outside)
    given = name.format(outside=outside / "outside/table")
    exit_code, output = command(built_project, tmp_path, given, "customer_trusted", "--yes")
    assert exit_code == 1
    assert reason in output
    assert len(output.splitlines()) == 1
    assert names_below(outside) == before


def test_a_name_of_two_tables_is_refused_and_their_folders_are_named(built_project: Project, tmp_path: Path) -> None:
    for path in ("heart/rate", "heart_rate"):
        write_deltalake(str(built_project.lakehouse / path), pa.table({"a": [1]}))
    exit_code, output = command(built_project, tmp_path, "heart_rate", "--yes")
    assert exit_code == 1
    assert output.endswith("heart_rate is the name of several tables. Give one of heart/rate, heart_rate.\n")
