"""Which raw files a landing folder holds."""

from collections.abc import Sequence
from dataclasses import dataclass

from stedi_assets.errors import StediError
from stedi_assets.storage.location import Location
from stedi_assets.tables import Source

SUFFIXES = (".json", ".json.gz")


@dataclass(frozen=True)
class LandingFile:
    """One raw file.

    Attributes:
        path: Its path.
        size: Bytes, as stored.
    """

    path: str
    size: int


def list_landing_files(root: Location, source: Source) -> Sequence[LandingFile]:
    """Lists the raw files of a source, sorted by path.

    Args:
        root: The landing root.
        source: Whose files; the folder is `source.path` below the root.

    Returns:
        The files that end in .json or .json.gz, without hidden ones.

    Raises:
        StediError: The folder is missing, unreadable or holds no such file.
    """
    folder = root / source.path
    remedy = "Put the files there, or set STEDI_LANDING to the folder that holds customer/landing and its siblings."
    try:
        entries = sorted(folder.local_path.iterdir())
        files = [
            LandingFile(str(entry), entry.stat().st_size)
            for entry in entries
            if entry.name.endswith(SUFFIXES) and not entry.name.startswith(".")
        ]
    except OSError as error:
        raise StediError(f"The landing folder {folder} cannot be read: {error.strerror}.", remedy) from None
    if not files:
        raise StediError(f"The landing folder {folder} holds no {' or '.join(SUFFIXES)} file.", remedy)
    return files
