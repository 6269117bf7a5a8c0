"""S3 for DuckDB: the httpfs extension, credentials, certificates, the proxy, timeouts and retries."""

import importlib.util
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb

from stedi_assets.engines.duckdb.text import literal
from stedi_assets.errors import StediError
from stedi_assets.storage.aws import Aws
from stedi_assets.storage.proxies import are_proxies_named_oddly, for_duckdb
from stedi_assets.storage.s3 import S3Files

EXTENSION_PACKAGE = "duckdb_extension_httpfs"

CLIENT = "curl"
"""Over HTTP as fast as httplib. Over HTTPS, building the tables of 10 times the course's data took 2.5 seconds with
curl and 5.6 with httplib."""

CLIENT_WITHOUT_VARIABLES = "httplib"
"""The client that ignores proxy variables which botocore does not read, so that both take the same way."""

SETTINGS = {
    "httpfs_connection_caching": "true",
    "enable_curl_server_cert_verification": "true",
    # httplib's certificate verification, which is off by default.
    "enable_server_cert_verification": "true",
    # Keys are taken literally: ? and * are no wildcards.
    "s3_url_compatibility_mode": "true",
    "http_retries": 13,
    "http_retry_wait_ms": 100,
    "http_retry_backoff": 1.5,
    "http_timeout": 60,
}
"""The extension's settings. Its retries wait 26 seconds in total for a store that is unreachable or throttles."""


class S3Access:
    """Lets a connection read and write buckets.

    Args:
        connection: An open connection.
        aws: The AWS settings.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, aws: Aws) -> None:
        self._connection = connection
        self._aws = aws
        self._executed: set[str] = set()
        # In a thread: DuckDB takes a quarter of a second to verify the extension, while boto3 loads its own files.
        thread_pool = ThreadPoolExecutor(max_workers=1)
        self._extension_loaded = thread_pool.submit(_prepare, connection.cursor())
        thread_pool.shutdown(wait=False)

    def renew(self) -> None:
        """Passes the current credentials and addresses of the buckets to DuckDB, if they have changed.

        Raises:
            StediError: The extension is not installed, there are no credentials, or one bucket is behind a proxy and
                another is not.
        """
        buckets = self._aws.buckets.values()
        proxies = {bucket.address.proxy for bucket in buckets}
        statements = [
            *(_create_secret(number, bucket.duckdb_secret()) for number, bucket in enumerate(buckets)),
            f"SET GLOBAL ca_cert_file = {literal(self._aws.authorities)}",
            *_set({"httpfs_client_implementation": _client(), **for_duckdb(_one_proxy(proxies))}),
        ]
        self._extension_loaded.result()
        try:
            # Unchanged settings are not set again: a connection with locked settings only accepts new secrets.
            for statement in statements:
                if statement not in self._executed:
                    self._connection.execute(statement)
        except duckdb.Error as error:
            # The message may quote the statement, which holds the secret key.
            raise StediError(
                f"DuckDB refused the AWS credentials with {type(error).__name__}.", "Check the AWS_* variables."
            ) from None
        self._executed = set(statements)

    def ask_again(self, url: str) -> None:
        """Requests an object with boto3, which reports why a store refuses it.

        Args:
            url: The object's HTTP URL. Nothing is requested if the URL is in no bucket of the settings.

        Raises:
            StediError: The store refuses the request.
        """
        path = next(filter(None, (bucket.path_of(url) for bucket in self._aws.buckets.values())), None)
        if path:
            S3Files(self._aws).ask_for(path)


def _create_secret(number: int, secret: dict[str, str]) -> str:
    options = ", ".join(f"{name} {literal(value)}" for name, value in secret.items())
    return f"CREATE OR REPLACE SECRET stedi_{number} ({options})"


def _one_proxy(proxies: set[str]) -> str:
    if len(proxies) > 1:
        raise StediError(
            "One bucket is behind a proxy and another is not, but DuckDB has one proxy setting for all buckets.",
            "Name the hosts of both buckets in NO_PROXY, or of neither.",
        )
    return next(iter(proxies), "")


def _client() -> str:
    return CLIENT_WITHOUT_VARIABLES if are_proxies_named_oddly() else CLIENT


def _set(settings: Mapping[str, str]) -> list[str]:
    return [f"SET GLOBAL {name} = {literal(value)}" for name, value in settings.items()]


def _prepare(cursor: duckdb.DuckDBPyConnection) -> None:
    with cursor:
        _load_extension(cursor)
        for name, value in SETTINGS.items():
            cursor.execute(f"SET GLOBAL {name} = {value}")


def _load_extension(connection: duckdb.DuckDBPyConnection) -> None:
    """Loads the extension from its wheel, or installs it from DuckDB on a platform that has no wheel."""
    found = importlib.util.find_spec(EXTENSION_PACKAGE)
    folder = Path(found.origin or "").parent if found else Path()
    file = folder / f"extensions/v{duckdb.__version__}/httpfs.duckdb_extension"
    try:
        connection.execute(f"LOAD {literal(str(file))}" if file.exists() else "INSTALL httpfs; LOAD httpfs")
    except duckdb.Error:
        raise StediError(
            "DuckDB's httpfs extension, which reads and writes buckets, is not installed.",
            "pip install 'stedi_assets[s3]'.",
        ) from None
