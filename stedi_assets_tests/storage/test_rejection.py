"""What a rejected version leaves on disk goes with the next vacuum, cleaning or erasure, and nothing else does."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from stedi_assets.contract import table_path
from stedi_assets.engines.engine import Engine
from stedi_assets.lakehouse.cleaning import clean, plan_cleaning
from stedi_assets.storage.files import INCOMPLETE_PREFIX
from stedi_assets.storage.rejection import read_rejection
from stedi_assets.storage.vacuum import vacuum
from stedi_assets_tests.support.cleaning import names_below
from stedi_assets_tests.support.commands import run
from stedi_assets_tests.support.engines import KEY
from stedi_assets_tests.support.erasing import EMAIL, erased, naming, opened
from stedi_assets_tests.support.grid import in_both_places, on_duckdb
from stedi_assets_tests.support.projects import Project
from stedi_assets_tests.support.rejecting import REJECTION_FILE, STATE_FILE, with_rejected_version

pytestmark = in_both_places

TABLE = "customer_trusted"

ORPHAN = "part-0b6d5d2e-8a53-4f6c-9b53-0a3a7a0f5c10-0.parquet"


def names(project: Project, table: str = TABLE) -> set[str]:
    """The files in a table's folder, without its log."""
    found = names_below(project.lakehouse / table_path(table))
    return {name for name in found if not name.startswith("_delta_log/")}


def put(project: Project, name: str) -> None:
    (project.lakehouse / table_path(TABLE) / name).write_text("rows")


@pytest.fixture
def rejected(built_project: Project) -> Project:
    """A project in which a table has a published version and a rejected one."""
    with_rejected_version(built_project, TABLE)
    return built_project


@pytest.fixture
def never_published(project: Project) -> Project:
    """A project in which the first version of a table was rejected."""
    with_rejected_version(project, TABLE)
    return project


def test_a_vacuum_deletes_the_rejected_version_and_orphans_and_keeps_the_state(rejected: Project) -> None:
    published = {Path(file).name for file in rejected.files(TABLE)}
    rejection = read_rejection(rejected.location(table_path(TABLE)))
    assert rejection
    put(rejected, ORPHAN)
    folder = rejected.location(table_path(TABLE))
    listed = vacuum(folder, timedelta(days=7), dry_run=True)
    assert names(rejected) == {*published, *rejection.staged, ORPHAN, REJECTION_FILE, STATE_FILE}
    assert set(listed) >= {*rejection.staged, REJECTION_FILE}
    vacuum(folder, timedelta(0))
    assert names(rejected) == {*published, STATE_FILE}
    assert read_rejection(folder) is None


def test_a_dry_vacuum_names_what_a_vacuum_deletes(rejected: Project) -> None:
    put(rejected, ORPHAN)
    folder = rejected.location(table_path(TABLE))
    listed = vacuum(folder, timedelta(0), dry_run=True)
    assert len(listed) == len(set(listed)) == 3
    assert sorted(vacuum(folder, timedelta(0))) == sorted(listed)
    assert vacuum(folder, timedelta(0)) == []


def test_a_vacuum_deletes_a_rejected_version_of_a_table_that_was_never_published(
    never_published: Project, tmp_path: Path
) -> None:
    before = names(never_published)
    finished = run("stedi", "vacuum", "--json", folder=tmp_path, **never_published.variables)
    assert finished.exit_code == 0, finished.output
    assert json.loads(finished.output)["customer/trusted"] == len(before) >= 2
    assert names(never_published) == set()


@on_duckdb
def test_the_command_clean_removes_a_rejected_version(rejected: Project, tmp_path: Path) -> None:
    finished = run("stedi", "clean", "--yes", folder=tmp_path, **rejected.variables)
    assert finished.exit_code == 0, finished.output
    assert names_below(rejected.lakehouse) == set()


def test_a_cleaning_removes_a_rejected_version_of_a_table_that_was_never_published(never_published: Project) -> None:
    clean(plan_cleaning(never_published.settings()), never_published.settings())
    assert names_below(never_published.lakehouse) == set()


def test_a_rejected_version_beside_somebody_elses_file_stays(never_published: Project) -> None:
    put(never_published, "notes.txt")
    before = names(never_published)
    (refused,) = plan_cleaning(never_published.settings()).refused
    assert str(refused[0]).endswith("customer/trusted")
    assert names(never_published) == before


@on_duckdb  # A bucket writes an object whole.
def test_a_note_that_a_killed_run_left_incomplete_is_no_obstacle_to_a_cleaning(rejected: Project) -> None:
    put(rejected, f"{INCOMPLETE_PREFIX}{'0' * 32}")
    clean(plan_cleaning(rejected.settings()), rejected.settings())
    assert names_below(rejected.lakehouse) == set()


@pytest.mark.parametrize("table", [TABLE, "customer_landing", "accelerometer_trusted"])
def test_an_erasure_leaves_nothing_of_the_customer_in_a_rejected_version(
    built_project: Project, computing: Engine, table: str
) -> None:
    with_rejected_version(built_project, table)
    certificate = erased(opened(built_project, computing))
    assert certificate.is_complete
    assert naming(built_project) == []
    assert read_rejection(built_project.location(table_path(table))) is None


def test_an_erasure_leaves_nothing_of_the_customer_in_a_table_that_was_never_published(
    never_published: Project, computing: Engine
) -> None:
    assert erased(opened(never_published, computing)).is_complete
    assert naming(never_published) == []
    assert names(never_published) == set()


@on_duckdb
def test_the_command_erase_leaves_nothing_of_the_customer_in_a_rejected_version(
    rejected: Project, tmp_path: Path
) -> None:
    variables = {**rejected.variables, "STEDI_PSEUDONYM_KEY": KEY.hex()}
    finished = run("stedi", "erase", EMAIL, "--yes", "--force", folder=tmp_path, **variables)
    assert finished.exit_code == 0, finished.output
    assert naming(rejected) == []
    assert names(rejected) == {*(Path(file).name for file in rejected.files(TABLE)), STATE_FILE}


def test_a_run_after_the_files_of_a_rejected_version_were_lost_succeeds(rejected: Project) -> None:
    rejection = read_rejection(rejected.location(table_path(TABLE)))
    assert rejection
    for name in rejection.staged:
        (rejected.lakehouse / table_path(TABLE) / name).unlink()
    assert rejected.materialize(pseudonym_key=KEY.hex()).success
    assert read_rejection(rejected.location(table_path(TABLE))) is None
