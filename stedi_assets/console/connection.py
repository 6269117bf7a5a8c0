"""DuckDB for one command: a connection of its own, errors as one line, and the shutter against all but tables."""

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

NOTHING_ELSE: dict[str, str | bool | int | float | list[str]] = {
    # No variable of this program may be taken for a table, and no secret be used that the user keeps for other work.
    "python_enable_replacements": False,
    "allow_persistent_secrets": False,
}

SHUT = {**NOTHING_ELSE, "enable_external_access": False, "lock_configuration": True}
"""How a connection is opened that reaches no file at all."""

CREDENTIALS = ("s3_access_key_id", "s3_secret_access_key", "s3_session_token")
"""The settings that httpfs fills from the environment, and that a SELECT can read; the secret is what holds."""

CLOSED = (
    "DUCKDB_SECRETS",
    "DUCKDB_SETTINGS",
    "DUCKDB_LOGS",
    "ENABLE_LOGGING",
    "ENABLE_PROFILING",
    "JSON_EXECUTE_SERIALIZED_SQL",
)
"""The operators of a plan that can show credentials: DuckDB redacts a part of them only, its logs quote requests, and
the last runs a statement with a plan of its own."""

CLOSED_OPERATOR = re.compile(rf'"name": "({"|".join(CLOSED)}) *"')

MISSING_FILE = ("No files found", "404")
"""How DuckDB says that a file is gone, on disk and in a bucket."""

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
"""From a kind of error to what to do, the narrower kind first."""


@contextmanager
def open_connection(settings: Settings) -> Iterator[tuple[duckdb.DuckDBPyConnection, DuckDBEngine]]:
    """Opens an in-memory database that reaches the lakehouse, and closes it at the end.

    Args:
        settings: Say where the lakehouse is, and what DuckDB may use.

    Yields:
        The connection, and the engine that defines tables in it.

    Raises:
        StediError: S3 needs what is not installed, or there are no credentials.
    """
    with work_folder(settings.duckdb_spill_folder) as spill_folder:
        configuration = {**NOTHING_ELSE, "temp_directory": str(spill_folder)}
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
                # Closing waits for DuckDB's threads, which may not have heard of it.
                connection.interrupt()
                raise


def allow_only(connection: duckdb.DuckDBPyConnection, paths: Sequence[str]) -> None:
    """Shuts a connection off from every file but some, for good.

    Args:
        connection: Whose tables are all defined.
        paths: The files that it may still read or write.
    """
    connection.execute(f"SET allowed_paths = {literals(paths)}")
    connection.execute("SET enable_external_access = false; SET lock_configuration = true")


def refuse_credentials(connection: duckdb.DuckDBPyConnection, result: str) -> None:
    """Refuses a statement that shows the credentials of a bucket.

    The plan says so whatever the statement looks like: its text may be put together by query() while it is bound.

    Args:
        connection: Whose tables are all defined.
        result: The statement, as what may follow FROM.

    Raises:
        StediError: The statement shows them, or may.
        duckdb.Error: The statement cannot be planned.
    """
    if "http_proxy" in result.lower():
        raise StediError(
            "A query may not read the settings of the proxy.", "A query reads tables: stedi tables lists them."
        )
    for _, plan in connection.execute(f"EXPLAIN (FORMAT json) FROM {result}").fetchall():
        if closed := CLOSED_OPERATOR.search(plan):
            raise StediError(
                f"A query may not call {closed[1].lower()}, which can show the credentials of a bucket.",
                "A query reads tables: stedi tables lists them.",
            )


def refuse_missing_files(connection: duckdb.DuckDBPyConnection, name: str, version: int, files: Sequence[str]) -> None:
    """Refuses an earlier version of a table whose files a vacuum has removed.

    Args:
        connection: Reads the files' footers.
        name: The table's name.
        version: The version.
        files: The paths of its Parquet files.

    Raises:
        StediError: A file is missing, or cannot be read.
    """
    if not files:
        return
    with errors_shown():
        try:
            connection.execute(f"SELECT count(*) FROM parquet_file_metadata({literals(files)})")
        except duckdb.IOException as error:
            if not any(sign in str(error) for sign in MISSING_FILE):
                raise
            raise StediError(
                f"Version {version} of {name} can no longer be read: a vacuum has removed files of it.",
                f"Choose a later one: stedi history {name} lists the versions.",
            ) from None


@contextmanager
def errors_shown() -> Iterator[None]:
    """Explains what DuckDB raises in the block, in DuckDB's words: whoever wrote the SELECT may see the values.

    Raises:
        StediError: DuckDB raised an error.
        KeyboardInterrupt: The user stopped DuckDB, which raises something else for it.
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
        # What follows an empty line draws the statement again, with a caret.
        message = " ".join(text.partition("\n\n")[0].split())
        raise StediError(f"{message.rstrip('.')}.", remedy) from None
