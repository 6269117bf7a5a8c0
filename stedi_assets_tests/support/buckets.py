"""A bucket of a test's own on a server that the tests started."""

import uuid
from pathlib import Path
from typing import cast

import boto3
from cloudpathlib import S3Client, S3Path
from pydantic import SecretStr

from stedi_assets.storage.aws import Aws
from stedi_assets_tests.support.places import Place

REGION = "us-east-1"


def bucket(endpoint: str, access_key_id: str, secret_access_key: str, scratch: Path) -> Place:
    """Makes a bucket.

    Args:
        endpoint: The server's.
        access_key_id: Whose it is to be.
        secret_access_key: Of the same.
        scratch: Where local copies may lie while a test looks at objects.
    """
    variables = {
        "AWS_ACCESS_KEY_ID": access_key_id,
        "AWS_SECRET_ACCESS_KEY": secret_access_key,
        "AWS_REGION": REGION,
        "AWS_ENDPOINT_URL": endpoint,
    }
    aws = Aws(
        access_key_id=access_key_id,
        secret_access_key=SecretStr(secret_access_key),
        region=REGION,
        endpoint_url=endpoint,
    )
    name = f"stedi-{uuid.uuid4()}"
    aws.s3.create_bucket(Bucket=name)
    session = boto3.Session(access_key_id, secret_access_key, region_name=REGION)
    client = S3Client(boto3_session=session, endpoint_url=endpoint, local_cache_dir=scratch / "copies")
    return Place(cast("Path", S3Path(f"s3://{name}", client=client)), aws, variables)
