"""The raw files of a landing folder: listing and opening."""

import hashlib
import io
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from stedi_assets.contract import SOURCES, Source, folders_in_words
from stedi_assets.errors import StediError
from stedi_assets.salvage.content import Content
from stedi_assets.storage.files import Files
from stedi_assets.storage.listing import StoredFile
from stedi_assets.storage.location import Location


@dataclass(frozen=True)
class LandingFile(StoredFile):
    """One raw file.

    Attributes:
        files: The storage that opens the file.
    """

    files: Files = field(repr=False, compare=False)

    def open_stored(self) -> io.RawIOBase:
        """Opens the file's bytes as stored, possibly compressed.

        Raises:
            GoneError: The file has been removed since it was listed.
            StediError: The file cannot be opened.
        """
        return self.files.open(self)

    def open(self) -> Content:
        """Opens the file's content, decompressed and converted to UTF-8.

        Raises:
            GoneError: The file has been removed since it was listed.
            StediError: The file cannot be opened.
        """
        return Content(self.open_stored())


@dataclass(frozen=True)
class LandingFolder:
    """The listing of a landing folder.

    Attributes:
        files: The raw files of the folder and its subfolders, sorted by name. A name is the path below the folder.
        passed_over: From the name of each entry that is not read to the reason.
    """

    files: Sequence[LandingFile]
    passed_over: Mapping[str, str]


def list_landing_files(root: Location, source: Source, after: str = "", *, may_be_empty: bool = False) -> LandingFolder:
    """Lists the raw files of a source: every regular file that is not hidden, whatever its suffix.

    Args:
        root: The landing root.
        source: The source, whose folder is `source.path` below the root.
        after: List only the files whose names come after this one.
        may_be_empty: Whether the folder may hold no file, because all its files may be archived.

    Raises:
        StediError: The folder is unreadable, a symbolic link leads out of the root, or the whole folder holds no file
            or is missing, although the source is not optional.
    """
    folder = root / source.path
    # A missing root is a mistake, whatever its sources are.
    if source.optional and folder.is_local and root.local_path.is_dir() and not os.path.lexists(folder.path):
        return LandingFolder([], {})
    files = folder.files
    listing = files.list(folder.path, root.path, after, follows_links=root.follows_links)
    if not (listing.files or after or may_be_empty or source.optional):
        raise StediError(
            f"The folder {folder} holds no file to read.",
            f"Put the files there, or set STEDI_LANDING to the folder that holds {folders_in_words()}.",
        )
    found = [LandingFile(file.path, file.name, file.size, file.modified, files) for file in listing.files]
    return LandingFolder(found, listing.passed_over)


def files_digest(files: Iterable[LandingFile]) -> str:
    """Returns a digest, 16 hex digits, that changes when a file is added, changed or removed.

    Args:
        files: The files of a folder, in the order of the listing.
    """
    listed = [(file.name, file.size, file.modified) for file in files]
    return hashlib.sha256(json.dumps(listed).encode()).hexdigest()[:16]


def landing_digest(root: Location) -> str:
    """Returns a digest, 16 hex digits, of the names and sizes of all raw files below a landing root.

    A copy of the files has the same digest, on disk or in a bucket, because the times of the files do not count. No
    file is opened.

    Args:
        root: The landing root.

    Raises:
        StediError: A folder is missing or unreadable, or a symbolic link leads out of the root.
    """
    listed = [
        (source.path, file.name, file.size)
        for source in SOURCES.values()
        for file in list_landing_files(root, source, may_be_empty=True).files
    ]
    return hashlib.sha256(json.dumps(sorted(listed)).encode()).hexdigest()[:16]
