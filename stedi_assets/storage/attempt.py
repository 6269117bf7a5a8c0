"""An attempt to write files into a table's folder, which leaves nothing behind when it fails."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from stedi_assets.errors import StediError
from stedi_assets.storage.location import Location


@contextmanager
def attempt(folder: Location) -> Iterator[str]:
    """Gives an attempt its files' names, and deletes the files when it fails.

    Args:
        folder: The table's folder, created where it does not exist.

    Yields:
        The beginning of the name of every file the attempt may write into the folder.

    Raises:
        StediError: The folder cannot be created.
    """
    prefix = f"part-{uuid.uuid4()}"
    try:
        folder.local_path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StediError(
            f"The folder {folder} cannot be created: {error.strerror}.",
            "Make it writable, or set STEDI_LAKEHOUSE to a folder that is.",
        ) from None
    with discarded_on_failure(folder, f"{prefix}*"):
        yield prefix


@contextmanager
def discarded_on_failure(folder: Location, pattern: str) -> Iterator[None]:
    """Deletes files of a table's folder when the block fails.

    Args:
        folder: The table's folder.
        pattern: What their names match.
    """
    try:
        yield
    except BaseException:
        for file in folder.local_path.glob(pattern):
            with suppress(OSError):
                file.unlink()
        raise
