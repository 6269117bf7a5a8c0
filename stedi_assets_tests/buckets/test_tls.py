"""Every library verifies the server it speaks to, with the authorities that AWS_CA_BUNDLE or the machine names."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from stedi_assets.engines.duckdb import s3 as duckdb_s3
from stedi_assets.engines.duckdb.engine import DuckDBEngine
from stedi_assets.errors import StediError
from stedi_assets.query import Query
from stedi_assets.storage import bucket as bucket_module
from stedi_assets.storage.aws import Aws
from stedi_assets.storage.location import Location
from stedi_assets_tests.support.buckets import REGION
from stedi_assets_tests.support.commands import run
from stedi_assets_tests.support.libraries import LIBRARIES
from stedi_assets_tests.support.servers import HOST, Versitygw, versitygw
from stedi_assets_tests.support.tls import Certificate

BUCKET = "encrypted"

UNTRUSTED = "showed a certificate that is not trusted. Correct the endpoint, or set AWS_CA_BUNDLE to a file"


@dataclass
class Gateways:
    """Two servers of the same buckets."""

    trusted: Versitygw
    other: Versitygw
    bundle: Path


@pytest.fixture(scope="module")
def gateways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateways]:
    good, bad, store = (tmp_path_factory.mktemp(name) for name in ("good", "bad", "store"))
    certificate = Certificate.issued(good, HOST)
    with versitygw(store, certificate) as trusted, versitygw(store, Certificate.issued(bad, HOST)) as other:
        both = Gateways(trusted, other, certificate.authority)
        aws_of(both, trusted).s3.create_bucket(Bucket=BUCKET)
        yield both


@pytest.fixture(autouse=True)
def little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(bucket_module.DELTA_RETRIES, "max_retries", "1")
    monkeypatch.setitem(duckdb_s3.SETTINGS, "http_retries", 1)


def aws_of(gateways: Gateways, server: Versitygw) -> Aws:
    return server.aws(ca_bundle=str(gateways.bundle))


def variables_of(server: Versitygw) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": server.access_key_id,
        "AWS_SECRET_ACCESS_KEY": server.secret_access_key,
        "AWS_REGION": REGION,
        "AWS_ENDPOINT_URL": server.endpoint,
        "STEDI_LAKEHOUSE": f"s3://{BUCKET}/lakehouse",
    }


@pytest.mark.parametrize("ask", LIBRARIES)
def test_a_library_speaks_to_a_server_that_the_bundle_vouches_for(
    gateways: Gateways, ask: Callable[[Location], None]
) -> None:
    ask(Location.parse(f"s3://{BUCKET}/x", aws_of(gateways, gateways.trusted)))


@pytest.mark.parametrize("ask", LIBRARIES)
def test_a_library_refuses_a_server_that_nobody_vouches_for(
    gateways: Gateways, ask: Callable[[Location], None]
) -> None:
    root = Location.parse(f"s3://{BUCKET}/x", aws_of(gateways, gateways.other))
    with pytest.raises(StediError, match=UNTRUSTED):
        ask(root)


def test_a_folder_of_authorities_does_not_count_besides_the_bundle(
    gateways: Gateways, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shutil.copy(gateways.bundle.parent.parent / "bad0" / "authority.pem", tmp_path / "authority.pem")
    subprocess.run(["openssl", "rehash", str(tmp_path)], check=True)
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    root = Location.parse(f"s3://{BUCKET}/x", aws_of(gateways, gateways.other))
    for ask in LIBRARIES:
        with pytest.raises(StediError, match=UNTRUSTED):
            ask(root)


def test_objects_are_refused_from_another_server_than_listed_them(gateways: Gateways) -> None:
    folder = Location.parse(f"s3://{BUCKET}/listed", aws_of(gateways, gateways.trusted))
    folder.files.write(f"{folder}/customer.json", b'{"customerName": "Ada"}')
    (listed,) = folder.files.walk(folder.path)
    other = aws_of(gateways, gateways.other)
    Location.parse(str(folder), other)
    with duckdb.connect() as connection, pytest.raises(StediError, match=UNTRUSTED):
        DuckDBEngine(connection, other).rows(Query(f"SELECT * FROM read_json('{listed.path}')"))


def test_a_run_needs_no_more_than_the_variable_that_names_the_bundle(gateways: Gateways, tmp_path: Path) -> None:
    variables = {**variables_of(gateways.trusted), "AWS_CA_BUNDLE": str(gateways.bundle)}
    finished = run("stedi", "run", folder=tmp_path, **variables)
    assert finished.exit_code == 0, finished.output
    assert "36" in finished.output


def test_a_run_takes_the_bundle_of_a_profile(gateways: Gateways, tmp_path: Path) -> None:
    (tmp_path / "config").write_text(f"[profile steps]\nca_bundle = {gateways.bundle}\n")
    variables = {"AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_PROFILE": "steps"}
    finished = run("stedi", "tables", folder=tmp_path, **variables_of(gateways.trusted), **variables)
    assert finished.exit_code == 0, finished.output


def test_a_run_ends_at_once_at_a_server_that_nobody_vouches_for(gateways: Gateways, tmp_path: Path) -> None:
    finished = run("stedi", "tables", folder=tmp_path, **variables_of(gateways.trusted))
    assert finished.exit_code == 1
    assert UNTRUSTED in finished.output
    assert len(finished.output.splitlines()) == 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "No such file or directory"),
        (b"", "it holds no certificate in PEM"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "it holds no certificate in PEM"),
        (b"\x00\xff", "it holds no certificate in PEM"),
    ],
    ids=["missing", "empty", "damaged", "binary"],
)
def test_a_bundle_that_is_none_is_one_line(tmp_path: Path, content: bytes | None, reason: str) -> None:
    bundle = tmp_path / "bundle.pem"
    if content is not None:
        bundle.write_bytes(content)
    finished = run("stedi", "tables", folder=tmp_path, STEDI_LAKEHOUSE="s3://b-1/x", AWS_CA_BUNDLE=str(bundle))
    assert finished.exit_code == 1
    assert finished.output == (
        f"Error: The file of certificates {bundle} cannot be used: {reason}. "
        "Correct AWS_CA_BUNDLE, or ca_bundle of the AWS profile.\n"
    )


def test_a_bundle_that_is_a_folder_is_one_line(tmp_path: Path) -> None:
    finished = run("stedi", "tables", folder=tmp_path, STEDI_LAKEHOUSE="s3://b-1/x", AWS_CA_BUNDLE=str(tmp_path))
    assert finished.exit_code == 1
    assert finished.output.startswith(f"Error: The file of certificates {tmp_path} cannot be used: ")
    assert len(finished.output.splitlines()) == 1
