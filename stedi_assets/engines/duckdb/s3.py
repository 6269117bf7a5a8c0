"""DuckDB's way to a bucket: its extension, its secret, and its patience."""

import importlib.util
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb

from stedi_assets.engines.duckdb.text import literal
from stedi_assets.errors import StediError
from stedi_assets.storage.aws import Aws

EXTENSION_PACKAGE = "duckdb_extension_httpfs"

SETTINGS = {
    # The other one, curl, gathers each answer in a text of its own and copies it from there.
    "httpfs_client_implementation": "'httplib'",
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
        self._secret: dict[str, str] = {}
        # DuckDB takes a quarter of a second to verify the extension, in which boto3 reads what it needs.
        beside = ThreadPoolExecutor(max_workers=1)
        self._prepared = beside.submit(_prepare, connection.cursor())
        beside.shutdown(wait=False)

    def renew(self) -> None:
        """Hands over the credentials that hold now, where they are others than before.

        Raises:
            StediError: The extension is not to be had, or there are no credentials.
        """
        secret = self._aws.duckdb_secret()
        self._prepared.result()
        if secret == self._secret:
            return
        options = ", ".join(f"{name} {literal(value)}" for name, value in secret.items())
        try:
            self._connection.execute(f"CREATE OR REPLACE SECRET stedi ({options})")
        except duckdb.Error as error:
            # The message may quote the statement, and the keys with it.
            raise StediError(
                f"DuckDB refused the AWS credentials with {type(error).__name__}.", "Check the AWS_* variables."
            ) from None
        self._secret = secret


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
