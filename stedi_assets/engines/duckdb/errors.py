"""Translation of DuckDB's errors to `StediError`, without the parts of a message that may quote a value."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import unquote

import duckdb

from stedi_assets.errors import StediError
from stedi_assets.storage.gone import DATA_FILE, data_file_gone
from stedi_assets.storage.refusals import refusal, unreachable, untrusted

OBJECT = re.compile(r"'((?:s3|https?)://[^']+)'|URL (s3://.+?): ")
"""The two ways in which DuckDB's messages name an object: its HTTP URL, or the path in the query."""

ERROR_CODE = re.compile(r"^([A-Z]\w+): ", re.MULTILINE)
NO_SUCH_FILE = re.compile(
    r'No files found that match the pattern "(.*?)"|Cannot open file "(.*?)": No such file', re.DOTALL
)
REFUSED_READING = re.compile(r"HTTP (?:GET|HEAD) error reading '[^']*' in region '[^']*' \(HTTP 403")
NO_SUCH_OBJECT = {"NoSuchKey", "404"}
STATUS = re.compile(r"HTTP (?:code )?(\d{3})")

UNTRUSTED = ("SSL peer certificate or SSH remote key was not OK", "SSL server verification failed")
NOT_REACHED = re.compile(r"IO Error: (\w[\w ]*) error for HTTP [A-Z]+ to '([^'?]*)")
"""DuckDB's message for a failed connection, with the reason and the URL."""

FAILURES = (duckdb.Error, UnicodeDecodeError)
"""The exceptions of DuckDB's Python client. Some messages quote the data and cut it within a multi-byte character; the
client then raises UnicodeDecodeError in place of DuckDB's own error."""


@contextmanager
def errors_explained(ask_store: Callable[[str], None] | None = None) -> Iterator[None]:
    """Raises a `StediError` in place of an error of DuckDB in the block.

    Args:
        ask_store: Requests the object of a URL with boto3, and raises the store's reason for a refusal. DuckDB's
            httplib client reports only the status, and neither of its clients reports a missing right to a KMS key.

    Raises:
        StediError: DuckDB raised an error. The message does not quote a value of the data.
    """
    try:
        yield
    except (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException) as error:
        raise StediError(
            f"The query cannot be computed: {_first_line(error)}.",
            "Correct the SELECT of the asset or the check. After a change of the contract, build its inputs first.",
        ) from None
    except duckdb.OutOfMemoryException:
        raise StediError(
            "DuckDB ran out of memory.",
            "Raise STEDI_DUCKDB_MEMORY_LIMIT, or give STEDI_DUCKDB_SPILL_FOLDER a disk with more room.",
        ) from None
    except duckdb.HTTPException as error:
        if ask_store and REFUSED_READING.search(str(error)):
            ask_store(_object(error))
        raise missing_data_file(error) or _refusal(error) from None
    except (duckdb.IOException, duckdb.PermissionException) as error:
        raise (
            missing_data_file(error)
            or _not_reached(error)
            or StediError(
                f"DuckDB could not read or write: {_first_line(error)}.",
                "Check the folder's permissions and its free space; the table is as it was.",
            )
        ) from None
    except FAILURES as error:
        raise StediError(
            f"The query failed with DuckDB's {type(error).__name__}.",
            "Its message is withheld because it may quote personal data: run the SELECT in DuckDB to see it.",
        ) from None


def missing_data_file(error: duckdb.Error) -> StediError | None:
    """Returns the error for a deleted Parquet file of a table; None if DuckDB's error has another cause."""
    if isinstance(error, duckdb.HTTPException):
        path = _object(error) if _code(error) in NO_SUCH_OBJECT else ""
    else:
        missing = NO_SUCH_FILE.search(str(error))
        path = next(filter(None, missing.groups())) if missing else ""
    return data_file_gone(path) if path.endswith(DATA_FILE) else None


def _not_reached(error: duckdb.Error) -> StediError | None:
    found = NOT_REACHED.search(str(error))
    if found is None:
        return None
    reason, url = found.groups()
    return untrusted(url) if reason in UNTRUSTED else unreachable(url, reason)


def _code(error: duckdb.HTTPException) -> str:
    _, *answer = str(error).splitlines()
    code = ERROR_CODE.search("\n".join(answer)) or STATUS.search(str(error))
    return code[1] if code else "no answer"


def _object(error: duckdb.HTTPException) -> str:
    found = OBJECT.search(str(error))
    name = next(filter(None, found.groups())) if found else ""
    return unquote(name) if name.startswith("http") else name


def _refusal(error: duckdb.HTTPException) -> StediError:
    path = _object(error) or "the bucket"
    # DuckDB only reads raw files. It reads and writes Parquet files.
    action = "s3:GetObject" if path.endswith((".json", ".gz")) else "s3:GetObject or s3:PutObject"
    return refusal(_code(error), path, action)


def _first_line(error: duckdb.Error) -> str:
    return str(error).partition("\n")[0]
