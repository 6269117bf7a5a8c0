"""A table's file that somebody deleted: the message names the table, and a full refresh repairs it."""

from pathlib import Path

import pytest

from stedi_assets.storage.gone import data_file_gone
from stedi_assets_tests.support.grid import on_both_engines_and_in_both_places, on_duckdb
from stedi_assets_tests.support.projects import Project
from stedi_assets_tests.support.runs import failure
from stedi_assets_tests.support.shell import refused, stedi

pytestmark = on_both_engines_and_in_both_places


def delete_data_files(project: Project, table: str) -> str:
    """Deletes the files of a table's current version, and tells the name of one."""
    files = project.files(table)
    for file in files:
        (project.lakehouse / file.removeprefix(str(project.lakehouse)).lstrip("/")).unlink()
    return Path(files[0]).name


@pytest.mark.parametrize(
    ("table", "reader"),
    [("customer_landing", "customer_trusted"), ("accelerometer_trusted", "customer_curated")],
)
def test_a_run_that_needs_the_file_names_the_table_and_the_remedy(
    built_project: Project, table: str, reader: str
) -> None:
    name = delete_data_files(built_project, table)
    message = failure(built_project.materialize(reader, full_refresh=True), reader)
    assert message.startswith(f"A file of the table {table} is gone: {built_project.lakehouse}/")
    assert name in message
    assert message.endswith("stedi run with STEDI_FULL_REFRESH=true builds the tables anew from the landing files.")


@pytest.mark.parametrize("table", ["customer_landing", "accelerometer_quarantine", "accelerometer_trusted"])
def test_a_full_refresh_repairs_the_table(built_project: Project, table: str) -> None:
    rows, training = built_project.rows(table), built_project.rows("machine_learning_curated")
    delete_data_files(built_project, table)
    assert built_project.materialize(full_refresh=True).success
    assert built_project.rows(table) == rows
    assert built_project.rows("machine_learning_curated") == training


@on_duckdb
def test_a_query_names_the_table_and_the_remedy(built_project: Project) -> None:
    delete_data_files(built_project, "customer_trusted")
    line = refused(stedi(built_project, "query", "FROM customer_trusted"))
    assert line.startswith("A file of the table customer_trusted is gone: ")
    assert "STEDI_FULL_REFRESH=true" in line


@pytest.mark.parametrize(
    ("path", "table"),
    [
        ("/lakehouse/customer/landing/part-1.parquet", "the table customer_landing is"),
        ("s3://bucket/accelerometer/trusted/part-1/part-00000.parquet", "the table accelerometer_trusted is"),
        ("/customer/trusted/lakehouse/step_trainer/landing/part-1.parquet", "the table step_trainer_landing is"),
        ("/step_trainer/landing/lakehouse/customer/trusted/part-1.parquet", "the table customer_trusted is"),
        ("/lakehouse/assets/mine/part-1.parquet", "the table that holds it is"),
    ],
)
def test_the_table_of_a_file_is_that_of_the_last_folder_named_as_one(path: str, table: str) -> None:
    assert table in data_file_gone(path).message
