"""Users of moto's server who may not do everything."""

import json
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import boto3

from stedi_assets_tests.support.servers import MotoServer


def user_who_may(server: MotoServer, *actions: str, resource: str = "*") -> tuple[str, str]:
    """Makes a user.

    Args:
        server: Where.
        actions: What the user may do, and nothing else.
        resource: On what the user may do it. Listing is allowed everywhere.

    Returns:
        The access key and the secret key.
    """
    iam = boto3.Session("any", "any", region_name="us-east-1").client("iam", endpoint_url=server.endpoint)
    name = f"user-{uuid.uuid4()}"
    iam.create_user(UserName=name)
    statements = [
        {"Effect": "Allow", "Action": [*actions], "Resource": resource},
        {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"},
    ]
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    iam.put_user_policy(UserName=name, PolicyName="all", PolicyDocument=document)
    keys = iam.create_access_key(UserName=name)["AccessKey"]
    return keys["AccessKeyId"], keys["SecretAccessKey"]


@contextmanager
def policies_held(server: MotoServer) -> Iterator[None]:
    """Holds the server's users to what they may do; otherwise everyone may do everything.

    Args:
        server: One of the test's own, for others must not notice.
    """
    _tell(server, b"0")
    try:
        yield
    finally:
        _tell(server, b"inf")


def _tell(server: MotoServer, free_requests: bytes) -> None:
    address, headers = f"{server.endpoint}/moto-api/reset-auth", {"Content-Type": "text/plain"}
    request = urllib.request.Request(address, data=free_requests, headers=headers)
    urllib.request.urlopen(request, timeout=10).close()
