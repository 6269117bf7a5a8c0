"""Names for the files that a run writes into a table's folder, and their deletion when the run fails."""

import re
import uuid
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress

from stedi_assets.errors import StediError
from stedi_assets.storage.location import Location

ATTEMPT = r"part-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}[^/]*"

ATTEMPT_FILE = re.compile(rf"\.?{ATTEMPT}(/.*)?")
"""Matches the path, in a table's folder, of a file that an attempt wrote: of its own, in its folder, or a checksum."""


NOTE = re.compile(r"_stedi_[a-z]+(\.json|/[0-9a-f-]+\.json\.gz)")
"""Matches the path, in a table's folder, of this program's files about a table. Readers of Delta tables ignore them."""

STATE_FILE = "_stedi_state.json"
REJECTION_FILE = "_stedi_rejected.json"
LEDGER_FOLDER = "_stedi_ledger"
"""The names of these files in a table's folder, and of the folder that holds the parts of a ledger."""

LEDGER_KEY = "stedi.ledger"
"""The key of a commit's metadata that names the parts of the ledger, as JSON: a list of names with their entries."""


@contextmanager
def attempt(folder: Location) -> Iterator[str]:
    """Yields a new prefix for the names of an attempt's files, and deletes the files when the block fails.

    Args:
        folder: The table's folder, created where it does not exist.

    Raises:
        StediError: The folder cannot be created, or a link leads to it.
    """
    folder.refuse_links()
    prefix = f"part-{uuid.uuid4()}"
    folder.files.make_folder(folder.path)
    with discarded_on_failure(folder, prefix):
        yield prefix


@contextmanager
def discarded_on_failure(folder: Location, prefix: str) -> Iterator[None]:
    """Deletes the files in a table's folder whose names begin with a prefix when the block fails."""
    try:
        yield
    except BaseException:
        # The error to report is the block's.
        with suppress(StediError, OSError):
            folder.files.delete(folder.path, prefix)
        raise


@contextmanager
def files_discarded_on_failure(folder: Location, paths: Iterable[str]) -> Iterator[None]:
    """Deletes the files of attempts when the block fails.

    Args:
        folder: The table's folder.
        paths: The files, relative to the folder. Spark writes the files of an attempt into a folder of their own.
    """
    with ExitStack() as at_failure:
        for prefix in {path.partition("/")[0] for path in paths}:
            at_failure.enter_context(discarded_on_failure(folder, prefix))
        yield
