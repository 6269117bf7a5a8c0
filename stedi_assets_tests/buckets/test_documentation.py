"""The blocks of the documentation that need a bucket."""

from pathlib import Path

import pytest

from stedi_assets_tests.support.buckets import bucket
from stedi_assets_tests.support.documentation import PAGES, blocks, execute
from stedi_assets_tests.support.servers import MotoServer

BUCKET = "my-bucket"

BLOCKS = [block.text for page in PAGES for block in blocks(page.read_text()) if block.kind == "s3"]


def test_the_documentation_has_a_block_for_a_bucket() -> None:
    assert BLOCKS


@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_of_the_documentation_runs_on_s3(block: str, checkout: Path, moto: MotoServer, tmp_path: Path) -> None:
    place = bucket(moto.endpoint, "any", "any", tmp_path)
    place.aws.s3.create_bucket(Bucket=BUCKET)
    finished = execute(block, checkout, **place.variables)
    assert finished.returncode == 0, finished.stdout
    stored = place.aws.s3.list_objects_v2(Bucket=BUCKET, Prefix="lakehouse/machine_learning/pseudonymized/")
    assert stored["KeyCount"] > 1
