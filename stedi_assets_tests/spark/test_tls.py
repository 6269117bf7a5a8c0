"""Spark verifies the servers it speaks to, and asks the proxy, as every other library does."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import SecretStr

from stedi_assets.storage.aws import Aws
from stedi_assets_tests.support.buckets import REGION
from stedi_assets_tests.support.checkout import PROJECT
from stedi_assets_tests.support.commands import PATIENCE_SECONDS, environment, run
from stedi_assets_tests.support.servers import HOST, ForwardProxy, MotoServer, forward_proxy, moto_server
from stedi_assets_tests.support.tls import Certificate

BUCKET = "steps"

ASKING = f"""
from stedi_assets.engines.spark.session import Session
from stedi_assets.storage.aws import Aws
from stedi_assets.storage.location import Location

aws = Aws()
Location.parse("s3://{BUCKET}", aws)
impatient = {{f"fs.s3a.{{name}}": "1" for name in ("attempts.maximum", "retry.limit")}}
with Session(conf={{f"spark.hadoop.{{name}}": value for name, value in impatient.items()}}, aws=aws) as session:
    print(session.spark.read.text("s3a://{BUCKET}/object").collect())
"""


@dataclass
class Network:
    """A store that speaks TLS, a proxy that leads every host of AWS to it, and who vouches for it."""

    server: MotoServer
    proxy: ForwardProxy
    bundle: str


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    hosts = [f"{BUCKET}.s3.eu-north-1.amazonaws.com", "s3.eu-north-1.amazonaws.com", HOST]
    certificate = Certificate.issued(tmp_path_factory.mktemp("certificate"), *hosts)
    with moto_server(certificate) as server, forward_proxy(server) as proxy:
        aws = Aws(
            access_key_id="any",
            secret_access_key=SecretStr("any"),
            region="eu-north-1",
            endpoint_url=server.endpoint,
            ca_bundle=str(certificate.authority),
        )
        aws.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-north-1"})
        aws.s3.put_object(Bucket=BUCKET, Key="object", Body=b"content")
        yield Network(server, proxy, str(certificate.authority))


def variables(network: Network) -> dict[str, str]:
    keys = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"}
    return {**keys, "AWS_REGION": "eu-north-1", "AWS_CA_BUNDLE": network.bundle}


def asked_with_spark(folder: Path, **chosen: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", ASKING],
        cwd=folder,
        env=environment({"PYTHONPATH": str(PROJECT), **chosen}),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


def test_a_run_reaches_a_bucket_of_aws_through_a_proxy_with_no_more_than_the_bundle(
    network: Network, tmp_path: Path
) -> None:
    network.proxy.hosts()
    finished = run(
        *("stedi", "run", "--select", "customer_landing"),
        folder=tmp_path,
        HTTPS_PROXY=network.proxy.endpoint,
        STEDI_ENGINE="spark",
        STEDI_LAKEHOUSE=f"s3://{BUCKET}/lakehouse",
        **variables(network),
    )
    assert finished.exit_code == 0, finished.output
    assert network.proxy.hosts() == {f"{BUCKET}.s3.eu-north-1.amazonaws.com"}


def test_spark_alone_asks_the_proxy(network: Network, tmp_path: Path) -> None:
    asked = asked_with_spark(tmp_path, HTTPS_PROXY=network.proxy.endpoint, **variables(network))
    assert "content" in asked.stdout, asked.stderr


def test_spark_alone_asks_no_proxy_for_a_host_that_no_proxy_names(network: Network, tmp_path: Path) -> None:
    network.proxy.hosts()
    chosen = {"AWS_ENDPOINT_URL": network.server.endpoint, "NO_PROXY": HOST, "HTTPS_PROXY": network.proxy.endpoint}
    asked = asked_with_spark(tmp_path, **{**variables(network), **chosen})
    assert "content" in asked.stdout, asked.stderr
    assert network.proxy.hosts() == set()


def test_spark_alone_refuses_a_server_that_nobody_vouches_for(
    network: Network, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = Certificate.issued(tmp_path_factory.mktemp("other"), HOST)
    with moto_server(other) as server:
        chosen = {"AWS_ENDPOINT_URL": server.endpoint, "AWS_REGION": REGION}
        asked = asked_with_spark(tmp_path, **{**variables(network), **chosen})
    assert asked.returncode != 0
    assert "unable to find valid certification path" in asked.stderr
