"""Output files of a command, which must lie outside the lakehouse and appear only when complete."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stedi_assets.errors import StediError
from stedi_assets.storage.location import Location

SUFFIX_CHARACTERS = 20
"""The most characters of the file's suffix in the temporary name: file systems limit the length of a name."""


@contextmanager
def atomic_output(lakehouse: Location, file: Path) -> Iterator[Path]:
    """Provides a temporary name for a file, and renames the file when the block has ended without an exception.

    Args:
        lakehouse: The folder that holds the tables.
        file: The file. An existing file is replaced.

    Yields:
        The temporary path, in the same folder. No file exists there.

    Raises:
        StediError: The file would lie in the lakehouse, or it cannot be written. An existing file is unchanged.
    """
    file = file.expanduser().resolve()
    if lakehouse.is_local and file.is_relative_to(lakehouse.local_path):
        raise StediError(
            f"The file {file} would lie in the lakehouse, among the files of tables.", "Choose another folder."
        )
    if not file.parent.is_dir():
        raise StediError(f"The folder {file.parent} does not exist.", "Create it.")
    # The temporary name keeps the suffix, by which DuckDB compresses a .gz file.
    incomplete = file.with_name(f".{uuid.uuid4().hex}{file.suffix[:SUFFIX_CHARACTERS]}")
    try:
        # Raises before the work if the file system refuses the name, such as one that is too long.
        file.exists()
        yield incomplete
        incomplete.replace(file)
    except OSError as error:
        raise StediError(f"The file {file} cannot be written: {error.strerror}.", "Choose another.") from None
    finally:
        incomplete.unlink(missing_ok=True)
