"""Folders called `key=value`, which readers of hive partitions make columns of: none of ours takes one from a path."""

import tempfile
from pathlib import Path

import duckdb
import pytest

from stedi_assets.contract import TABLES
from stedi_assets_tests.support.ddl import statement
from stedi_assets_tests.support.engines import KEY
from stedi_assets_tests.support.grid import on_both_engines
from stedi_assets_tests.support.projects import COMPUTED_TABLES, Build, Project
from stedi_assets_tests.support.records import CUSTOMERS
from stedi_assets_tests.support.shell import stedi, succeeded

FOLDERS = "email=no/user=zoe/serialNumber=7/timestamp=1/shareWithResearchAsOfDate=0"
"""Named as columns of the contract are, with values of their types."""


@pytest.fixture
def awkward(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The project with every folder that a run uses below such folders."""
    project.landing = project.landing.rename(_made(tmp_path / "raw" / FOLDERS) / "landing")
    project.lakehouse = tmp_path / "tables" / FOLDERS / "lakehouse"
    monkeypatch.setattr(tempfile, "tempdir", str(_made(tmp_path / "temporary" / FOLDERS)))
    return project


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


@on_both_engines
def test_tables_below_folders_that_are_named_as_columns_hold_the_rows_of_the_files(
    awkward: Project, built: Build
) -> None:
    assert awkward.materialize(pseudonym_key=KEY.hex()).success
    for table in TABLES:
        if table in COMPUTED_TABLES or table.endswith("_landing"):
            assert awkward.rows(table) == built.project.rows(table)


@on_both_engines
def test_what_is_rewritten_below_such_folders_stays_as_it_was(awkward: Project, built: Build) -> None:
    assert awkward.materialize("accelerometer_landing").success
    (awkward.landing / "accelerometer/landing/accelerometer-2.json.gz").unlink()
    assert awkward.materialize("accelerometer_landing").success
    rows = built.project.rows("accelerometer_landing")
    assert awkward.rows("accelerometer_landing") == {
        row: count for row, count in rows.items() if row[-1] == "accelerometer-1.json"
    }


def test_a_damaged_file_read_through_a_copy_below_such_folders_gives_its_rows(awkward: Project) -> None:
    awkward.land_text("accelerometer", "damaged.json", '{"user": "a", "timestamp": 5}\n{"user":\n')
    assert awkward.materialize("accelerometer_landing", max_quarantined=1.0).success
    assert awkward.rows("accelerometer_landing")["a", 5, None, None, None, "damaged.json"] == 1


def test_the_views_that_are_written_take_nothing_from_a_path_either(awkward: Project, tmp_path: Path) -> None:
    assert awkward.materialize("customer_landing").success
    emails = sorted((customer["email"],) for customer in CUSTOMERS)
    succeeded(stedi(awkward, "duckdb", str(tmp_path / "views.duckdb")))
    with duckdb.connect(tmp_path / "views.duckdb") as connection:
        assert connection.sql("SELECT email FROM customer_landing ORDER BY 1").fetchall() == emails
    with duckdb.connect() as connection:
        connection.execute(statement("customer_files", "duckdb", STEDI_LANDING=str(awkward.landing)))
        assert connection.sql("SELECT email FROM customer_files ORDER BY 1").fetchall() == emails
