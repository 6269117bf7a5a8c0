"""`stedi query --rejected`: the rows that a table would have had."""

import json
import shutil
from typing import Any

import pytest

from stedi_assets.contract import table_path
from stedi_assets_tests.support.commands import Finished, run
from stedi_assets_tests.support.projects import Project
from stedi_assets_tests.support.rejecting import with_rejected_version

EMAILS = {"ada@example.com", "dan@example.com", "eve@example.com"}
"""The customers of the published table."""


def query(project: Project, *arguments: str) -> Finished:
    return run("stedi", "query", *arguments, folder=project.landing, **project.variables)


def rows(project: Project, *arguments: str) -> list[dict[str, Any]]:
    finished = query(project, *arguments, "--format", "json")
    assert finished.exit_code == 0, finished.output
    found: list[dict[str, Any]] = json.loads(finished.output)
    return found


@pytest.fixture
def rejected(built_project: Project) -> Project:
    with_rejected_version(built_project, "customer_trusted")
    return built_project


def test_the_rows_of_a_rejected_version_are_shown_and_those_of_the_published_one_stay(rejected: Project) -> None:
    found = rows(rejected, "--rejected", "Customer_Trusted")
    assert {row["email"] for row in found} == EMAILS | {"zoe@example.com"}
    assert {row["email"] for row in rows(rejected, "FROM customer_trusted")} == EMAILS


def test_a_statement_compares_a_rejected_version_with_other_tables(rejected: Project) -> None:
    sql = "SELECT email FROM CUSTOMER_TRUSTED WHERE email NOT IN (SELECT email FROM customer_curated) ORDER BY email"
    found = rows(rejected, "--rejected", "customer_trusted", sql)
    assert [row["email"] for row in found] == ["dan@example.com", "zoe@example.com"]


def test_the_rows_of_a_part_that_was_rejected_are_shown_with_those_that_it_would_keep(built_project: Project) -> None:
    with_rejected_version(built_project, "accelerometer_trusted")
    (published,) = rows(built_project, "SELECT count(*) AS n FROM accelerometer_trusted")
    (rejected,) = rows(
        built_project, "--rejected", "accelerometer_trusted", "SELECT count(*) AS n FROM accelerometer_trusted"
    )
    assert (published["n"], rejected["n"]) == (4, 5)


def test_the_rows_of_a_table_whose_first_version_was_rejected_are_shown(project: Project) -> None:
    with_rejected_version(project, "customer_trusted")
    found = rows(project, "--rejected", "customer_trusted")
    assert {row["email"] for row in found} == EMAILS | {"zoe@example.com"}
    listed = run("stedi", "tables", folder=project.landing, **project.variables)
    (line,) = [line for line in listed.output.splitlines() if "customer_trusted" in line]
    assert "not built" in line


def test_a_table_without_a_rejected_version_is_one_clear_line(built_project: Project) -> None:
    finished = query(built_project, "--rejected", "customer_trusted")
    assert finished.exit_code == 1
    (line,) = finished.output.splitlines()
    assert "The table customer_trusted has no rejected version. A run keeps one where a blocking check fails" in line


def test_a_rejected_version_of_an_earlier_instant_is_a_mistake_of_the_user(built_project: Project) -> None:
    finished = query(built_project, "--rejected", "customer_trusted", "--as-of", "0")
    assert finished.exit_code == 2
    assert "--as-of and --rejected exclude each other." in finished.output


def test_a_rejected_version_whose_files_were_lost_is_one_clear_line(rejected: Project) -> None:
    folder = rejected.lakehouse / table_path("customer_trusted")
    for path in folder.glob("*.parquet"):
        shutil.move(path, rejected.lakehouse)
    finished = query(rejected, "--rejected", "customer_trusted")
    assert finished.exit_code == 1
    (line,) = finished.output.splitlines()
    assert "Traceback" not in line
