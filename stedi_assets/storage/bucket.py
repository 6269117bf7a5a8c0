"""The options with which each library reaches a bucket, all at the address that botocore resolves."""

import io
import threading
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from stedi_assets.storage.certificates import show_delta_rs
from stedi_assets.storage.proxies import for_delta_rs, for_hadoop, proxy_to
from stedi_assets.storage.refusals import unanswered

if TYPE_CHECKING:
    from botocore.awsrequest import AWSPreparedRequest, AWSResponse
    from mypy_boto3_s3 import S3Client

    from stedi_assets.storage.aws import Aws

AWS_DOMAINS = (".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu")

PRIVATE_ENDPOINT = ".vpce."
"""In the host name of an endpoint in a customer's own network, which serves one region."""

DEFAULT_PORTS = {"http": 80, "https": 443}

HEAD_BUCKET_LOCK = threading.Lock()
"""Held during each HeadBucket. `_resolved` intercepts its own request in a client that other threads share."""

RETRY_SECONDS = 60
"""About how long each library retries while a store is unreachable or asks to slow down."""

DELTA_RETRIES = {
    "max_retries": "100",
    "backoff_config.init_backoff": "200ms",
    "backoff_config.max_backoff": "2s",
    "backoff_config.base": "2",
}
"""Options that make deltalake retry for `RETRY_SECONDS`; by default it gives up after two or three seconds."""


@dataclass(frozen=True)
class Address:
    """The address of a bucket.

    Attributes:
        scheme: http or https.
        host: The endpoint's host, with its port where it is not the scheme's default.
        path: The endpoint's own path: empty, or with a slash at its beginning.
        is_virtual_host: Whether URLs have the bucket's name in front of the host, instead of after the path.
        region: The bucket's region.
        proxy: The URL of the proxy to the endpoint; empty where there is none.
    """

    scheme: str
    host: str
    path: str
    is_virtual_host: bool
    region: str
    proxy: str

    @property
    def endpoint(self) -> str:
        """The endpoint's URL, without the bucket's name."""
        return f"{self.scheme}://{self.host}{self.path}"


class Bucket:
    """The options with which each library reaches one bucket.

    Args:
        aws: The settings and credentials.
        name: The bucket's name.
    """

    def __init__(self, aws: "Aws", name: str) -> None:
        self._aws = aws
        self._name = name

    @cached_property
    def s3(self) -> "S3Client":
        """The client of boto3 in the bucket's own region, which threads may share.

        Raises:
            StediError: There are no credentials, or the settings are not legal.
        """
        home = self._aws.s3
        region = self._region(home)
        return home if region == home.meta.region_name else self._aws.client("s3", region)

    @cached_property
    def address(self) -> Address:
        """The bucket's address.

        Raises:
            StediError: There are no credentials, or the settings are not legal.
        """
        url, endpoint = self._resolved(), self.s3.meta.endpoint_url
        parts = urlsplit(url)
        before, after = f"{self._name}.", f"/{self._name}"
        path = parts.path.rstrip("/")
        # The endpoint's own host may begin with the bucket's name, and its own path end with it.
        is_virtual_host = parts.netloc.startswith(before) and url.rstrip("/") != f"{endpoint.rstrip('/')}{after}"
        return Address(
            scheme=parts.scheme,
            host=parts.netloc.removeprefix(before) if is_virtual_host else parts.netloc,
            path=path if is_virtual_host else path.removesuffix(after),
            is_virtual_host=is_virtual_host,
            region=self.s3.meta.region_name,
            proxy=proxy_to(endpoint),
        )

    def path_of(self, url: str) -> str | None:
        """Returns the s3:// path of the object at an HTTP URL without percent-encoding; None in another bucket."""
        address = self.address
        for host in (address.host, _host_for_duckdb(address)):
            root = f"{address.scheme}://{self._host(host)}{address.path}/"
            begin = root if address.is_virtual_host else f"{root}{self._name}/"
            if url.startswith(begin):
                return f"s3://{self._name}/{url.removeprefix(begin)}"
        return None

    def duckdb_secret(self) -> dict[str, str]:
        """Returns the options of DuckDB's CREATE SECRET."""
        credentials, address = self._aws.credentials(), self.address
        options = {
            "TYPE": "s3",
            "SCOPE": f"s3://{self._name}/",
            "KEY_ID": credentials.access_key,
            "SECRET": credentials.secret_key,
            "SESSION_TOKEN": credentials.token,
            "REGION": address.region,
            "ENDPOINT": f"{_host_for_duckdb(address)}{address.path}",
            "URL_STYLE": "vhost" if address.is_virtual_host else "path",
            "USE_SSL": str(address.scheme == "https"),
        }
        return {name: value for name, value in options.items() if value}

    def delta_options(self) -> dict[str, str]:
        """Returns deltalake's storage options."""
        credentials, address = self._aws.credentials(), self.address
        show_delta_rs(self._aws.authorities)
        # deltalake wants the bucket's name in the endpoint of a virtual host.
        host = self._host(address.host)
        endpoint = f"{address.scheme}://{host}{address.path}"
        options = {
            "aws_access_key_id": credentials.access_key,
            "aws_secret_access_key": credentials.secret_key,
            "aws_session_token": credentials.token,
            "aws_region": address.region,
            "aws_endpoint_url": endpoint,
            # Without this option deltalake reads the variable AWS_ENDPOINT_URL_S3, even where it is empty.
            "aws_endpoint_url_s3": endpoint,
            "aws_virtual_hosted_style_request": str(address.is_virtual_host).lower(),
            "aws_allow_http": str(address.scheme == "http").lower(),
            "aws_conditional_put": "etag",
            **for_delta_rs(address.proxy, host),
            # Without these options deltalake reads the variables of the same names.
            "aws_skip_signature": "false",
            "aws_s3_express": "false",
            **DELTA_RETRIES,
            "retry_timeout": f"{RETRY_SECONDS}s",
        }
        return {name: value for name, value in options.items() if value}

    def hadoop_options(self) -> dict[str, str]:
        """Returns the options of Hadoop's s3a file system for this bucket.

        They hold no credentials of a machine's or a container's role: s3a finds the role on each machine of a cluster,
        and renews its credentials.
        """
        address = self.address
        options = {
            **self._hadoop_credentials(),
            **for_hadoop(address.proxy),
            "endpoint": address.endpoint,
            "endpoint.region": address.region,
            "path.style.access": str(not address.is_virtual_host).lower(),
            "connection.ssl.enabled": str(address.scheme == "https").lower(),
        }
        return {f"fs.s3a.bucket.{self._name}.{name}": value for name, value in options.items() if value}

    def _hadoop_credentials(self) -> dict[str, str | None]:
        credentials = self._aws.credentials()
        if self._aws.is_role_of_machine:
            return {}
        provider = "TemporaryAWSCredentialsProvider" if credentials.token else "SimpleAWSCredentialsProvider"
        return {
            "access.key": credentials.access_key,
            "secret.key": credentials.secret_key,
            "session.token": credentials.token,
            "aws.credentials.provider": f"org.apache.hadoop.fs.s3a.{provider}",
        }

    def _host(self, host: str) -> str:
        return f"{self._name}.{host}" if self.address.is_virtual_host else host

    def _region(self, home: "S3Client") -> str:
        """Returns the bucket's region: on AWS by a request, elsewhere the client's."""
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

        host = urlsplit(home.meta.endpoint_url).hostname or ""
        if not host.endswith(AWS_DOMAINS) or PRIVATE_ENDPOINT in host:
            return home.meta.region_name
        try:
            with HEAD_BUCKET_LOCK:
                answer: Any = home.head_bucket(Bucket=self._name)
        except ClientError as error:
            # AWS names the region even in its refusal.
            answer = error.response
        except BotoCoreError as error:
            raise unanswered(error, f"s3://{self._name}") from None
        headers = answer["ResponseMetadata"]["HTTPHeaders"]
        return str(headers.get("x-amz-bucket-region") or home.meta.region_name)

    def _resolved(self) -> str:
        """Returns the URL that botocore resolves for a request to the bucket, without sending it."""
        seen: list[str] = []

        def keep(request: "AWSPreparedRequest", **_: object) -> Any:
            seen.append(request.url)
            return _no_answer(request.url)

        events = self.s3.meta.events
        with HEAD_BUCKET_LOCK:
            events.register("before-send.s3.HeadBucket", keep)
            try:
                self.s3.head_bucket(Bucket=self._name)
            finally:
                events.unregister("before-send.s3.HeadBucket", keep)
        return seen[0]


def _host_for_duckdb(address: Address) -> str:
    """Returns the host with its port where DuckDB would otherwise ask s3 instead of s3.dualstack."""
    is_replaced = address.host.startswith("s3.dualstack.") and address.host.endswith(AWS_DOMAINS)
    return f"{address.host}:{DEFAULT_PORTS[address.scheme]}" if is_replaced else address.host


def _no_answer(url: str) -> "AWSResponse":
    from botocore.awsrequest import AWSResponse  # noqa: PLC0415
    from botocore.compat import HTTPHeaders  # noqa: PLC0415
    from urllib3 import HTTPResponse  # noqa: PLC0415

    return AWSResponse(url, 200, HTTPHeaders(), HTTPResponse(io.BytesIO(), preload_content=False))
