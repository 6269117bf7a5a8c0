"""A proxy is asked by every library or by none, as its variables say."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
from pydantic import SecretStr

from stedi_assets.engines.duckdb.engine import DuckDBEngine
from stedi_assets.errors import StediError
from stedi_assets.query import Query
from stedi_assets.storage.aws import Aws
from stedi_assets.storage.location import Location
from stedi_assets_tests.support.buckets import REGION
from stedi_assets_tests.support.commands import run
from stedi_assets_tests.support.libraries import LIBRARIES, with_boto3
from stedi_assets_tests.support.servers import HOST, ForwardProxy, Versitygw, forward_proxy, versitygw
from stedi_assets_tests.support.tls import Certificate

BUCKET = "behind-a-proxy"


@dataclass
class Network:
    """A store, and a proxy that leads to it.

    Attributes:
        server: The store.
        proxy: The proxy.
        authority: Who vouches for the store, where it speaks TLS.
    """

    server: Versitygw
    proxy: ForwardProxy
    authority: str | None

    @property
    def root(self) -> Location:
        """A folder of the store."""
        aws = Aws(
            access_key_id=self.server.access_key_id,
            secret_access_key=SecretStr(self.server.secret_access_key),
            region=REGION,
            endpoint_url=self.server.endpoint,
            ca_bundle=self.authority,
        )
        return Location.parse(f"s3://{BUCKET}/x", aws)


@pytest.fixture(scope="module", params=["http", "https"])
def network(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    certificate = Certificate.issued(tmp_path_factory.mktemp("tls"), HOST) if request.param == "https" else None
    with versitygw(tmp_path_factory.mktemp("store"), certificate) as server, forward_proxy(server) as proxy:
        found = Network(server, proxy, str(certificate.authority) if certificate else None)
        assert found.root.aws
        found.root.aws.s3.create_bucket(Bucket=BUCKET)
        yield found


@pytest.fixture(autouse=True)
def no_proxy_from_outside(monkeypatch: pytest.MonkeyPatch, network: Network) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"):
        for each in (name, name.lower()):
            monkeypatch.delenv(each, raising=False)
    network.proxy.hosts()


@pytest.mark.parametrize("ask", LIBRARIES)
@pytest.mark.parametrize("case", [str.upper, str.lower])
def test_every_library_asks_the_proxy(
    monkeypatch: pytest.MonkeyPatch, network: Network, ask: Callable[[Location], None], case: Callable[[str], str]
) -> None:
    monkeypatch.setenv(case(f"{network.server.scheme}_proxy"), network.proxy.endpoint)
    ask(network.root)
    assert network.proxy.hosts()


@pytest.mark.parametrize("ask", LIBRARIES)
def test_a_proxy_may_be_named_without_a_scheme(
    monkeypatch: pytest.MonkeyPatch, network: Network, ask: Callable[[Location], None]
) -> None:
    monkeypatch.setenv(f"{network.server.scheme}_proxy", network.proxy.endpoint.removeprefix("http://"))
    ask(network.root)
    assert network.proxy.hosts()


@pytest.mark.parametrize("ask", LIBRARIES)
@pytest.mark.parametrize("names", [HOST, f"example.com,{HOST}", "*"])
def test_no_library_asks_the_proxy_for_a_host_that_no_proxy_names(
    monkeypatch: pytest.MonkeyPatch, network: Network, ask: Callable[[Location], None], names: str
) -> None:
    monkeypatch.setenv("HTTP_PROXY", network.proxy.endpoint)
    monkeypatch.setenv("HTTPS_PROXY", network.proxy.endpoint)
    monkeypatch.setenv("NO_PROXY", names)
    ask(network.root)
    assert network.proxy.hosts() == set()


@pytest.mark.parametrize("ask", LIBRARIES)
def test_a_name_and_a_password_reach_the_proxy_decoded(
    monkeypatch: pytest.MonkeyPatch, network: Network, ask: Callable[[Location], None]
) -> None:
    authority = network.proxy.endpoint.removeprefix("http://")
    monkeypatch.setenv(f"{network.server.scheme}_proxy", f"http://me:the%40se%2Fcret@{authority}")
    ask(network.root)
    assert network.proxy.hosts()
    assert network.root.aws
    options = network.root.aws.bucket(BUCKET).hadoop_options()
    assert options[f"fs.s3a.bucket.{BUCKET}.proxy.password"] == "the@se/cret"


def test_a_query_does_not_show_the_password_of_a_proxy(network: Network, tmp_path: Path) -> None:
    authority = network.proxy.endpoint.removeprefix("http://")
    variables = {
        "AWS_ACCESS_KEY_ID": network.server.access_key_id,
        "AWS_SECRET_ACCESS_KEY": network.server.secret_access_key,
        "AWS_ENDPOINT_URL": network.server.endpoint,
        "AWS_CA_BUNDLE": network.authority or "",
        f"{network.server.scheme}_proxy": f"http://me:the-secret@{authority}",
        "STEDI_LAKEHOUSE": f"s3://{BUCKET}/lakehouse",
    }
    for statement in ("SELECT current_setting('http_proxy_password')", "FROM duckdb_settings()"):
        finished = run("stedi", "query", statement, folder=tmp_path, **variables)
        assert finished.exit_code == 1
        assert "the-secret" not in finished.output


@pytest.mark.parametrize("ask", LIBRARIES)
def test_no_library_asks_the_proxy_of_the_other_scheme(
    monkeypatch: pytest.MonkeyPatch, network: Network, ask: Callable[[Location], None]
) -> None:
    other = "http" if network.server.scheme == "https" else "https"
    monkeypatch.setenv(f"{other}_proxy".upper(), network.proxy.endpoint)
    ask(network.root)
    assert network.proxy.hosts() == set()


@pytest.mark.parametrize("ask", LIBRARIES)
def test_an_empty_variable_in_lower_case_switches_the_proxy_off(
    monkeypatch: pytest.MonkeyPatch, network: Network, ask: Callable[[Location], None]
) -> None:
    monkeypatch.setenv(f"{network.server.scheme}_proxy".upper(), network.proxy.endpoint)
    monkeypatch.setenv(f"{network.server.scheme}_proxy", "")
    ask(network.root)
    assert network.proxy.hosts() == set()


@pytest.mark.parametrize("ask", LIBRARIES)
def test_no_library_asks_the_proxy_of_a_variable_that_botocore_does_not_know(
    monkeypatch: pytest.MonkeyPatch, network: Network, ask: Callable[[Location], None]
) -> None:
    monkeypatch.setenv("ALL_PROXY", network.proxy.endpoint)
    ask(network.root)
    assert network.proxy.hosts() == set()


def test_a_proxy_that_is_not_there_is_one_line(monkeypatch: pytest.MonkeyPatch, network: Network) -> None:
    monkeypatch.setattr("stedi_assets.storage.aws.ATTEMPTS", 1)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    with pytest.raises(StediError, match=r"The proxy to .* could not be reached\. Correct HTTPS_PROXY,"):
        with_boto3(network.root)


def test_a_proxy_before_one_bucket_and_not_before_another_is_refused(
    monkeypatch: pytest.MonkeyPatch, network: Network
) -> None:
    monkeypatch.setenv("HTTP_PROXY", network.proxy.endpoint)
    monkeypatch.setenv("HTTPS_PROXY", network.proxy.endpoint)
    root = network.root
    assert root.aws
    assert root.aws.bucket(BUCKET).address.proxy
    monkeypatch.setenv("NO_PROXY", HOST)
    Location.parse("s3://another-bucket", root.aws)
    with (
        duckdb.connect() as connection,
        pytest.raises(StediError, match="One bucket is behind a proxy and another is not"),
    ):
        DuckDBEngine(connection, root.aws).rows(Query("SELECT 1"))


def test_a_command_asks_the_proxy(network: Network, tmp_path: Path) -> None:
    variables = {
        "AWS_ACCESS_KEY_ID": network.server.access_key_id,
        "AWS_SECRET_ACCESS_KEY": network.server.secret_access_key,
        "AWS_REGION": REGION,
        "AWS_ENDPOINT_URL": network.server.endpoint,
        "AWS_CA_BUNDLE": network.authority or "",
        "HTTP_PROXY": network.proxy.endpoint,
        "HTTPS_PROXY": network.proxy.endpoint,
        "STEDI_LAKEHOUSE": f"s3://{BUCKET}/lakehouse",
    }
    finished = run("stedi", "tables", folder=tmp_path, **variables)
    assert finished.exit_code == 0, finished.output
    assert network.proxy.hosts()
