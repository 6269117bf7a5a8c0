"""Objects that are there and cannot be read now: what a run says of them."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from stedi_assets.errors import StediError
from stedi_assets.storage.aws import Aws
from stedi_assets.storage.s3 import split_path
from stedi_assets_tests.support.faulty_proxy import Fault, Rule
from stedi_assets_tests.support.grid import Cell, in_a_bucket, in_moto
from stedi_assets_tests.support.places import Place
from stedi_assets_tests.support.projects import Project
from stedi_assets_tests.support.records import customer
from stedi_assets_tests.support.runs import failure
from stedi_assets_tests.support.servers import FaultyProxy, Versitygw, faulty_proxy

CUSTOMERS = "customer/landing"

WITH_SPARK = pytest.mark.grid((Cell("spark", "versitygw"),))

RESTORE = "Restore it with aws s3api restore-object, or take it out of the folder."


def put(project: Project, key: str, storage_class: str = "STANDARD") -> str:
    bucket, prefix = split_path(str(project.landing))
    line = json.dumps(customer("eve", research=1)).encode()
    project.place.aws.s3.put_object(
        Bucket=bucket,
        Key=f"{prefix}/{CUSTOMERS}/{key}",
        Body=line,
        StorageClass=storage_class,  # type: ignore[arg-type]
    )
    return f"s3://{bucket}/{prefix}/{CUSTOMERS}/{key}"


@in_moto
@pytest.mark.parametrize("storage_class", ["GLACIER", "DEEP_ARCHIVE"])
def test_a_raw_file_in_an_archive_is_named(project: Project, storage_class: str) -> None:
    path = put(project, "old 1.json", storage_class)
    assert failure(project.materialize("customer_landing"), "customer_landing") == (
        f"The object is archived (GLACIER or DEEP_ARCHIVE) and cannot be read now: s3:GetObject on {path}. {RESTORE}"
    )


@in_moto
def test_a_raw_file_that_was_restored_is_read(project: Project) -> None:
    bucket, key = split_path(put(project, "old.json", "GLACIER"))
    project.place.aws.s3.restore_object(Bucket=bucket, Key=key, RestoreRequest={"Days": 1})
    assert project.materialize("customer_landing").success
    assert "eve@example.com" in project.delta("customer_landing").to_pyarrow_table().column("email").to_pylist()


@in_moto
@pytest.mark.parametrize("storage_class", ["STANDARD_IA", "GLACIER_IR", "INTELLIGENT_TIERING"])
def test_a_raw_file_in_a_class_that_can_be_read_is_read(project: Project, storage_class: str) -> None:
    put(project, "old.json", storage_class)
    assert project.materialize("customer_landing").success


@in_moto
def test_a_file_of_a_table_in_an_archive_is_named(project: Project) -> None:
    assert project.materialize("customer_landing").success
    (path,) = project.files("customer_landing")
    bucket, key = split_path(path)
    source = {"Bucket": bucket, "Key": key}
    project.place.aws.s3.copy_object(Bucket=bucket, Key=key, CopySource=source, StorageClass="GLACIER")  # type: ignore[arg-type]
    assert failure(project.materialize("customer_trusted"), "customer_trusted") == (
        f"The object is archived (GLACIER or DEEP_ARCHIVE) and cannot be read now: s3:GetObject on {path}. {RESTORE}"
    )


@pytest.fixture
def proxy(gateway: Versitygw) -> Iterator[FaultyProxy]:
    with faulty_proxy(gateway.endpoint) as proxy:
        yield proxy


@pytest.fixture
def behind_proxy(project: Project, proxy: FaultyProxy) -> Project:
    aws = Aws(**{**project.place.aws.model_dump(), "endpoint_url": proxy.endpoint})
    return replace(project, place=Place(project.place.root, aws, {}))


@in_a_bucket
def test_a_raw_file_whose_key_may_not_be_used_is_named(behind_proxy: Project, proxy: FaultyProxy) -> None:
    path = put(behind_proxy, "secret.json")
    proxy.fail(Rule(Fault.KEY_REFUSED, "GET|HEAD", r"/secret\.json"))
    assert failure(behind_proxy.materialize("customer_landing"), "customer_landing") == (
        f"The object is encrypted with a key that may not be used: s3:GetObject on {path}. "
        "Allow kms:Decrypt and kms:GenerateDataKey on the key, or use other credentials."
    )


@in_a_bucket
def test_a_file_of_a_table_whose_key_may_not_be_used_is_named(behind_proxy: Project, proxy: FaultyProxy) -> None:
    assert behind_proxy.materialize("customer_landing").success
    (path,) = behind_proxy.files("customer_landing")
    proxy.fail(Rule(Fault.KEY_REFUSED, "GET|HEAD", r"\.parquet"))
    assert failure(behind_proxy.materialize("customer_trusted"), "customer_trusted") == (
        f"The object is encrypted with a key that may not be used: s3:GetObject on {path}. "
        "Allow kms:Decrypt and kms:GenerateDataKey on the key, or use other credentials."
    )


@WITH_SPARK
def test_a_file_of_a_table_that_spark_may_not_read_is_named(behind_proxy: Project, proxy: FaultyProxy) -> None:
    assert behind_proxy.materialize("customer_landing").success
    (path,) = behind_proxy.files("customer_landing")
    proxy.fail(Rule(Fault.KEY_REFUSED, "GET|HEAD", r"\.parquet"))
    message = failure(behind_proxy.materialize("customer_trusted"), "customer_trusted")
    assert message.startswith(f"Access was denied: s3:GetObject or s3:PutObject on {path}. ")
    assert "kms:Decrypt" in message


@in_a_bucket
def test_a_log_whose_key_may_not_be_used_is_named(behind_proxy: Project, proxy: FaultyProxy) -> None:
    assert behind_proxy.materialize("customer_landing").success
    proxy.fail(Rule(Fault.KEY_REFUSED, "GET|HEAD", r"_delta_log/"))
    message = failure(behind_proxy.materialize("customer_trusted"), "customer_trusted")
    assert message.startswith("The object is encrypted with a key that may not be used: s3:GetObject on ")


@in_a_bucket
def test_a_file_that_is_replaced_after_the_listing_is_refused_where_it_is_read(project: Project) -> None:
    path = put(project, "replaced.json")
    folder = project.place.location("landing") / CUSTOMERS
    (listed,) = [file for file in folder.files.walk(folder.path) if file.path == path]
    folder.files.write(path, b"{}")
    with pytest.raises(StediError, match="The file has changed since it was listed: s3:GetObject on "):
        folder.files.open(listed)
