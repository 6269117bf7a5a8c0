"""How each library reaches one bucket: all of them at the address that botocore resolves for it."""

import io
import threading
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from stedi_assets.storage.aws_errors import unreachable
from stedi_assets.storage.certificates import show_delta_rs
from stedi_assets.storage.proxies import for_delta_rs, for_hadoop, proxy_to

if TYPE_CHECKING:
    from botocore.awsrequest import AWSPreparedRequest, AWSResponse
    from mypy_boto3_s3 import S3Client

    from stedi_assets.storage.aws import Aws

AWS_DOMAINS = (".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu")

PRIVATE_ENDPOINT = ".vpce."
"""In the name of an endpoint in a customer's own network, which serves one region."""

DEFAULT_PORTS = {"http": 80, "https": 443}

ABOUT_BUCKETS = threading.Lock()
"""Held while a client is asked about a bucket: clients are shared, and one question is caught before it is sent."""

PATIENCE_SECONDS = 60
"""About how long a store that is gone, or asks to slow down, is waited for."""

DELTA_RETRIES = {
    "max_retries": "100",
    "backoff_config.init_backoff": "200ms",
    "backoff_config.max_backoff": "2s",
    "backoff_config.base": "2",
}
"""What makes deltalake wait as long; by default it gives up after two or three seconds."""


@dataclass(frozen=True)
class Address:
    """Where a bucket is.

    Attributes:
        scheme: http or https.
        host: The endpoint's host, with its port where that is not the usual one.
        path: The endpoint's own path: empty, or with a slash at its beginning.
        is_virtual_host: Whether the bucket's name stands before the host, and not behind the path.
        region: The bucket's.
        proxy: The URL of the proxy on the way; empty where there is none.
    """

    scheme: str
    host: str
    path: str
    is_virtual_host: bool
    region: str
    proxy: str

    @property
    def endpoint(self) -> str:
        """The URL that the bucket's name is joined to."""
        return f"{self.scheme}://{self.host}{self.path}"


class Bucket:
    """What each library needs to reach one bucket.

    Args:
        aws: The settings and the credentials.
        name: The bucket's.
    """

    def __init__(self, aws: "Aws", name: str) -> None:
        self._aws = aws
        self._name = name

    @cached_property
    def s3(self) -> "S3Client":
        """The client of boto3, in the bucket's own region; it may be used by several threads.

        Raises:
            StediError: There are no credentials, or the settings are not legal.
        """
        home = self._aws.s3
        region = self._region(home)
        return home if region == home.meta.region_name else self._aws.client("s3", region)

    @cached_property
    def address(self) -> Address:
        """Where the bucket is.

        Raises:
            StediError: There are no credentials, or the settings are not legal.
        """
        url, endpoint = self._resolved(), self.s3.meta.endpoint_url
        parts = urlsplit(url)
        before, after = f"{self._name}.", f"/{self._name}"
        path = parts.path.rstrip("/")
        # The endpoint's host, or its path, may begin or end with the bucket's name too.
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
        """Returns the path of an object by its URL; None where it is not in this bucket.

        Args:
            url: Where a library asked for the object, with nothing encoded.
        """
        address = self.address
        for host in (address.host, _kept_by_duckdb(address)):
            in_virtual_host = f"{address.scheme}://{self._name}.{host}{address.path}/"
            in_path = f"{address.scheme}://{host}{address.path}/{self._name}/"
            begin = in_virtual_host if address.is_virtual_host else in_path
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
            "ENDPOINT": f"{_kept_by_duckdb(address)}{address.path}",
            "URL_STYLE": "vhost" if address.is_virtual_host else "path",
            "USE_SSL": str(address.scheme == "https"),
        }
        return {name: value for name, value in options.items() if value}

    def delta_options(self) -> dict[str, str]:
        """Returns deltalake's storage options."""
        credentials, address = self._aws.credentials(), self.address
        show_delta_rs(self._aws.authorities)
        # deltalake asks for the name of the bucket in a virtual host.
        host = f"{self._name}.{address.host}" if address.is_virtual_host else address.host
        endpoint = f"{address.scheme}://{host}{address.path}"
        options = {
            "aws_access_key_id": credentials.access_key,
            "aws_secret_access_key": credentials.secret_key,
            "aws_session_token": credentials.token,
            "aws_region": address.region,
            "aws_endpoint_url": endpoint,
            # Else deltalake takes the variable of that name by itself, also where it is empty.
            "aws_endpoint_url_s3": endpoint,
            "aws_virtual_hosted_style_request": str(address.is_virtual_host).lower(),
            "aws_allow_http": str(address.scheme == "http").lower(),
            "aws_conditional_put": "etag",
            **for_delta_rs(address.proxy, host),
            # Variables of the same names would count else.
            "aws_skip_signature": "false",
            "aws_s3_express": "false",
            **DELTA_RETRIES,
            "retry_timeout": f"{PATIENCE_SECONDS}s",
        }
        return {name: value for name, value in options.items() if value}

    def hadoop_options(self) -> dict[str, str]:
        """Returns the options of Hadoop's s3a file system for this bucket.

        A role of an instance or a container is left to s3a, which finds it on every machine and renews its credentials.
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

    def _region(self, home: "S3Client") -> str:
        """Returns the bucket's region, which a request tells where the store is AWS's own."""
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

        host = urlsplit(home.meta.endpoint_url).hostname or ""
        if not host.endswith(AWS_DOMAINS) or PRIVATE_ENDPOINT in host:
            return home.meta.region_name
        try:
            with ABOUT_BUCKETS:
                answer: Any = home.head_bucket(Bucket=self._name)
        except ClientError as error:
            # AWS tells the region even to a client that may not list the bucket.
            answer = error.response
        except BotoCoreError as error:
            raise unreachable(error, f"s3://{self._name}") from None
        headers = answer["ResponseMetadata"]["HTTPHeaders"]
        return str(headers.get("x-amz-bucket-region") or home.meta.region_name)

    def _resolved(self) -> str:
        """Returns the URL to which botocore would send a request about the bucket, and sends none."""
        seen: list[str] = []

        def keep(request: "AWSPreparedRequest", **_: object) -> Any:
            seen.append(request.url)
            return _no_answer(request.url)

        events = self.s3.meta.events
        with ABOUT_BUCKETS:
            events.register("before-send.s3.HeadBucket", keep)
            try:
                self.s3.head_bucket(Bucket=self._name)
            finally:
                events.unregister("before-send.s3.HeadBucket", keep)
        return seen[0]


def _kept_by_duckdb(address: Address) -> str:
    """Returns the host as DuckDB takes it: in place of s3.dualstack it would ask s3, unless there is a port."""
    is_replaced = address.host.startswith("s3.dualstack.") and address.host.endswith(AWS_DOMAINS)
    return f"{address.host}:{DEFAULT_PORTS[address.scheme]}" if is_replaced else address.host


def _no_answer(url: str) -> "AWSResponse":
    from botocore.awsrequest import AWSResponse  # noqa: PLC0415
    from botocore.compat import HTTPHeaders  # noqa: PLC0415
    from urllib3 import HTTPResponse  # noqa: PLC0415

    return AWSResponse(url, 200, HTTPHeaders(), HTTPResponse(io.BytesIO(), preload_content=False))
