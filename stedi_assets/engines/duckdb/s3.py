"""DuckDB's way to the buckets: its extension, a secret for each, its certificates, its proxy and its patience."""

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
"""As fast as httplib over HTTP. Over HTTPS the tables of 10 times the data took 2.5 seconds, with httplib 5.6."""

CLIENT_WITHOUT_VARIABLES = "httplib"
"""The client that takes no proxy from variables that botocore does not read."""

SETTINGS = {
    "httpfs_connection_caching": "true",
    "enable_curl_server_cert_verification": "true",
    # That of the other client, which is off by default.
    "enable_server_cert_verification": "true",
    # A key is a name, in which ? and * mean themselves.
    "s3_url_compatibility_mode": "true",
    "http_retries": 13,
    "http_retry_wait_ms": 100,
    "http_retry_backoff": 1.5,
    "http_timeout": 60,
}
"""How the extension asks a store. It waits for one that is gone or asks to slow down for 26 seconds altogether."""


class S3Access:
    """Lets a connection read and write buckets.

    Args:
        connection: An open connection.
        aws: How the buckets are reached.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, aws: Aws) -> None:
        self._connection = connection
        self._aws = aws
        self._given: set[str] = set()
        # DuckDB takes a quarter of a second to verify the extension, in which boto3 reads what it needs.
        beside = ThreadPoolExecutor(max_workers=1)
        self._prepared = beside.submit(_prepare, connection.cursor())
        beside.shutdown(wait=False)

    def renew(self) -> None:
        """Hands over the credentials that hold now and where the buckets are, where that is not as before.

        Raises:
            StediError: The extension is not to be had, there are no credentials, or a proxy is on the way to one bucket
                and not to another.
        """
        buckets = self._aws.buckets.values()
        proxies = {bucket.address.proxy for bucket in buckets}
        wanted = [
            *(_create_secret(number, bucket.duckdb_secret()) for number, bucket in enumerate(buckets)),
            f"SET GLOBAL ca_cert_file = {literal(self._aws.authorities)}",
            *_set({"httpfs_client_implementation": _client(), **for_duckdb(_one_proxy(proxies))}),
        ]
        self._prepared.result()
        try:
            # What stands is not set again: a connection whose settings are locked takes new secrets alone.
            for statement in filter(lambda each: each not in self._given, wanted):
                self._connection.execute(statement)
        except duckdb.Error as error:
            # The message may quote the statement, and the keys with it.
            raise StediError(
                f"DuckDB refused the AWS credentials with {type(error).__name__}.", "Check the AWS_* variables."
            ) from None
        self._given = set(wanted)

    def ask_again(self, url: str) -> None:
        """Asks for an object with boto3, which says why a store refuses it.

        Args:
            url: The object's, in a bucket that is known.

        Raises:
            StediError: The store refuses it.
        """
        found = next(filter(None, (bucket.path_of(url) for bucket in self._aws.buckets.values())), None)
        if found:
            S3Files(self._aws).ask_for(found)


def _create_secret(number: int, secret: dict[str, str]) -> str:
    options = ", ".join(f"{name} {literal(value)}" for name, value in secret.items())
    return f"CREATE OR REPLACE SECRET stedi_{number} ({options})"


def _one_proxy(proxies: set[str]) -> str:
    if len(proxies) > 1:
        raise StediError(
            "A proxy is on the way to one bucket and not to another, where DuckDB knows one way for all.",
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
    """Loads the extension from its wheel, or, on a platform that the wheel does not serve, from DuckDB's own store."""
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
