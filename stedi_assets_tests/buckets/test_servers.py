"""The servers that other tests stand on are what they say, and so are the faults."""

import io
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError

from stedi_assets_tests.support.checkout import PROJECT
from stedi_assets_tests.support.faulty_proxy import Fault, Rule
from stedi_assets_tests.support.servers import (
    FaultyProxy,
    MotoServer,
    Server,
    Versitygw,
    faulty_proxy,
    moto_server,
    versitygw,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUCKET = "bucket-of-the-tests"

LARGE = os.urandom(20_000_000)


def client(server: Server, secret: str = Versitygw.secret_access_key) -> "S3Client":
    """A client that sends a request once."""
    return boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        aws_access_key_id=Versitygw.access_key_id,
        aws_secret_access_key=secret,
        region_name="us-east-1",
        config=Config(retries={"total_max_attempts": 1}),
    )


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    return error.value.response["Error"]["Code"]


@pytest.fixture(scope="module")
def moto() -> Iterator[MotoServer]:
    with moto_server() as server:
        yield server


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Versitygw]:
    with versitygw(tmp_path_factory.mktemp("versitygw")) as server:
        client(server).create_bucket(Bucket=BUCKET)
        yield server


@pytest.fixture(scope="module")
def shared_proxy(gateway: Versitygw) -> Iterator[FaultyProxy]:
    with faulty_proxy(gateway.endpoint) as server:
        yield server


@pytest.fixture
def proxy(shared_proxy: FaultyProxy) -> FaultyProxy:
    """A proxy before the gateway, without a fault."""
    shared_proxy.fail()
    return shared_proxy


def test_moto_forgets_everything_when_it_is_reset(moto: MotoServer) -> None:
    client(moto).create_bucket(Bucket=BUCKET)
    assert [bucket["Name"] for bucket in client(moto).list_buckets()["Buckets"]] == [BUCKET]
    moto.reset()
    assert client(moto).list_buckets()["Buckets"] == []


def test_the_gateway_keeps_what_it_acknowledged_when_it_is_killed(gateway: Versitygw) -> None:
    client(gateway).put_object(Bucket=BUCKET, Key="kept", Body=b"content")
    gateway.kill()
    with pytest.raises(EndpointConnectionError):
        client(gateway).head_object(Bucket=BUCKET, Key="kept")
    gateway.start()
    assert client(gateway).get_object(Bucket=BUCKET, Key="kept")["Body"].read() == b"content"


def test_the_gateway_does_not_replace_an_object_that_must_not_exist(gateway: Versitygw) -> None:
    client(gateway).put_object(Bucket=BUCKET, Key="once", Body=b"first", IfNoneMatch="*")
    with pytest.raises(ClientError) as error:
        client(gateway).put_object(Bucket=BUCKET, Key="once", Body=b"second", IfNoneMatch="*")
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 412
    assert client(gateway).get_object(Bucket=BUCKET, Key="once")["Body"].read() == b"first"


def test_the_gateway_refuses_a_wrong_secret(gateway: Versitygw) -> None:
    with pytest.raises(ClientError) as error:
        client(gateway, secret="wrong").list_objects_v2(Bucket=BUCKET)
    assert code(error) == "SignatureDoesNotMatch"


def test_a_server_that_does_not_start_says_why() -> None:
    server = Server([sys.executable, "-c", "raise SystemExit('the disk is full')"], port=1)
    with pytest.raises(RuntimeError, match="the disk is full"):
        server.start()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent has died")
def test_a_server_ends_when_the_process_that_started_it_is_killed() -> None:
    program = (
        "import stedi_assets_tests.support.servers as s\nwith s.moto_server() as m: print(m.port, flush=1); input()"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdin=-1, stdout=-1, cwd=PROJECT) as owner:
        assert owner.stdout is not None
        port = int(owner.stdout.readline())
        socket.create_connection(("127.0.0.1", port)).close()
        owner.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 10
    with pytest.raises(ConnectionRefusedError):
        while time.monotonic() < deadline:
            # One that is accepted at the very end is reset.
            with suppress(ConnectionResetError):
                socket.create_connection(("127.0.0.1", port)).close()


def test_a_proxy_without_fault_passes_everything_on(proxy: FaultyProxy, gateway: Versitygw) -> None:
    client(proxy).upload_fileobj(io.BytesIO(LARGE), BUCKET, "large")  # in parts, from several threads
    assert client(gateway).get_object(Bucket=BUCKET, Key="large")["Body"].read() == LARGE
    assert client(proxy).get_object(Bucket=BUCKET, Key="large")["Body"].read() == LARGE
    assert client(proxy).head_object(Bucket=BUCKET, Key="large")["ContentLength"] == len(LARGE)


def test_a_proxy_passes_on_a_refusal_of_a_large_body(proxy: FaultyProxy) -> None:
    client(proxy).put_object(Bucket=BUCKET, Key="refused", Body=b"first")
    with pytest.raises(ClientError) as error:
        client(proxy).put_object(Bucket=BUCKET, Key="refused", Body=LARGE, IfNoneMatch="*")
    assert code(error) == "PreconditionFailed"


def test_a_proxy_tells_which_requests_came(proxy: FaultyProxy) -> None:
    client(proxy).put_object(Bucket=BUCKET, Key="seen", Body=b"content")
    with pytest.raises(ClientError):
        client(proxy).get_object(Bucket=BUCKET, Key="unseen")
    seen = [(request.method, request.target, request.status) for request in proxy.requests()]
    assert seen == [("PUT", f"/{BUCKET}/seen", 200), ("GET", f"/{BUCKET}/unseen", 404)]
    assert [request.method for request in proxy.requests(target="/unseen$")] == ["GET"]


def test_every_third_request_is_told_to_slow_down(proxy: FaultyProxy) -> None:
    proxy.fail(Rule(Fault.SLOW_DOWN, "PUT", every=3))
    for _ in range(2):
        client(proxy).put_object(Bucket=BUCKET, Key="slow", Body=b"old")
        client(proxy).put_object(Bucket=BUCKET, Key="slow", Body=b"old")
        with pytest.raises(ClientError) as error:
            client(proxy).put_object(Bucket=BUCKET, Key="slow", Body=b"new")
        assert (code(error), error.value.response["ResponseMetadata"]["HTTPStatusCode"]) == ("SlowDown", 503)
    assert client(proxy).get_object(Bucket=BUCKET, Key="slow")["Body"].read() == b"old"


def test_a_server_that_is_gone_refuses_connections_until_it_is_back(proxy: FaultyProxy) -> None:
    proxy.fail(Rule(Fault.GONE, "PUT", times=1, seconds=1))
    left = time.monotonic()
    with pytest.raises(ConnectionClosedError):
        client(proxy).put_object(Bucket=BUCKET, Key="gone", Body=b"content")
    with pytest.raises(EndpointConnectionError):
        client(proxy).list_objects_v2(Bucket=BUCKET, Prefix="gone")
    time.sleep(max(0, left + 1.2 - time.monotonic()))
    assert client(proxy).list_objects_v2(Bucket=BUCKET, Prefix="gone")["KeyCount"] == 0


def test_a_server_that_leaves_cuts_off_what_is_under_way(proxy: FaultyProxy) -> None:
    client(proxy).put_object(Bucket=BUCKET, Key="under-way", Body=LARGE)
    body = client(proxy).get_object(Bucket=BUCKET, Key="under-way")["Body"]
    assert body.read(1000) == LARGE[:1000]
    proxy.fail(Rule(Fault.GONE, times=1, seconds=0.2))
    with pytest.raises(ConnectionClosedError):
        client(proxy).list_buckets()
    with pytest.raises(Exception, match=r"Connection (broken|was closed)|reset"):
        body.read()


def test_a_lost_acknowledgement_is_of_something_that_was_done(proxy: FaultyProxy) -> None:
    proxy.fail(Rule(Fault.LOST_ACKNOWLEDGEMENT, "PUT", "/lost$", times=1))
    with pytest.raises(ConnectionClosedError):
        client(proxy).put_object(Bucket=BUCKET, Key="lost", Body=b"content", IfNoneMatch="*")
    assert client(proxy).get_object(Bucket=BUCKET, Key="lost")["Body"].read() == b"content"
    (request,) = proxy.requests("PUT")
    assert (request.status, request.fault) == (200, Fault.LOST_ACKNOWLEDGEMENT)


def test_only_an_acknowledgement_can_be_lost(proxy: FaultyProxy) -> None:
    proxy.fail(Rule(Fault.LOST_ACKNOWLEDGEMENT, "PUT", times=1))
    with pytest.raises(ClientError) as error:
        client(proxy).put_object(Bucket="no-such-bucket", Key="lost", Body=b"")
    assert code(error) == "NoSuchBucket"
    with pytest.raises(ConnectionClosedError):
        client(proxy).put_object(Bucket=BUCKET, Key="lost", Body=b"")
    client(proxy).put_object(Bucket=BUCKET, Key="lost", Body=b"")


def test_a_proxy_serves_many_at_once(proxy: FaultyProxy) -> None:
    def store(number: int) -> None:
        client(proxy).put_object(Bucket=BUCKET, Key=f"many/{number}", Body=LARGE[:1_000_000])

    threads = [threading.Thread(target=store, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sizes = [each["Size"] for each in client(proxy).list_objects_v2(Bucket=BUCKET, Prefix="many/")["Contents"]]
    assert sizes == [1_000_000] * 8


def test_a_body_is_sent_only_once_the_server_wants_it(proxy: FaultyProxy) -> None:
    request = b"PUT /no-such-bucket/key HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1000000\r\n\r\n"
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as connection:
        connection.sendall(request)
        assert connection.recv(1000).startswith(b"HTTP/1.1 ")
    assert len(proxy.requests("PUT", "/no-such-bucket/key")) == 1
