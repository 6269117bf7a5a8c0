"""A bucket that keeps versions of objects, and an erasure in it."""

from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from stedi_assets.defs.assets import QUERIES
from stedi_assets.engines.duckdb.engine import DuckDBEngine
from stedi_assets.erasure.erase import erase
from stedi_assets.erasure.plan import plan_erasure
from stedi_assets.privacy.pseudonyms import Pseudonyms
from stedi_assets_tests.support.buckets import bucket
from stedi_assets_tests.support.engines import KEY
from stedi_assets_tests.support.erasing import EMAIL, opened
from stedi_assets_tests.support.projects import Project, with_landing_files
from stedi_assets_tests.support.servers import MotoServer


@pytest.fixture
def versioned(moto: MotoServer, tmp_path: Path) -> Project:
    place = bucket(moto.endpoint, "any", "any", tmp_path)
    name = str(place.root).removeprefix("s3://")
    place.aws.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    project = with_landing_files(Project.at(place, "duckdb"))
    assert project.materialize(pseudonym_key=KEY.hex()).success
    return project


@pytest.mark.parametrize("all_object_versions", [False, True])
def test_old_versions_of_objects_are_told_or_removed(versioned: Project, all_object_versions: bool) -> None:
    aws = versioned.place.aws
    with (
        duckdb.connect() as connection,
        closing(opened(versioned, DuckDBEngine(connection, aws, Pseudonyms()))) as lakehouse,
    ):
        certificate = erase(
            lakehouse,
            plan_erasure(lakehouse, EMAIL),
            QUERIES,
            "somebody",
            "a run",
            all_object_versions=all_object_versions,
        )
    assert certificate.is_complete == all_object_versions
    assert bool(certificate.object_versions_left) != all_object_versions
    name = str(versioned.place.root).removeprefix("s3://")
    listed = aws.s3.list_object_versions(Bucket=name, Prefix="landing/")
    contents = [
        aws.s3.get_object(Bucket=name, Key=entry["Key"], VersionId=entry["VersionId"])["Body"].read()
        for entry in listed["Versions"]
    ]
    assert any(EMAIL.encode() in content for content in contents) != all_object_versions
