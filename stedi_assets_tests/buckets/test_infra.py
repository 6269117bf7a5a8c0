"""What the CloudFormation template creates, and what each role may do."""

import ast
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from cfnlint.decode.cfn_yaml import load  # type: ignore[import-untyped]
from moto import mock_aws

from stedi_assets.contract import SOURCES, TABLES
from stedi_assets_tests.support.checkout import PROJECT
from stedi_assets_tests.support.commands import run
from stedi_assets_tests.support.projects import QUARANTINES

TEMPLATE = PROJECT / "infra/template.yaml"
BUCKET = "steps-of-many"
REGION = "eu-central-1"
GLUE = f"arn:aws:glue:{REGION}:123456789012"

WITHOUT_RESOURCES = {
    "athena:ListDataCatalogs": "lists all of an account's, so there is no resource it could be limited to",
    "athena:ListWorkGroups": "lists all of an account's, so there is no resource it could be limited to",
}
"""The actions that may be allowed on every resource, each with its reason."""

Statement = dict[str, Any]
Roles = dict[str, list[Statement]]


@pytest.fixture(scope="module")
def aws() -> Iterator[None]:
    """An account of AWS, simulated."""
    with mock_aws():
        yield


def client(service: Any) -> Any:
    """A client of the simulated account, which takes any key."""
    return boto3.client(service, region_name=REGION, aws_access_key_id="any", aws_secret_access_key="any")


def read_document(document: Any) -> dict[str, Any]:
    """A policy document; moto gives that of a role's own policy as Python's text for it instead of JSON."""
    read: dict[str, Any] = ast.literal_eval(document) if isinstance(document, str) else document
    return read


def created_roles(bucket: str, allow_erasure: str) -> Roles:
    """The statements of each role that the template creates, with every reference and condition resolved."""
    formation = client("cloudformation")
    formation.create_stack(
        StackName=bucket,
        TemplateBody=TEMPLATE.read_text(),
        Parameters=[
            {"ParameterKey": "BucketName", "ParameterValue": bucket},
            {"ParameterKey": "AllowErasure", "ParameterValue": allow_erasure},
        ],
        Capabilities=["CAPABILITY_IAM"],
    )
    (stack,) = formation.describe_stacks(StackName=bucket)["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    iam = client("iam")
    roles: Roles = {}
    for role in ("pipeline", "developer", "reader"):
        name = outputs[f"{role.title()}RoleArn"].rpartition("/")[2]
        policies = iam.list_role_policies(RoleName=name)["PolicyNames"]
        documents = [iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"] for policy in policies]
        roles[role] = [statement for document in documents for statement in read_document(document)["Statement"]]
    return roles


@pytest.fixture(scope="module")
def roles(aws: None) -> Roles:
    with pytest.warns(UserWarning, match="Tried to parse"):
        return created_roles(BUCKET, "false")


@pytest.fixture(scope="module")
def roles_with_erasure(aws: None) -> Roles:
    with pytest.warns(UserWarning, match="Tried to parse"):
        return created_roles("steps-erasable", "true")


@pytest.fixture(scope="module")
def declared() -> dict[str, Any]:
    """The properties of each resource of the template."""
    template: Any = load(str(TEMPLATE))
    return {name: resource.get("Properties", {}) for name, resource in template["Resources"].items()}


def listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def allowed(statements: list[Statement], action: str, resource: str) -> bool:
    """Whether a statement allows an action and none denies it, as IAM compares: in a resource, `*` is any text."""
    assert all("Condition" not in statement for statement in statements)
    effects = {
        statement["Effect"]
        for statement in statements
        if action in listed(statement["Action"])
        and any(fnmatchcase(resource, pattern) for pattern in listed(statement["Resource"]))
    }
    return effects == {"Allow"}


def an_object(path: str) -> str:
    return f"arn:aws:s3:::{BUCKET}/{path}/some-file"


RAW = [an_object(source.path) for source in SOURCES.values()]
TRAINING = [an_object(f"lakehouse/{table.path}") for table in TABLES.values() if "machine_learning" in table.name]
PERSONAL = [
    an_object(f"lakehouse/{table.path}")
    for table in TABLES.values()
    if table.name in QUARANTINES or table.name.startswith("customer")
]
STORED = [an_object(f"lakehouse/{table.path}") for table in TABLES.values()]


def test_the_template_is_valid() -> None:
    finished = run("cfn-lint", str(TEMPLATE), folder=PROJECT)
    assert finished.exit_code == 0, finished.output


def test_a_template_with_a_mistake_is_found_out(tmp_path: Path) -> None:
    wrong = tmp_path / "template.yaml"
    wrong.write_text(TEMPLATE.read_text().replace("SSEAlgorithm: AES256", "SSEAlgorithm: AES255"))
    assert run("cfn-lint", str(wrong), folder=PROJECT).exit_code != 0


def test_the_bucket_is_encrypted(roles: Roles) -> None:
    (rule,) = client("s3").get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}


@pytest.mark.xfail(reason="moto's CloudFormation gives a bucket no versioning", raises=KeyError)
def test_the_created_bucket_keeps_versions(roles: Roles) -> None:
    assert client("s3").get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"


@pytest.mark.xfail(reason="moto's CloudFormation gives a bucket no public access block", raises=ClientError)
def test_the_created_bucket_cannot_be_made_public(roles: Roles) -> None:
    block = client("s3").get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"]
    assert set(block.values()) == {True}


def test_the_bucket_keeps_versions_for_some_days(declared: dict[str, Any]) -> None:
    assert declared["Bucket"]["VersioningConfiguration"] == {"Status": "Enabled"}
    rules = declared["Bucket"]["LifecycleConfiguration"]["Rules"]
    assert [rule["NoncurrentVersionExpiration"] for rule in rules if "NoncurrentVersionExpiration" in rule] == [
        {"NoncurrentDays": {"Ref": "NoncurrentDays"}}
    ]


def test_the_bucket_forgets_uploads_that_were_broken_off(declared: dict[str, Any]) -> None:
    rules = declared["Bucket"]["LifecycleConfiguration"]["Rules"]
    assert [rule["AbortIncompleteMultipartUpload"] for rule in rules if "AbortIncompleteMultipartUpload" in rule] == [
        {"DaysAfterInitiation": 1}
    ]


def test_nothing_in_the_bucket_can_be_made_public(declared: dict[str, Any]) -> None:
    assert declared["Bucket"]["PublicAccessBlockConfiguration"] == {
        "BlockPublicAcls": True,
        "BlockPublicPolicy": True,
        "IgnorePublicAcls": True,
        "RestrictPublicBuckets": True,
    }


def test_the_bucket_refuses_what_is_not_encrypted_on_its_way(declared: dict[str, Any]) -> None:
    (statement,) = declared["BucketPolicy"]["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert {resource["Fn::Sub"] for resource in statement["Resource"]} == {
        "arn:${AWS::Partition}:s3:::${Bucket}",
        "arn:${AWS::Partition}:s3:::${Bucket}/*",
    }


def test_the_results_of_queries_are_encrypted_and_stay_in_the_bucket(declared: dict[str, Any]) -> None:
    configuration = declared["WorkGroup"]["WorkGroupConfiguration"]
    assert configuration["EnforceWorkGroupConfiguration"] is True
    assert configuration["ResultConfiguration"] == {
        "OutputLocation": {"Fn::Sub": "s3://${Bucket}/athena-results/"},
        "EncryptionConfiguration": {"EncryptionOption": "SSE_S3"},
    }


@pytest.mark.parametrize("role", ["pipeline", "developer", "reader"])
def test_no_role_is_allowed_actions_by_wildcard(roles_with_erasure: Roles, role: str) -> None:
    actions = [action for statement in roles_with_erasure[role] for action in listed(statement["Action"])]
    assert actions
    assert not [action for action in actions if "*" in action]


@pytest.mark.parametrize("role", ["pipeline", "developer", "reader"])
def test_an_action_is_allowed_on_everything_only_where_it_cannot_be_limited(
    roles_with_erasure: Roles, role: str
) -> None:
    unlimited = {
        action
        for statement in roles_with_erasure[role]
        if "*" in listed(statement["Resource"])
        for action in listed(statement["Action"])
    }
    assert unlimited <= WITHOUT_RESOURCES.keys()


@pytest.mark.parametrize("role", ["pipeline", "developer", "reader"])
def test_a_role_is_allowed_nothing_in_another_bucket(roles_with_erasure: Roles, role: str) -> None:
    resources = [resource for statement in roles_with_erasure[role] for resource in listed(statement["Resource"])]
    buckets = {resource.split(":::")[1].split("/")[0] for resource in resources if resource.startswith("arn:aws:s3:::")}
    assert buckets == {"steps-erasable"}


def test_the_pipeline_reads_the_raw_files_and_leaves_them_alone(roles: Roles) -> None:
    assert all(allowed(roles["pipeline"], "s3:GetObject", file) for file in RAW)
    assert not any(allowed(roles["pipeline"], "s3:PutObject", file) for file in RAW)
    assert not any(allowed(roles["pipeline"], "s3:DeleteObject", file) for file in RAW)


def test_a_new_source_needs_no_change_of_the_template(roles: Roles, roles_with_erasure: Roles) -> None:
    file = an_object("heart_rate/landing")
    assert allowed(roles["pipeline"], "s3:GetObject", file)
    assert not allowed(roles["pipeline"], "s3:PutObject", file)
    assert allowed(roles_with_erasure["pipeline"], "s3:PutObject", file.replace(BUCKET, "steps-erasable"))


@pytest.mark.parametrize("action", ["GetObject", "PutObject", "DeleteObject", "AbortMultipartUpload"])
def test_the_pipeline_leaves_the_developers_files_alone(roles_with_erasure: Roles, action: str) -> None:
    for path in ("developers/ada/customer/landing", "developers/ada/lakehouse/customer/landing"):
        file = an_object(path).replace(BUCKET, "steps-erasable")
        assert not allowed(roles_with_erasure["pipeline"], f"s3:{action}", file)


@pytest.mark.parametrize("action", ["GetObject", "PutObject", "DeleteObject", "AbortMultipartUpload"])
def test_the_pipeline_owns_the_tables(roles: Roles, action: str) -> None:
    assert all(allowed(roles["pipeline"], f"s3:{action}", file) for file in STORED)


@pytest.mark.parametrize("role", ["pipeline", "developer", "reader"])
def test_a_role_that_reads_a_table_can_tell_a_missing_file_from_a_forbidden_one(roles: Roles, role: str) -> None:
    assert allowed(roles[role], "s3:ListBucket", f"arn:aws:s3:::{BUCKET}")


def test_the_pipeline_deletes_raw_files_only_where_erasure_was_allowed(roles_with_erasure: Roles) -> None:
    erasable = [file.replace(BUCKET, "steps-erasable") for file in RAW]
    assert all(allowed(roles_with_erasure["pipeline"], "s3:DeleteObject", file) for file in erasable)
    assert all(allowed(roles_with_erasure["pipeline"], "s3:PutObject", file) for file in erasable)


@pytest.mark.parametrize("action", ["CreateTable", "GetTable", "UpdateTable", "DeleteTable"])
def test_the_pipeline_registers_tables_in_its_own_database_alone(roles: Roles, action: str) -> None:
    assert allowed(roles["pipeline"], f"glue:{action}", f"{GLUE}:table/stedi/customer_trusted")
    assert not allowed(roles["pipeline"], f"glue:{action}", f"{GLUE}:table/other/customer_trusted")
    assert not allowed(roles["pipeline"], f"glue:{action}", f"{GLUE}:table/stedi_developers/customer_trusted")


def test_the_pipeline_creates_its_database(roles: Roles) -> None:
    assert allowed(roles["pipeline"], "glue:CreateDatabase", f"{GLUE}:database/stedi")


@pytest.mark.parametrize("action", ["GetObject", "PutObject", "DeleteObject", "AbortMultipartUpload"])
def test_a_developer_runs_the_program_below_developers_alone(roles: Roles, action: str) -> None:
    mine = [an_object(f"developers/ada/{source.path}") for source in SOURCES.values()]
    tables = [an_object(f"developers/ada/lakehouse/{table.path}") for table in TABLES.values()]
    assert all(allowed(roles["developer"], f"s3:{action}", file) for file in [*mine, *tables])
    assert not any(allowed(roles["developer"], f"s3:{action}", file) for file in [*RAW, *STORED])


def test_a_developer_registers_tables_in_the_developers_database_alone(roles: Roles) -> None:
    assert allowed(roles["developer"], "glue:CreateTable", f"{GLUE}:table/stedi_developers/customer_trusted")
    assert not allowed(roles["developer"], "glue:UpdateTable", f"{GLUE}:table/stedi/customer_trusted")


def test_a_developer_removes_the_database_that_a_run_created_and_no_other(roles: Roles) -> None:
    assert allowed(roles["developer"], "glue:DeleteDatabase", f"{GLUE}:database/stedi_developers")
    assert not allowed(roles["developer"], "glue:DeleteDatabase", f"{GLUE}:database/stedi")
    assert not allowed(roles["pipeline"], "glue:DeleteDatabase", f"{GLUE}:database/stedi")


def test_a_reader_reads_training_tables_and_changes_none(roles: Roles) -> None:
    assert all(allowed(roles["reader"], "s3:GetObject", file) for file in TRAINING)
    assert not any(allowed(roles["reader"], "s3:PutObject", file) for file in STORED)
    assert not any(allowed(roles["reader"], "s3:DeleteObject", file) for file in STORED)


def test_a_reader_sees_no_customers_no_quarantine_and_no_raw_file(roles: Roles) -> None:
    assert len(PERSONAL) == 6
    assert not any(allowed(roles["reader"], "s3:GetObject", file) for file in [*PERSONAL, *RAW])


def test_a_reader_queries_in_the_workgroup_alone(roles: Roles, declared: dict[str, Any]) -> None:
    assert declared["WorkGroup"]["Name"] == {"Ref": "DatabaseName"}
    workgroups = f"arn:aws:athena:{REGION}:123456789012:workgroup"
    assert allowed(roles["reader"], "athena:StartQueryExecution", f"{workgroups}/stedi")
    assert not allowed(roles["reader"], "athena:StartQueryExecution", f"{workgroups}/primary")


def test_a_reader_changes_nothing_in_the_catalogue(roles: Roles) -> None:
    assert allowed(roles["reader"], "glue:GetTable", f"{GLUE}:table/stedi/machine_learning_curated")
    for action in ("CreateTable", "UpdateTable", "DeleteTable"):
        assert not allowed(roles["reader"], f"glue:{action}", f"{GLUE}:table/stedi/machine_learning_curated")
