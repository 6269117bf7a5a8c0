"""The ledger: which raw files a landing table holds, kept in the same commit as their rows."""

import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from typing import Literal

from stedi_assets.errors import GoneError
from stedi_assets.landing.files import LandingFile

LEDGER_KEY = "stedi.ledger"
"""The commit's metadata that holds the ledger, as JSON: about 200 bytes a file."""


BEGINNING_BYTES = 4_096
"""How many bytes two files of equal size must share before their whole contents are compared."""


@dataclass(frozen=True)
class LedgerEntry:
    """What became of one raw file.

    Attributes:
        name: The file's path below the landing folder.
        size: Its bytes, as stored.
        modified: The mark that changes when the file does.
        reader: `strict` where the engine's own strict reader took the whole file, which proves that every byte is in a
            row or between rows; `exact` where the bytes were counted.
        rows: The records that are rows.
        quarantined: The stretches that are in the quarantine.
        bytes_total: The bytes of the decompressed file; 0 where the reader was strict, as the next three.
        bytes_in_rows: Those of the records that are rows.
        bytes_quarantined: Those in the quarantine.
        bytes_between: White space, commas, brackets and the byte order mark between records.
        unknown_keys: Records by the name of a key that the contract does not have.
        digest: Of its content, where another file has the same size and beginning.
        read_at: When it was read, in milliseconds since 1970.
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


Ledger = Mapping[str, LedgerEntry]
"""From a file's name to what became of it."""


@dataclass(frozen=True)
class Changes:
    """How a landing folder differs from a ledger.

    Attributes:
        to_read: The files that are new or changed.
        replaced: The names of those in the ledger that changed or are gone.
        kept: The entries of the files that are as they were.
    """

    to_read: Sequence[LandingFile]
    replaced: Sequence[str]
    kept: Sequence[LedgerEntry]

    def __bool__(self) -> bool:
        """Whether anything changed."""
        return bool(self.to_read or self.replaced)


def changes(files: Iterable[LandingFile], ledger: Ledger) -> Changes:
    """Compares a landing folder with a ledger.

    Args:
        files: What the folder holds now.
        ledger: What the table holds.

    Returns:
        What to read, what to replace and what to keep.
    """
    marks = {name: (entry.size, entry.modified) for name, entry in ledger.items()}
    to_read = [file for file in files if marks.get(file.name) != (file.size, file.modified)]
    unchanged = {file.name for file in files} - {file.name for file in to_read}
    return Changes(
        to_read,
        [name for name in ledger if name not in unchanged],
        [entry for name, entry in ledger.items() if name in unchanged],
    )


def with_digests(entries: Iterable[LedgerEntry], files: Iterable[LandingFile]) -> list[LedgerEntry]:
    """Adds what tells files of equal content, for those that may have a twin: files of one size and beginning.

    Args:
        entries: The ledger's entries.
        files: The files that they are about.

    Returns:
        The entries, with a digest where another one has the same size and beginning.
    """
    entries = list(entries)
    by_name = {file.name: file for file in files}
    sizes = Counter(entry.size for entry in entries)
    beginnings = {
        entry.name: (entry.size, _beginning(by_name[entry.name])) for entry in entries if sizes[entry.size] > 1
    }
    twins = Counter(beginnings.values())
    return [
        replace(entry, digest=entry.digest or _digest(by_name[entry.name]))
        if entry.name in beginnings and twins[beginnings[entry.name]] > 1
        else entry
        for entry in entries
    ]


def _beginning(file: LandingFile) -> bytes:
    with suppress(GoneError), io.BufferedReader(file.open_stored()) as content:
        return content.read(BEGINNING_BYTES)
    # A file that is gone has no twin.
    return file.name.encode()


def _digest(file: LandingFile) -> str:
    with suppress(GoneError), io.BufferedReader(file.open_stored()) as content:
        return hashlib.file_digest(content, "blake2b").hexdigest()[:32]
    return ""


def to_json(entries: Iterable[LedgerEntry]) -> str:
    """Writes a ledger as JSON.

    Args:
        entries: Its entries.
    """
    return json.dumps([asdict(entry) for entry in entries], separators=(",", ":"))


def from_json(text: str) -> Ledger:
    """Reads a ledger back.

    Args:
        text: What `to_json` wrote.
    """
    entries = (LedgerEntry(**values) for values in json.loads(text))
    return {entry.name: entry for entry in entries}
