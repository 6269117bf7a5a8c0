"""An attempt to write files into a table's folder, which leaves nothing behind when it fails."""

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from stedi_assets.errors import StediError
from stedi_assets.storage.location import Location

ATTEMPT = r"part-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}[^/]*"

ATTEMPT_FILE = re.compile(rf"\.?{ATTEMPT}(/.*)?")
"""The path, in a table's folder, of what an attempt wrote: a file, or a folder of files, and the checksums of both."""


@contextmanager
def attempt(folder: Location) -> Iterator[str]:
    """Gives an attempt its files' names, and deletes the files when it fails.

    Args:
        folder: The table's folder, created where it does not exist.

    Yields:
        The beginning of the name of every file the attempt may write into the folder.

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
    """Deletes files of a table's folder when the block fails.

    Args:
        folder: The table's folder.
        prefix: The beginning of their names.
    """
    try:
        yield
    except BaseException:
        # The first failure is the one to tell of.
        with suppress(StediError, OSError):
            folder.files.delete(folder.path, prefix)
        raise
