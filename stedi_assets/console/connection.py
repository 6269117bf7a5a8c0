"""A DuckDB connection for one command: it reads only the tables' files, and its errors are one line."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import duckdb

from stedi_assets.engines.duckdb.engine import DuckDBEngine
from stedi_assets.engines.duckdb.errors import FAILURES, missing_data_file
from stedi_assets.engines.duckdb.text import literals
from stedi_assets.errors import StediError
from stedi_assets.settings import Settings
from stedi_assets.storage.work_folder import work_folder

TABLES_ONLY: dict[str, str | bool | int | float | list[str]] = {
    # A table's name must not resolve to a Python variable of this program. A query must not use a secret that the user
    # stored in DuckDB for other work.
    "python_enable_replacements": False,
    "allow_persistent_secrets": False,
}
"""The configuration of a connection that reaches the tables."""

NO_FILES = {**TABLES_ONLY, "enable_external_access": False, "lock_configuration": True}
"""The configuration of a connection that reaches no file at all."""

CREDENTIALS = ("s3_access_key_id", "s3_secret_access_key", "s3_session_token")
"""The settings that httpfs fills from the environment. They are reset, because a SELECT can read them: DuckDB takes the
credentials from its secret."""

FORBIDDEN_OPERATORS = (
    "DUCKDB_SECRETS",
    "DUCKDB_SETTINGS",
    "DUCKDB_LOGS",
    "ENABLE_LOGGING",
    "ENABLE_PROFILING",
    "JSON_EXECUTE_SERIALIZED_SQL",
)
"""The operators of a query plan that can show credentials.

DuckDB redacts only some secrets, its logs quote requests, and JSON_EXECUTE_SERIALIZED_SQL runs a statement with a plan
of its own.
"""

FORBIDDEN_OPERATOR = re.compile(rf'"name": "({"|".join(FORBIDDEN_OPERATORS)}) *"')

MISSING_FILE = ("No files found", "404")
"""Parts of DuckDB's message about a missing file, on disk and in a bucket."""

INTERRUPTED = "Query interrupted"
"""The message of the RuntimeError that DuckDB raises on Ctrl-C."""

REMEDIES: dict[type[Exception], str] = {
    duckdb.PermissionException: "A query reads tables, not files: stedi tables lists them.",
    duckdb.OutOfMemoryException: "Raise STEDI_DUCKDB_MEMORY_LIMIT, or give STEDI_DUCKDB_SPILL_FOLDER more room.",
    duckdb.HTTPException: "Check the AWS_* variables and the network, and try again.",
    duckdb.IOException: "Check the folder's permissions and its free space.",
    duckdb.Error: "Correct the SELECT.",
    UnicodeDecodeError: "Correct the SELECT.",
}
"""From a type of error to the remedy; subclasses come before their base classes."""


@contextmanager
def open_connection(settings: Settings) -> Iterator[tuple[duckdb.DuckDBPyConnection, DuckDBEngine]]:
    """Opens an in-memory database that can read the lakehouse, and closes it at the end.

    Yields:
        The connection, and the engine that defines tables in it.

    Raises:
        StediError: The S3 extra is not installed, or there are no credentials.
    """
    with work_folder(settings.duckdb_spill_folder) as spill_folder:
        configuration = {**TABLES_ONLY, "temp_directory": str(spill_folder)}
        if settings.duckdb_memory_limit:
            configuration["memory_limit"] = settings.duckdb_memory_limit
        with duckdb.connect(config=configuration) as connection:
            engine = DuckDBEngine(connection, settings.lakehouse.aws)
            if engine.access:
                engine.access.renew()
                for name in CREDENTIALS:
                    connection.execute(f"RESET GLOBAL {name}")
            try:
                yield connection, engine
            except KeyboardInterrupt:
                # Otherwise closing would wait for DuckDB's threads, which Ctrl-C does not always stop.
                connection.interrupt()
                raise


def allow_only_files(connection: duckdb.DuckDBPyConnection, paths: Sequence[str]) -> None:
    """Permanently denies a connection access to any other file.

    Args:
        connection: A connection in which all tables are defined.
        paths: The files that it may still read or write.
    """
    connection.execute(f"SET allowed_paths = {literals(paths)}")
    connection.execute("SET enable_external_access = false; SET lock_configuration = true")


def refuse_credentials(connection: duckdb.DuckDBPyConnection, result: str) -> None:
    """Refuses a statement that can show the credentials of a bucket.

    The test looks at the query plan, not at the text: the function query() can compose SQL while a statement is bound.

    Args:
        connection: A connection in which all tables are defined.
        result: The statement as a subquery in parentheses.

    Raises:
        StediError: The statement may show credentials.
        duckdb.Error: The statement cannot be planned.
    """
    if "http_proxy" in result.lower():
        raise StediError(
            "A query may not read the settings of the proxy.", "A query reads tables: stedi tables lists them."
        )
    for _, plan in connection.execute(f"EXPLAIN (FORMAT json) FROM {result}").fetchall():
        if forbidden := FORBIDDEN_OPERATOR.search(plan):
            raise StediError(
                f"A query may not call {forbidden[1].lower()}, which can show the credentials of a bucket.",
                "A query reads tables: stedi tables lists them.",
            )


def refuse_missing_files(connection: duckdb.DuckDBPyConnection, name: str, version: int, files: Sequence[str]) -> None:
    """Refuses an earlier version of a table if a vacuum has deleted some of its files.

    Args:
        connection: Reads the files' footers.
        name: The table's name, for messages.
        version: The version, for messages.
        files: The paths of the version's Parquet files.

    Raises:
        StediError: A file is missing, or cannot be read.
    """
    if not files:
        return
    with duckdb_errors_explained():
        try:
            connection.execute(f"SELECT count(*) FROM parquet_file_metadata({literals(files)})")
        except duckdb.IOException as error:
            if not any(sign in str(error) for sign in MISSING_FILE):
                raise
            raise StediError(
                f"Version {version} of {name} can no longer be read: a vacuum has deleted some of its files.",
                f"Choose a later version: stedi history {name} lists them.",
            ) from None


@contextmanager
def duckdb_errors_explained() -> Iterator[None]:
    """Turns an error of DuckDB into one line with DuckDB's message and a remedy.

    The message is not masked: the author of the SELECT may see the values.

    Raises:
        StediError: DuckDB raised an error.
        KeyboardInterrupt: The user pressed Ctrl-C, for which DuckDB raises a RuntimeError.
    """
    try:
        yield
    except RuntimeError as error:
        if str(error) != INTERRUPTED:
            raise
        raise KeyboardInterrupt from None
    except FAILURES as error:
        if isinstance(error, duckdb.IOException) and (gone := missing_data_file(error)):
            raise gone from None
        remedy = next(remedy for kind, remedy in REMEDIES.items() if isinstance(error, kind))
        text = error.object.decode(errors="replace") if isinstance(error, UnicodeDecodeError) else str(error)
        # After an empty line, DuckDB repeats the statement with a caret below the error.
        message = " ".join(text.partition("\n\n")[0].split())
        raise StediError(f"{message.rstrip('.')}.", remedy) from None
