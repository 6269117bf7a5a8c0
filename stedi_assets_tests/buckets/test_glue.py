"""What AWS Glue knows of the tables: an entry each as Athena reads it, kept up to date after every commit."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import dagster
import pandas as pd
import pytest
from deltalake import DeltaTable

from stedi_assets.catalog.glue import GlueCatalog
from stedi_assets.contract import TABLES, Column, Table
from stedi_assets.errors import CredentialsError, StediError
from stedi_assets.query import Query
from stedi_assets.settings import read_settings
from stedi_assets.storage import aws
from stedi_assets_tests.support.buckets import bucket
from stedi_assets_tests.support.checkout import PROJECT
from stedi_assets_tests.support.commands import run as run_command
from stedi_assets_tests.support.engines import KEY
from stedi_assets_tests.support.faulty_proxy import Fault, Rule
from stedi_assets_tests.support.places import Place
from stedi_assets_tests.support.policies import policies_held, user_who_may
from stedi_assets_tests.support.projects import SELECTED_TABLES, Project, with_landing_files
from stedi_assets_tests.support.records import customer
from stedi_assets_tests.support.runs import failure
from stedi_assets_tests.support.servers import FaultyProxy, MotoServer, faulty_proxy, moto_server
from stedi_assets_tests.support.stored import FOLDER, written_with

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_glue.type_defs import TableTypeDef


@dataclass
class GlueProject:
    """A project on S3 with a Glue database of its own."""

    project: Project
    database: str

    def materialize(self, *assets: str) -> dagster.ExecuteInProcessResult:
        # Under one key, for a table of other pseudonyms may have another size, of which Glue is told.
        return self.project.materialize(*assets, glue_database=self.database, pseudonym_key=KEY.hex())

    def run(self, *assets: dagster.AssetsDefinition) -> dagster.ExecuteInProcessResult:
        """Materializes assets of a user's."""
        resources = self.project.definitions(glue_database=self.database).resources
        return dagster.materialize([*assets], resources=resources, raise_on_error=False)

    @property
    def glue(self) -> "GlueClient":
        """A client that does not go through the project's own way to Glue."""
        variables = self.project.place.variables
        session = boto3.Session(
            variables["AWS_ACCESS_KEY_ID"], variables["AWS_SECRET_ACCESS_KEY"], region_name=variables["AWS_REGION"]
        )
        return session.client("glue", endpoint_url=variables["AWS_ENDPOINT_URL"])

    def entry(self, table: str) -> "TableTypeDef":
        return self.glue.get_table(DatabaseName=self.database, Name=table)["Table"]

    def columns(self, table: str) -> list[tuple[str, str, str]]:
        """The name, type and comment of each column."""
        columns = self.entry(table)["StorageDescriptor"]["Columns"]
        return [(column["Name"], column["Type"], column.get("Comment", "")) for column in columns]

    def versions(self, table: str) -> int:
        """How often an entry was written: moto keeps every version, asked or not."""
        return len(self.glue.get_table_versions(DatabaseName=self.database, TableName=table)["TableVersions"])

    def rows(self, table: str) -> int:
        """The rows that a Delta reader finds where the entry says."""
        options = self.project.location().delta_options
        return DeltaTable(self.entry(table)["StorageDescriptor"]["Location"], storage_options=options).count()


def in_glue(place: Place) -> GlueProject:
    project = Project.at(place, "duckdb")
    return GlueProject(with_landing_files(project), f"stedi_{uuid.uuid4().hex}")


@pytest.fixture
def in_moto(moto: MotoServer, tmp_path: Path) -> GlueProject:
    return in_glue(moto.new_bucket(tmp_path))


@pytest.fixture
def behind_proxy(moto: MotoServer, in_moto: GlueProject) -> Iterator[tuple[GlueProject, FaultyProxy]]:
    """The same, which asks Glue by way of a proxy, and S3 directly."""
    with faulty_proxy(moto.endpoint) as proxy:
        place = in_moto.project.place
        reached = place.aws.model_copy(update={"endpoint_url": proxy.endpoint, "endpoint_url_s3": moto.endpoint})
        yield GlueProject(replace(in_moto.project, place=replace(place, aws=reached)), in_moto.database), proxy


def test_the_first_run_creates_the_database_and_an_entry_for_every_table(in_moto: GlueProject) -> None:
    assert in_moto.materialize().success
    names = {table["Name"] for table in in_moto.glue.get_tables(DatabaseName=in_moto.database)["TableList"]}
    assert names == set(TABLES)


def test_an_entry_is_a_delta_table_as_athena_reads_it(in_moto: GlueProject) -> None:
    assert in_moto.materialize("customer_landing").success
    entry = in_moto.entry("customer_landing")
    location = f"{in_moto.project.lakehouse}/customer/landing/"
    assert entry["TableType"] == "EXTERNAL_TABLE"
    assert entry["PartitionKeys"] == []
    assert entry["Description"] == "Customer records as they arrived, typed."
    described = {"EXTERNAL": "TRUE", "table_type": "DELTA", "spark.sql.sources.provider": "delta"}
    assert entry["Parameters"].items() >= described.items()
    assert entry["StorageDescriptor"]["Location"] == location
    assert entry["StorageDescriptor"]["SerdeInfo"]["Parameters"] == {"path": location}


def test_an_entry_says_how_many_rows_and_bytes_the_table_has(in_moto: GlueProject) -> None:
    assert in_moto.materialize("customer_landing").success
    parameters = in_moto.entry("customer_landing")["Parameters"]
    (file,) = in_moto.project.delta("customer_landing").get_add_actions().column("size_bytes").to_pylist()
    assert {parameters["numRows"], parameters["recordCount"]} == {"5"}
    assert {parameters["totalSize"], parameters["sizeKey"]} == {str(file)}
    assert {parameters["numFiles"], parameters["objectCount"]} == {"1"}


def test_columns_have_lower_case_names_and_the_comments_of_the_contract(in_moto: GlueProject) -> None:
    assert in_moto.materialize("step_trainer_landing").success
    assert in_moto.columns("step_trainer_landing") == [
        ("sensorreadingtime", "bigint", "Instant of the device reading, milliseconds since 1970 UTC."),
        ("serialnumber", "string", "Serial number of the Step Trainer."),
        (
            "distancefromobject",
            "bigint",
            "Distance from the device to the object in front of it, in the device's unit.",
        ),
        ("sourcefile", "string", "Name of the raw file that the row came from."),
    ]


def test_every_table_can_be_read_where_its_entry_says(in_moto: GlueProject) -> None:
    assert in_moto.materialize().success
    assert {table: in_moto.rows(table) for table in SELECTED_TABLES} == in_moto.project.counts()


def test_the_run_shows_what_a_table_is_called_in_glue(in_moto: GlueProject) -> None:
    result = in_moto.materialize("customer_landing")
    (event,) = result.get_asset_materialization_events()
    assert event.materialization.metadata["glue_table"].value == f"{in_moto.database}.customer_landing"


def test_without_a_glue_database_nothing_is_registered(behind_proxy: tuple[GlueProject, FaultyProxy]) -> None:
    project, proxy = behind_proxy
    result = project.project.materialize("customer_landing")
    (event,) = result.get_asset_materialization_events()
    assert "glue_table" not in event.materialization.metadata
    assert proxy.requests() == []


def test_a_second_run_looks_at_each_entry_and_changes_none(behind_proxy: tuple[GlueProject, FaultyProxy]) -> None:
    project, proxy = behind_proxy
    assert project.materialize().success
    proxy.fail()
    assert project.materialize().success
    assert len(proxy.requests()) == len(TABLES)


def test_what_others_have_added_to_an_entry_stays_and_makes_no_update(in_moto: GlueProject) -> None:
    assert in_moto.materialize("customer_landing").success
    entry: Any = in_moto.entry("customer_landing")
    keys = ("Name", "TableType", "StorageDescriptor", "PartitionKeys", "Description")
    added: Any = {key: entry[key] for key in keys}
    added["Parameters"] = {**entry["Parameters"], "owner_team": "research"}
    in_moto.glue.update_table(DatabaseName=in_moto.database, TableInput=added)
    assert in_moto.materialize("customer_landing").success
    assert in_moto.versions("customer_landing") == 2
    in_moto.project.land("customer", "customer-2.json", [{"email": "fay@example.com", "serialNumber": "serial-fay"}])
    assert in_moto.materialize("customer_landing").success
    assert in_moto.versions("customer_landing") == 3
    assert in_moto.entry("customer_landing")["Parameters"]["owner_team"] == "research"
    assert in_moto.entry("customer_landing")["Parameters"]["numRows"] == "6"


def test_a_changed_contract_changes_the_columns(in_moto: GlueProject, monkeypatch: pytest.MonkeyPatch) -> None:
    queries = {
        "SELECT 1 AS kept, 2 AS dropped, 3 AS oldName": ("kept", "dropped", "oldName"),
        "SELECT 1.5::DOUBLE AS kept, 3 AS newName, 'x' AS added": ("kept", "newName", "added"),
    }
    statements = iter(queries)

    @dagster.asset
    def mine() -> Query:
        statement = next(statements)
        columns = tuple(Column(name, "BIGINT", f"What {name} means.") for name in queries[statement])
        monkeypatch.setitem(TABLES, "mine", Table("mine", "curated", "mine/curated", "Mine.", columns))
        return Query(statement)

    assert in_moto.run(mine).success
    assert in_moto.columns("mine") == [
        ("kept", "int", "What kept means."),
        ("dropped", "int", "What dropped means."),
        ("oldname", "int", "What oldName means."),
    ]
    assert in_moto.run(mine).success
    assert in_moto.columns("mine") == [
        ("kept", "double", "What kept means."),
        ("newname", "int", "What newName means."),
        ("added", "string", "What added means."),
    ]
    assert in_moto.rows("mine") == 1


def test_a_moved_lakehouse_moves_the_entry(in_moto: GlueProject) -> None:
    assert in_moto.materialize("customer_landing").success
    moved = GlueProject(replace(in_moto.project, lakehouse=in_moto.project.place.root / "moved"), in_moto.database)
    assert moved.materialize("customer_landing").success
    location = f"{in_moto.project.place.root}/moved/customer/landing/"
    assert moved.entry("customer_landing")["StorageDescriptor"]["Location"] == location


def test_an_asset_of_someone_elses_is_registered_too(in_moto: GlueProject) -> None:
    @dagster.asset(key=["mine", "Readings"])
    def mine() -> pd.DataFrame:
        return pd.DataFrame({"Minute": [1, 2], "share": [0.5, 0.5]})

    assert in_moto.run(mine).success
    assert in_moto.columns("mine__readings") == [("minute", "bigint", ""), ("share", "double", "")]
    assert in_moto.rows("mine__readings") == 2
    assert in_moto.run(mine).success
    assert in_moto.versions("mine__readings") == 1


@pytest.fixture(scope="module")
def guarded() -> Iterator[MotoServer]:
    """A server that can be told to hold its users to their policies."""
    with moto_server() as server:
        yield server


@pytest.mark.parametrize("missing", ["glue:GetTable", "glue:CreateTable", "glue:CreateDatabase"])
def test_a_refusal_fails_the_asset_with_the_action_and_a_rerun_repairs_it(
    guarded: MotoServer, tmp_path: Path, missing: str
) -> None:
    actions = {"s3:*", "glue:GetTable", "glue:CreateTable", "glue:CreateDatabase"}
    place = bucket(guarded.endpoint, *user_who_may(guarded, *(actions - {missing})), tmp_path)
    project = in_glue(place)
    with policies_held(guarded):
        result = project.materialize("customer_landing")
    folder = project.project.location("customer/landing")
    assert failure(result, "customer_landing") == (
        f"The table customer_landing is stored at {folder} as version 0, but could not be registered in AWS Glue as "
        f"{project.database}.customer_landing: access was denied, {missing}. "
        "Allow the action, or use other credentials, and materialize the asset again."
    )
    assert project.project.delta("customer_landing").count() == 5
    # Nothing is new in the landing folder, and the tables are registered all the same.
    assert project.materialize("customer_landing").success
    assert project.project.delta("customer_landing").version() == 0
    assert project.rows("customer_landing") == 5
    assert project.rows("customer_quarantine") == 0


def test_a_refusal_of_glue_is_an_error_of_its_own(guarded: MotoServer, tmp_path: Path) -> None:
    aws = bucket(guarded.endpoint, *user_who_may(guarded, "s3:*"), tmp_path).aws
    with policies_held(guarded), pytest.raises(CredentialsError) as refused:
        GlueCatalog("stedi", aws).locations()
    assert (refused.value.service, refused.value.profile) == ("glue", None)
    assert refused.value.code in ("AccessDeniedException", "403")


def test_a_table_whose_registration_failed_is_at_its_new_version(in_moto: GlueProject) -> None:
    assert in_moto.materialize("customer_landing", "customer_trusted").success
    in_moto.glue.delete_table(DatabaseName=in_moto.database, Name="customer_trusted")
    view: Any = {"Name": "customer_trusted", "TableType": "VIRTUAL_VIEW", "Parameters": {"presto_view": "true"}}
    in_moto.glue.create_table(DatabaseName=in_moto.database, TableInput=view)
    in_moto.project.land("customer", "customer-2.json", [customer("fay", research=1)])
    result = in_moto.materialize("customer_landing", "customer_trusted")
    assert "as version 1, but could not be registered" in failure(result, "customer_trusted")
    assert in_moto.project.delta("customer_trusted").version() == 1
    in_moto.glue.delete_table(DatabaseName=in_moto.database, Name="customer_trusted")
    assert in_moto.materialize("customer_trusted").success
    assert in_moto.project.delta("customer_trusted").version() == 1
    assert in_moto.rows("customer_trusted") == 4


def test_an_entry_that_is_no_delta_table_is_not_overwritten(in_moto: GlueProject) -> None:
    view: Any = {"Name": "customer_landing", "TableType": "VIRTUAL_VIEW", "Parameters": {"presto_view": "true"}}
    in_moto.glue.create_database(DatabaseInput={"Name": in_moto.database})
    in_moto.glue.create_table(DatabaseName=in_moto.database, TableInput=view)
    message = failure(in_moto.materialize("customer_landing"), "customer_landing")
    assert message.endswith(
        f"{in_moto.database}.customer_landing: an entry of that name is there that is not a Delta table. Remove or "
        "rename it, or set STEDI_GLUE_DATABASE to another database, and materialize the asset again."
    )
    assert in_moto.entry("customer_landing")["TableType"] == "VIRTUAL_VIEW"


def test_an_entry_that_athena_made_from_the_ddl_is_taken_over(in_moto: GlueProject) -> None:
    made: Any = {
        "Name": "customer_landing",
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"EXTERNAL": "TRUE", "table_type": "delta"},
        "StorageDescriptor": {"Columns": [], "Location": "s3://elsewhere/"},
    }
    in_moto.glue.create_database(DatabaseInput={"Name": in_moto.database})
    in_moto.glue.create_table(DatabaseName=in_moto.database, TableInput=made)
    assert in_moto.materialize("customer_landing").success
    assert in_moto.rows("customer_landing") == 5


def test_a_glue_that_loses_acknowledgements_is_ridden_out(behind_proxy: tuple[GlueProject, FaultyProxy]) -> None:
    project, proxy = behind_proxy
    frames = iter([pd.DataFrame({"a": [1]}), pd.DataFrame({"b": ["x"]})])

    @dagster.asset
    def mine() -> pd.DataFrame:
        return next(frames)

    proxy.fail(Rule(Fault.LOST_ACKNOWLEDGEMENT, every=2))
    assert project.run(mine).success
    assert project.columns("mine") == [("a", "bigint", "")]
    assert project.run(mine).success
    assert project.columns("mine") == [("b", "string", "")]
    assert {request.fault for request in proxy.requests()} == {None, Fault.LOST_ACKNOWLEDGEMENT}


def test_a_glue_that_is_gone_is_one_clear_error(in_moto: GlueProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aws, "ATTEMPTS", 1)
    nowhere = in_moto.project.place.aws.model_copy(update={"endpoint_url": "http://127.0.0.1:9"})
    with pytest.raises(StediError) as raised:
        GlueCatalog("stedi", nowhere).register("mine", FOLDER, 0, written_with("a", "long"))
    assert str(raised.value) == (
        "The table mine is stored at s3://bucket/lakehouse/assets/mine as version 0, but could not be registered in "
        "AWS Glue as stedi.mine: it could not be reached, EndpointConnectionError. "
        "Check AWS_ENDPOINT_URL, AWS_REGION and the network, and materialize the asset again."
    )


def test_a_local_lakehouse_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEDI_LAKEHOUSE", str(tmp_path))
    monkeypatch.setenv("STEDI_GLUE_DATABASE", "stedi")
    with pytest.raises(StediError) as raised:
        read_settings()
    assert str(raised.value) == (
        f"STEDI_GLUE_DATABASE is set, but the tables are stored at {tmp_path}, which no reader of AWS Glue can reach. "
        "Set STEDI_LAKEHOUSE to s3://bucket/prefix, or unset STEDI_GLUE_DATABASE."
    )


@pytest.mark.parametrize("name", ["", "Stedi", "stedi-lakehouse", "stedi.lakehouse", "x" * 256])
def test_a_name_that_glue_does_not_allow_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("STEDI_GLUE_DATABASE", name)
    with pytest.raises(StediError, match=r"STEDI_GLUE_DATABASE=.* is not legal"):
        read_settings()


def test_the_command_registers_by_the_setting_alone(in_moto: GlueProject, tmp_path: Path) -> None:
    variables = {**in_moto.project.variables, "STEDI_GLUE_DATABASE": in_moto.database}
    finished = run_command("stedi", "run", "--select", "customer_landing", folder=tmp_path, **variables)
    assert finished.exit_code == 0, finished.output
    assert in_moto.rows("customer_landing") == 5


def test_the_pipelines_role_may_do_all_that_registration_asks() -> None:
    template = (PROJECT / "infra/template.yaml").read_text()
    (_, after) = template.split("Sid: RegisterTheTables\n")
    granted = after.split("Resource:")[0]
    for action in ("GetTable", "CreateTable", "UpdateTable", "CreateDatabase"):
        assert f"glue:{action}\n" in granted
