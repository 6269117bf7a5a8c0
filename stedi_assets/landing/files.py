"""Which raw files a landing folder holds, and their content."""

import io
from collections.abc import Sequence
from dataclasses import dataclass, field

from stedi_assets.errors import StediError
from stedi_assets.landing.compression import Decompressed
from stedi_assets.storage.files import Files, StoredFile
from stedi_assets.storage.location import Location
from stedi_assets.tables import Source

SUFFIXES = (".json", ".json.gz")

BUFFER_BYTES = 1 << 18
"""How many bytes of content are read at once, at least."""


@dataclass(frozen=True)
class LandingFile(StoredFile):
    """One raw file.

    Attributes:
        files: What opens it.
    """

    files: Files = field(repr=False, compare=False)

    @property
    def is_compressed(self) -> bool:
        """Whether it is stored as gzip."""
        return self.name.endswith(".gz")

    def open_stored(self) -> io.RawIOBase:
        """Opens the file as it is stored.

        Raises:
            StediError: The file cannot be opened.
        """
        return self.files.open(self)

    def open(self) -> "RawContent":
        """Opens the file's content, decompressed.

        Raises:
            StediError: The file cannot be opened.
        """
        stored = self.open_stored()
        return RawContent(Decompressed(stored) if self.is_compressed else stored)


class RawContent(io.BufferedReader):
    """A raw file's content, decompressed."""

    def __init__(self, raw: io.RawIOBase) -> None:
        """Prepares to read.

        Args:
            raw: The content.
        """
        super().__init__(raw, buffer_size=BUFFER_BYTES)

    @property
    def is_damaged(self) -> bool:
        """Whether compressed data broke off or could not be read on; known once all is read."""
        return isinstance(self.raw, Decompressed) and self.raw.is_damaged


def list_landing_files(root: Location, source: Source) -> Sequence[LandingFile]:
    """Lists the raw files of a source, sorted by name.

    Args:
        root: The landing root.
        source: Whose files; the folder is `source.path` below the root.

    Returns:
        The files that end in .json or .json.gz, without hidden ones.

    Raises:
        StediError: The folder is missing, unreadable or holds no such file.
    """
    found, _ = first_landing_files(root, source, None)
    return found


def first_landing_files(root: Location, source: Source, limit: int | None) -> tuple[Sequence[LandingFile], bool]:
    """Lists the raw files of a source as far as a limit, sorted by name.

    Args:
        root: The landing root.
        source: Whose files; the folder is `source.path` below the root.
        limit: Look at no more than the first so many files of the folder, raw files or not.

    Returns:
        The files that end in .json or .json.gz, without hidden ones, and whether the folder may hold more.

    Raises:
        StediError: The folder is missing, unreadable or holds no such file.
    """
    folder = root / source.path
    remedy = "Put the files there, or set STEDI_LANDING to the folder that holds customer/landing and its siblings."
    files = folder.files
    stored = files.list(folder.path, remedy, limit)
    found = [
        LandingFile(file.path, file.name, file.size, file.modified, files)
        for file in stored
        if file.name.endswith(SUFFIXES) and not file.name.startswith(".")
    ]
    if not found:
        raise StediError(f"The folder {folder} holds no {' or '.join(SUFFIXES)} file.", remedy)
    return found, len(stored) == limit
