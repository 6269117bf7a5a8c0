"""The ledger: the list of the raw files whose rows a landing table holds, stored with the commit of the rows."""

import hashlib
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Literal

from stedi_assets.errors import GoneError
from stedi_assets.landing.files import LandingFile

BEGINNING_BYTES = 4_096
"""Files of equal size are hashed as a whole only if this many first bytes are equal too."""


@dataclass(frozen=True)
class LedgerEntry:
    """The result of reading one raw file.

    The four byte counts are of the decompressed content, and 0 if the reader was strict. Otherwise the last three add
    up to the first.

    Attributes:
        name: The file's path below the landing folder.
        size: The file's size in bytes, as stored.
        modified: A text that changes when the file's content does; see `StoredFile.modified`.
        reader: `strict` if the engine's fast reader accepted the whole file, and with it every byte; `exact` if the
            exact reader read the file and counted the bytes.
        rows: The number of records that became rows.
        quarantined: The number of records in the quarantine.
        bytes_total: All bytes.
        bytes_in_rows: The bytes of the records that became rows.
        bytes_quarantined: The bytes in the quarantine.
        bytes_between: The bytes between records: white space, commas, brackets and the byte order mark.
        unknown_keys: From a key that the contract does not have to the number of records with it.
        digest: The BLAKE2b hash of the stored bytes, 32 hex digits. It is empty unless another file has the same size
            and the same first bytes.
        read_at: The time of the reading, in milliseconds since 1970.
        beginning: The BLAKE2b hash of the first bytes, 16 hex digits. It is empty unless another file has the same
            size.
    """

    name: str
    size: int
    modified: str
    reader: Literal["strict", "exact"]
    rows: int
    quarantined: int = 0
    bytes_total: int = 0
    bytes_in_rows: int = 0
    bytes_quarantined: int = 0
    bytes_between: int = 0
    unknown_keys: Mapping[str, int] = field(default_factory=dict)
    digest: str = ""
    read_at: int = 0
    beginning: str = ""


Ledger = Mapping[str, LedgerEntry]
"""From a file's name to its entry."""


@dataclass(frozen=True)
class Changes:
    """The differences between a landing folder and a ledger.

    Attributes:
        to_read: The files that are new or changed.
        replaced: The names of the files in the ledger that are changed or gone. Their old rows must go.
        kept: The ledger's entries of the unchanged files, and of the archived ones.
        archived: The names of the files in the ledger that are gone, and whose rows stay all the same.
    """

    to_read: Sequence[LandingFile]
    replaced: Sequence[str]
    kept: Sequence[LedgerEntry]
    archived: Sequence[str] = ()

    @property
    def gone(self) -> list[str]:
        """The names of the files in the ledger that the folder no longer holds and whose rows must go, sorted."""
        return sorted({*self.replaced} - {file.name for file in self.to_read})

    def __bool__(self) -> bool:
        """Whether there is a difference."""
        return bool(self.to_read or self.replaced)


def changes(files: Iterable[LandingFile], ledger: Ledger, *, keeps_gone: bool) -> Changes:
    """Compares the files of a landing folder with a ledger. A file has changed if its size or `modified` differs.

    Args:
        files: The files of the folder.
        ledger: The ledger of the landing table.
        keeps_gone: Whether the rows of files that are gone stay.
    """
    recorded = {name: (entry.size, entry.modified) for name, entry in ledger.items()}
    to_read = [file for file in files if recorded.get(file.name) != (file.size, file.modified)]
    listed = {file.name for file in files}
    # A file of which the landing table never had anything has nothing to keep.
    archived = [name for name, entry in ledger.items() if name not in listed and (entry.modified or entry.rows)]
    archived = archived if keeps_gone else []
    kept = (listed - {file.name for file in to_read}).union(archived)
    return Changes(
        to_read,
        [name for name in ledger if name not in kept],
        [entry for name, entry in ledger.items() if name in kept],
        archived,
    )


def with_digests(
    entries: Iterable[LedgerEntry], files: Iterable[LandingFile], *, of_all: bool = False
) -> list[LedgerEntry]:
    """Returns the entries, with a digest in each whose file may be a copy of another file in the ledger.

    Only files of the same size and the same first bytes are hashed. A check then compares their digests.

    Args:
        entries: The entries of a ledger. One whose file is gone stays as it is.
        files: The files of the landing folder.
        of_all: Whether to hash every file: a later copy of a file that is gone by then can be found by its hash alone.
    """
    entries = list(entries)
    by_name = {file.name: file for file in files}
    sizes = Counter(entry.size for entry in entries)
    begun = [
        replace(entry, beginning=_beginning(by_name[entry.name]))
        if not entry.beginning and (of_all or sizes[entry.size] > 1) and entry.name in by_name
        else entry
        for entry in entries
    ]
    twins = Counter((entry.size, entry.beginning) for entry in begun if entry.beginning)
    return [
        replace(entry, digest=_digest(by_name[entry.name]))
        if not entry.digest and (of_all or twins[entry.size, entry.beginning] > 1) and entry.name in by_name
        else entry
        for entry in begun
    ]


def _beginning(file: LandingFile) -> str:
    with suppress(GoneError), io.BufferedReader(file.open_stored()) as content:
        return hashlib.blake2b(content.read(BEGINNING_BYTES), digest_size=8).hexdigest()
    # A file that is gone cannot be compared: its own name matches no other file's beginning.
    return hashlib.blake2b(file.name.encode(), digest_size=8).hexdigest()


def _digest(file: LandingFile) -> str:
    with suppress(GoneError), io.BufferedReader(file.open_stored()) as content:
        return hashlib.file_digest(content, "blake2b").hexdigest()[:32]
    return ""
