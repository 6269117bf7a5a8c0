"""Where a bucket is: what botocore resolves is what every library is handed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from stedi_assets.storage.aws import Aws
from stedi_assets.storage.location import Location
from stedi_assets_tests.support.commands import run
from stedi_assets_tests.support.libraries import LIBRARIES
from stedi_assets_tests.support.servers import HOST, ForwardProxy, forward_proxy, moto_server
from stedi_assets_tests.support.tls import Certificate

ALIAS = "my-ap-hrzrlukc5m36ft7okagglf3gmwluquse1b-s3alias"

PRIVATE = "https://bucket.vpce-0a1b-2c3d.s3.eu-west-1.vpce.amazonaws.com"

IN_SERVICES = "[default]\nservices = stores\n[services stores]\ns3 =\n  endpoint_url = https://store.example.com\n"
OF_PROFILE = "[default]\nendpoint_url = https://store.example.com/s3\n"
OTHER_PROFILE = "[default]\n[profile steps]\nendpoint_url = http://store.example.com:9000\n"
PATHS = "[default]\ns3 =\n  addressing_style = path\n"
VIRTUAL_HOSTS = "[default]\ns3 =\n  addressing_style = virtual\n"


@dataclass(frozen=True)
class Case:
    """A situation, and where the bucket is in it.

    Attributes:
        endpoint: The scheme, the host and the path that the bucket's name is joined to.
        is_virtual_host: Whether the bucket's name stands before the host.
        bucket: The bucket's name.
        variables: AWS's environment variables.
        configuration: The text of AWS's configuration file.
    """

    endpoint: str
    is_virtual_host: bool = True
    bucket: str = "steps"
    variables: tuple[tuple[str, str], ...] = ()
    configuration: str = ""


STORES = {
    "private endpoint": Case(PRIVATE, False, variables=(("AWS_ENDPOINT_URL_S3", PRIVATE),)),
    "private endpoint, virtual host": Case(
        PRIVATE, variables=(("AWS_ENDPOINT_URL", PRIVATE),), configuration=VIRTUAL_HOSTS
    ),
    "store": Case("https://store.example.com", False, variables=(("AWS_ENDPOINT_URL", "https://store.example.com"),)),
    "store on a port": Case("http://localhost:9000", False, variables=(("AWS_ENDPOINT_URL", "http://localhost:9000"),)),
    "store's own endpoint": Case(
        "https://store.example.com",
        False,
        variables=(
            ("AWS_ENDPOINT_URL", "https://other.example.com"),
            ("AWS_ENDPOINT_URL_S3", "https://store.example.com"),
        ),
    ),
    "services section": Case("https://store.example.com", False, configuration=IN_SERVICES),
    "profile's endpoint": Case("https://store.example.com/s3", False, configuration=OF_PROFILE),
    "another profile's endpoint": Case(
        "http://store.example.com:9000", False, variables=(("AWS_PROFILE", "steps"),), configuration=OTHER_PROFILE
    ),
    "virtual host whose path is the bucket's name": Case(
        "https://store.example.com/steps",
        variables=(("AWS_ENDPOINT_URL", "https://store.example.com/steps"),),
        configuration=VIRTUAL_HOSTS,
    ),
    "host that begins with the bucket's name": Case(
        "https://steps.example.com", False, variables=(("AWS_ENDPOINT_URL", "https://steps.example.com/"),)
    ),
    "virtual hosts of a store": Case(
        "https://store.example.com",
        variables=(("AWS_ENDPOINT_URL", "https://store.example.com"),),
        configuration=VIRTUAL_HOSTS,
    ),
}


FIPS = (("AWS_USE_FIPS_ENDPOINT", "true"),)
DUAL_STACK = (("AWS_USE_DUALSTACK_ENDPOINT", "true"),)

ELSEWHERE: Literal["eu-north-1"] = "eu-north-1"
"""Where the buckets are in the cases in which the settings say nothing else."""

AWS = {
    "region": Case(f"https://s3.{ELSEWHERE}.amazonaws.com"),
    "FIPS": Case(f"https://s3-fips.{ELSEWHERE}.amazonaws.com", variables=FIPS),
    "dual stack": Case(f"https://s3.dualstack.{ELSEWHERE}.amazonaws.com", variables=DUAL_STACK),
    "both": Case(f"https://s3-fips.dualstack.{ELSEWHERE}.amazonaws.com", variables=(*FIPS, *DUAL_STACK)),
    "us-east-1": Case(
        "https://s3.us-east-1.amazonaws.com", bucket="steps-us", variables=(("AWS_REGION", "us-east-1"),)
    ),
    "no region": Case("https://s3.us-east-1.amazonaws.com", bucket="steps-us", variables=(("AWS_REGION", ""),)),
    "dots": Case(f"https://s3.{ELSEWHERE}.amazonaws.com", False, bucket="steps.example.com"),
    "alias of an access point": Case(f"https://s3.{ELSEWHERE}.amazonaws.com", bucket=ALIAS),
    "path style": Case(f"https://s3.{ELSEWHERE}.amazonaws.com", False, configuration=PATHS),
    "another region than configured": Case(
        f"https://s3.{ELSEWHERE}.amazonaws.com", variables=(("AWS_REGION", "us-west-2"),)
    ),
    "empty variables": Case(
        f"https://s3.{ELSEWHERE}.amazonaws.com",
        variables=(("AWS_ENDPOINT_URL", ""), ("AWS_ENDPOINT_URL_S3", ""), ("AWS_PROFILE", "")),
    ),
}


def hosts_of(case: Case) -> set[str]:
    host = urlsplit(case.endpoint).netloc
    return {f"{case.bucket}.{host}" if case.is_virtual_host else host}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_REGION", ELSEWHERE)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    return monkeypatch


def located(case: Case, environment: pytest.MonkeyPatch, tmp_path: Path) -> Location:
    (tmp_path / "config").write_text(case.configuration)
    for name, value in case.variables:
        environment.setenv(name, value)
    return Location.parse(f"s3://{case.bucket}/lakehouse", Aws())


def assert_handed_over(root: Location, case: Case) -> None:
    assert root.aws
    bucket, endpoint = root.aws.bucket(case.bucket), urlsplit(case.endpoint)
    is_plain = endpoint.scheme == "http"
    secret, delta, hadoop = bucket.duckdb_secret(), bucket.delta_options(), bucket.hadoop_options()
    assert secret["ENDPOINT"].replace(":443", "") == f"{endpoint.netloc}{endpoint.path}"
    assert secret["URL_STYLE"] == ("vhost" if case.is_virtual_host else "path")
    assert secret["USE_SSL"] == str(not is_plain)
    host = f"{case.bucket}.{endpoint.netloc}" if case.is_virtual_host else endpoint.netloc
    assert delta["aws_endpoint_url"] == f"{endpoint.scheme}://{host}{endpoint.path}"
    assert delta["aws_virtual_hosted_style_request"] == str(case.is_virtual_host).lower()
    assert delta["aws_allow_http"] == str(is_plain).lower()
    assert hadoop[f"fs.s3a.bucket.{case.bucket}.endpoint"] == case.endpoint
    assert hadoop[f"fs.s3a.bucket.{case.bucket}.path.style.access"] == str(not case.is_virtual_host).lower()
    regions = secret["REGION"], delta["aws_region"], hadoop[f"fs.s3a.bucket.{case.bucket}.endpoint.region"]
    assert set(regions) == {"us-east-1" if case.bucket == "steps-us" else ELSEWHERE}
    in_path = "" if case.is_virtual_host else f"/{case.bucket}"
    assert bucket.path_of(f"{endpoint.scheme}://{host}{endpoint.path}{in_path}/a/b") == f"s3://{case.bucket}/a/b"
    asked_by_duckdb = f"{host.removesuffix(endpoint.netloc)}{secret['ENDPOINT']}"
    assert bucket.path_of(f"{endpoint.scheme}://{asked_by_duckdb}{in_path}/a/b") == f"s3://{case.bucket}/a/b"


@pytest.mark.parametrize("case", STORES.values(), ids=STORES)
def test_every_library_is_handed_the_address_of_a_store(
    environment: pytest.MonkeyPatch, tmp_path: Path, case: Case
) -> None:
    assert_handed_over(located(case, environment, tmp_path), case)


# What only a request can tell: the requests for AWS's hosts are led to a server on loopback.


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    hosts = set().union(*(hosts_of(case) for case in AWS.values()), {"steps.s3.us-west-2.amazonaws.com", HOST})
    return Certificate.issued(tmp_path_factory.mktemp("certificate"), *hosts)


@pytest.fixture(scope="module")
def running_proxy(authority: Certificate) -> Iterator[ForwardProxy]:
    with moto_server(authority) as server, forward_proxy(server) as proxy:
        aws = Aws(
            access_key_id="any",
            secret_access_key=SecretStr("any"),
            region=ELSEWHERE,
            endpoint_url=server.endpoint,
            ca_bundle=str(authority.authority),
        )
        aws.client("s3", "us-east-1").create_bucket(Bucket="steps-us")
        for name in {case.bucket for case in AWS.values()} - {"steps-us"}:
            aws.s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": ELSEWHERE})
        yield proxy


@pytest.fixture
def proxy(running_proxy: ForwardProxy, authority: Certificate, environment: pytest.MonkeyPatch) -> ForwardProxy:
    environment.setenv("HTTPS_PROXY", running_proxy.endpoint)
    environment.setenv("AWS_CA_BUNDLE", str(authority.authority))
    running_proxy.hosts()
    return running_proxy


@pytest.mark.parametrize("ask", LIBRARIES)
@pytest.mark.parametrize("case", AWS.values(), ids=AWS)
def test_every_library_asks_the_host_that_botocore_resolves(
    proxy: ForwardProxy, environment: pytest.MonkeyPatch, tmp_path: Path, case: Case, ask: Callable[[Location], Any]
) -> None:
    root = located(case, environment, tmp_path)
    assert_handed_over(root, case)
    proxy.hosts()
    ask(root)
    assert proxy.hosts() == hosts_of(case)


def test_a_run_reaches_a_bucket_of_aws_in_another_region_through_a_proxy(
    running_proxy: ForwardProxy, authority: Certificate, tmp_path: Path
) -> None:
    variables = {
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_REGION": "us-west-2",
        "AWS_CA_BUNDLE": str(authority.authority),
        "HTTPS_PROXY": running_proxy.endpoint,
        "STEDI_LAKEHOUSE": "s3://steps/lakehouse",
    }
    finished = run("stedi", "run", folder=tmp_path, **variables)
    assert finished.exit_code == 0, finished.output


def test_an_access_point_is_named_by_its_alias(tmp_path: Path) -> None:
    name = "s3://arn:aws:s3:eu-west-1:123456789012:accesspoint/my-ap/lakehouse"
    finished = run("stedi", "tables", folder=tmp_path, STEDI_LAKEHOUSE=name)
    assert finished.exit_code == 1
    assert finished.output == (
        f"Error: STEDI_LAKEHOUSE={name!r} is not legal: it is the ARN of an access point, which only boto3 knows; "
        "use the access point's alias. Correct or unset the variable.\n"
    )


def test_a_bucket_of_s3_express_is_refused(tmp_path: Path) -> None:
    finished = run("stedi", "tables", folder=tmp_path, STEDI_LAKEHOUSE="s3://steps--eun1-az1--x-s3/lakehouse")
    assert finished.exit_code == 1
    assert "it is a directory bucket of S3 Express, which DuckDB does not read; use another bucket." in finished.output
