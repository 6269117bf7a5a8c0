"""`stedi clean` in a bucket and in Glue."""

import re
from pathlib import Path
from typing import Any

import boto3
import pytest

from stedi_assets.lakehouse.cleaning import clean, plan_cleaning
from stedi_assets_tests.support.buckets import bucket
from stedi_assets_tests.support.cleaning import command, names_below
from stedi_assets_tests.support.policies import policies_held, user_who_may
from stedi_assets_tests.support.projects import Project, with_landing_files
from stedi_assets_tests.support.servers import MotoServer, Versitygw, moto_server


def test_a_refused_deletion_is_named_and_a_second_removal_goes_on(tmp_path: Path) -> None:
    with moto_server() as server:
        place = bucket(server.endpoint, "any", "any", tmp_path)
        project = with_landing_files(Project.at(place, "duckdb"))
        assert project.materialize("customer_landing").success
        keys = user_who_may(server, "s3:GetObject", "s3:PutObject")
        with policies_held(server):
            exit_code, output = command(
                project, tmp_path, "--yes", AWS_ACCESS_KEY_ID=keys[0], AWS_SECRET_ACCESS_KEY=keys[1]
            )
        folder = project.location("customer/landing")
        assert exit_code == 1
        assert re.fullmatch(
            rf"Error: Access was denied: s3:DeleteObject on {folder}/\S+\. Allow the action, or use other "
            r"credentials\.",
            output.splitlines()[-1],
        )
        assert project.delta("customer_landing").count() == 0
        assert command(project, tmp_path, "--yes")[0] == 0
        assert names_below(project.lakehouse) == set()


def test_a_missing_bucket_is_one_clear_error(gateway: Versitygw, tmp_path: Path) -> None:
    project = Project.at(gateway.new_bucket(tmp_path), "duckdb")
    exit_code, output = command(project, tmp_path, "--yes", STEDI_LAKEHOUSE="s3://no-such-bucket-of-ours/lakehouse")
    assert exit_code == 1
    assert output.startswith("Error: The bucket does not exist: s3:GetObject on s3://no-such-bucket-of-ours/lakehouse/")
    assert output.count("\n") == 1


@pytest.fixture
def in_moto(moto: MotoServer, tmp_path: Path) -> Project:
    return with_landing_files(Project.at(moto.new_bucket(tmp_path), "duckdb"))


def glue_of(project: Project) -> Any:
    session = boto3.Session("any", "any", region_name=project.place.variables["AWS_REGION"])
    return session.client("glue", endpoint_url=project.place.variables["AWS_ENDPOINT_URL"])


def databases(project: Project) -> set[str]:
    return {database["Name"] for database in glue_of(project).get_databases()["DatabaseList"]}


def test_the_entries_in_glue_go_with_their_tables_and_the_database_with_them(in_moto: Project, tmp_path: Path) -> None:
    assert in_moto.materialize("customer_landing", glue_database="cleaned_whole").success
    exit_code, output = command(in_moto, tmp_path, "--yes", STEDI_GLUE_DATABASE="cleaned_whole")
    assert exit_code == 0, output
    assert "AWS Glue: cleaned_whole.customer_landing\n" in output
    assert output.splitlines()[-1].endswith(", and 2 entries in AWS Glue, and its database.")
    assert "cleaned_whole" not in databases(in_moto)
    assert names_below(in_moto.lakehouse) == set()


def test_entries_of_others_stay_and_so_does_their_database(in_moto: Project) -> None:
    glue = glue_of(in_moto)
    assert in_moto.materialize("customer_landing", glue_database="shared").success
    delta = {"table_type": "DELTA"}
    locations = {"elsewhere": "s3://elsewhere/customer/landing/", "below": f"{in_moto.lakehouse}/reports/"}
    for name, location in locations.items():
        entry = {"Name": name, "Parameters": delta, "StorageDescriptor": {"Columns": [], "Location": location}}
        glue.create_table(DatabaseName="shared", TableInput=entry)
    raw = {"Name": "raw", "StorageDescriptor": {"Location": f"{in_moto.lakehouse}/customer/trusted/"}}
    glue.create_table(DatabaseName="shared", TableInput=raw)
    settings = in_moto.settings(glue_database="shared")
    assert not clean(plan_cleaning(settings), settings)
    assert {table["Name"] for table in glue.get_tables(DatabaseName="shared")["TableList"]} == {*locations, "raw"}


def test_an_empty_database_that_no_run_created_stays(in_moto: Project) -> None:
    glue_of(in_moto).create_database(DatabaseInput={"Name": "of_the_template"})
    assert in_moto.materialize("customer_landing", glue_database="of_the_template").success
    settings = in_moto.settings(glue_database="of_the_template")
    assert not clean(plan_cleaning(settings), settings)
    assert "of_the_template" in databases(in_moto)
    assert glue_of(in_moto).get_tables(DatabaseName="of_the_template")["TableList"] == []


def test_the_entry_of_a_table_that_is_removed_by_name_goes_alone(in_moto: Project) -> None:
    assert in_moto.materialize("customer_landing", glue_database="cleaned_by_name").success
    settings = in_moto.settings(glue_database="cleaned_by_name")
    assert not clean(plan_cleaning(settings, ["customer_quarantine"]), settings)
    left = glue_of(in_moto).get_tables(DatabaseName="cleaned_by_name")["TableList"]
    assert [table["Name"] for table in left] == ["customer_landing"]
    assert {name.rpartition("/")[0] for name in names_below(in_moto.lakehouse) if "quarantine" in name} == set()


def test_an_entry_whose_table_is_gone_is_removed(in_moto: Project) -> None:
    assert in_moto.materialize("customer_landing", glue_database="left_behind").success
    without_glue = in_moto.settings()
    clean(plan_cleaning(without_glue), without_glue)
    settings = in_moto.settings(glue_database="left_behind")
    cleaning = plan_cleaning(settings)
    assert (list(cleaning.tables), list(cleaning.entries)) == ([], ["customer_landing", "customer_quarantine"])
    assert clean(cleaning, settings)
