"""A developer changes a column in a copy of the package, as CONTRIBUTING says, and runs it."""

import shutil
from collections import Counter
from pathlib import Path

import stedi_assets
from stedi_assets.contract import TABLES
from stedi_assets_tests.support.commands import run
from stedi_assets_tests.support.projects import Project
from stedi_assets_tests.support.records import EXPECTED_COUNTS

CHANGED = ("accelerometer_landing", "accelerometer_trusted")
"""The tables that have the column."""

EDITS = {
    "contract.py": (
        "ACCELEROMETER_COLUMNS = (USER, ",
        'Column("model", "VARCHAR", "What the phone is called."), ',
    ),
    "defs/assets/trusted.py": ("        SELECT reading.user,", " reading.model,"),
}
"""From a module to a text of it, and what a developer adds after that."""


def edited_package(folder: Path) -> Path:
    copy = folder / "stedi_assets"
    shutil.copytree(Path(stedi_assets.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__"))
    for module, (text, more) in EDITS.items():
        source = (copy / module).read_text()
        assert source.count(text) == 1
        (copy / module).write_text(source.replace(text, text + more))
    return folder


def test_a_run_of_another_contract_brings_every_table_to_its_columns_and_the_next_run_takes_them_back(
    built_project: Project, tmp_path: Path
) -> None:
    rows = {table: built_project.rows(table) for table in CHANGED}
    package = edited_package(tmp_path / "edited")
    finished = run("stedi", "run", folder=tmp_path, PYTHONPATH=str(package), **built_project.variables)
    assert finished.exit_code == 0, finished.output
    for table in CHANGED:
        first, *others = (column.name for column in TABLES[table].columns)
        assert [field.name for field in built_project.delta(table).schema().fields] == [first, "model", *others]
        assert Counter((row[0], *row[2:]) for row in built_project.rows(table).elements()) == rows[table]
    assert built_project.counts() == EXPECTED_COUNTS
    assert built_project.materialize(*CHANGED).success
    assert {table: built_project.rows(table) for table in CHANGED} == rows
