"""Files that a command writes: outside the lakehouse, and there only when complete."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stedi_assets.errors import StediError
from stedi_assets.storage.location import Location

SUFFIX_CHARACTERS = 20
"""How much of a file's suffix the name has that it is written under."""


@contextmanager
def replaced_when_complete(lakehouse: Location, file: Path) -> Iterator[Path]:
    """Gives a file another name while it is written, and its own when the block has ended well.

    Args:
        lakehouse: The folder that holds the tables.
        file: The file, replaced where it exists.

    Yields:
        The name to write to. No file has it.

    Raises:
        StediError: The file would lie in the lakehouse, or it cannot be written. It is as it was.
    """
    file = file.expanduser().resolve()
    if lakehouse.is_local and file.is_relative_to(lakehouse.local_path):
        raise StediError(
            f"The file {file} would lie in the lakehouse, among the files of tables.", "Choose another folder."
        )
    if not file.parent.is_dir():
        raise StediError(f"The folder {file.parent} does not exist.", "Create it.")
    # It ends as the file does, for DuckDB compresses what is to be .gz, and is short where the file's name is long.
    incomplete = file.with_name(f".{uuid.uuid4().hex}{file.suffix[:SUFFIX_CHARACTERS]}")
    try:
        # Asked before the work: the disk may not take such a name.
        file.exists()
        yield incomplete
        incomplete.replace(file)
    except OSError as error:
        raise StediError(f"The file {file} cannot be written: {error.strerror}.", "Choose another.") from None
    finally:
        incomplete.unlink(missing_ok=True)
