"""Translation of Spark's errors to `StediError`, without the parts of a message that may quote a value."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import unquote

from py4j.protocol import Py4JError, Py4JJavaError  # type: ignore[import-untyped]
from pyspark.errors import AnalysisException, PySparkException

from stedi_assets.errors import StediError
from stedi_assets.storage.causes import ABOUT_KMS, KMS
from stedi_assets.storage.gone import data_file_gone
from stedi_assets.storage.refusals import refusal

REFUSED_BY_FILE_SYSTEM = re.compile(
    r"[^\n:]+ \(Permission denied\)|Mkdirs failed to create [^\n]+?(?=/_temporary|[\n(]|$)|Permission denied"
    r"|No space left on device|Disk quota exceeded"
)
"""The part of a message that gives the file system's reason, and the path if the message has one."""

SIGNS_OF_A_STORE = {
    ABOUT_KMS: KMS,
    "InvalidObjectState": "InvalidObjectState",
    "ExpiredToken": "ExpiredToken",
    # The response to a HEAD request has no body, and so no error code. s3a reports each 403 as AccessDenied, whether
    # the caller may not read the object or may not use its KMS key.
    "AccessDenied": "403",
}
"""From a text in a message of s3a to the error code of the store, or to the HTTP status if there is no code."""

OBJECT = re.compile(r"s3a://([^\n]+?\.(?:parquet|json|gz)\b)")

OUT_OF_MEMORY = re.compile(r"OutOfMemoryError|Java heap space|GC overhead limit exceeded")

MISSING = re.compile(r"FAILED_READ_FILE\.FILE_NOT_EXIST|PATH_NOT_FOUND|FileNotFoundException")

MISSING_DATA_FILE = re.compile(r"(file:(?://)?|s3a:/)(/[^\n]*?\.parquet)")
"""The scheme and the path of a missing Parquet file in a message of Spark."""


@contextmanager
def errors_explained() -> Iterator[None]:
    """Raises a `StediError` in place of an error of Spark in the block.

    Raises:
        StediError: Spark raised an error. The message does not quote a value of the data.
    """
    try:
        yield
    except (PySparkException, Py4JError) as error:
        raise explained(error) from None


def explained(error: PySparkException | Py4JError) -> StediError:
    """Returns the `StediError` for an error of Spark, without a value of the data."""
    text = str(error)
    if code := next((code for sign, code in SIGNS_OF_A_STORE.items() if sign in text), None):
        found = OBJECT.search(text)
        return refusal(code, f"s3://{found[1]}" if found else "the bucket", "s3:GetObject or s3:PutObject")
    if refused := REFUSED_BY_FILE_SYSTEM.search(text):
        return StediError(
            f"Spark could not read or write: {refused[0].strip()}.",
            "Check the folder's permissions and its free space; the table is as it was.",
        )
    if MISSING.search(text):
        if data_file := MISSING_DATA_FILE.search(text):
            return data_file_gone(unquote(data_file[2]))
        return StediError(
            "Spark could not read a file that a table or a landing folder had a moment ago.",
            "Materialize the asset again, and make sure that nothing deletes files meanwhile.",
        )
    if OUT_OF_MEMORY.search(text):
        return StediError(
            "Spark ran out of memory.",
            "Raise spark.driver.memory, or on a cluster spark.executor.memory, in STEDI_SPARK_CONF.",
        )
    if isinstance(error, AnalysisException) or _condition(error).startswith("UNSUPPORTED_DATA_TYPE"):
        return StediError(
            f"The query cannot be computed: {first_line(error)}.",
            "Correct the SELECT of the asset or the check. After a change of the contract, build its inputs first.",
        )
    if isinstance(error, Py4JError) and not isinstance(error, Py4JJavaError):
        return StediError("Spark's process has ended.", "See its log, and materialize the asset again.")
    return StediError(
        f"The query failed with Spark's {_condition(error)}.",
        "Its message is withheld because it may quote personal data: run the SELECT in Spark to see it.",
    )


def first_line(error: Exception) -> str:
    """Returns the first line of an error's message, without the stack trace of Java that may follow."""
    text = error.java_exception.toString() if isinstance(error, Py4JJavaError) else str(error)
    return str(text).strip().partition("\n")[0].rstrip(".; ")


def _condition(error: Exception) -> str:
    condition = error.getCondition() if isinstance(error, PySparkException) else None
    return condition or type(error).__name__
