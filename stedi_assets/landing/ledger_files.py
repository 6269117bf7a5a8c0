"""The files of a ledger: a commit writes the entries that it changes, and names the parts that make up the ledger.

Each part is a small compressed file in the table's folder, written once and never changed. The metadata of a commit
names the parts of its version, the oldest first; a later part counts before an earlier one. So the ledger of a version
is as atomic as the commit, and an earlier version keeps its own. A new part takes in the parts before it that are not
larger, so that a ledger of n entries has about log2(n) parts, and a commit costs what it changes.
"""

import gzip
import json
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter

from stedi_assets.landing.ledger import Ledger, LedgerEntry
from stedi_assets.storage.attempt import LEDGER_FOLDER
from stedi_assets.storage.location import Location

FIELDS = tuple(field.name for field in fields(LedgerEntry))

values_of = attrgetter(*FIELDS)


@dataclass(frozen=True)
class Part:
    """Entries that a commit changed.

    Attributes:
        entries: The entries of files that were read.
        gone: The names of the files that were removed.
    """

    entries: Sequence[LedgerEntry]
    gone: Sequence[str]

    @property
    def size(self) -> int:
        """The number of names."""
        return len(self.entries) + len(self.gone)


def read_ledger(table: Location, parts: str) -> Ledger | None:
    """Reads the ledger of a version.

    Args:
        table: The table's folder.
        parts: The metadata of the version's commit under `LEDGER_KEY`.

    Returns:
        From a file's name to its entry; None where a part is gone.

    Raises:
        StediError: The store refuses.
    """
    ledger: dict[str, LedgerEntry] = {}
    for named in json.loads(parts):
        if isinstance(named, dict):
            # An earlier release kept the entries themselves in the metadata.
            ledger[named["name"]] = LedgerEntry(**named)
            continue
        part = _read(table, named[0])
        if part is None:
            return None
        for name in part.gone:
            ledger.pop(name, None)
        ledger |= {entry.name: entry for entry in part.entries}
    return ledger


def write_ledger(table: Location, before: str | None, ledger: Ledger, changed: Part) -> str:
    """Writes the part of a ledger that a commit changes.

    Args:
        table: The table's folder.
        before: The metadata of the commit before under `LEDGER_KEY`; None to write the whole ledger.
        ledger: The whole ledger of the new version.
        changed: The entries that are new or changed, and the names that are gone.

    Returns:
        The metadata for the new commit.

    Raises:
        StediError: The store refuses.
    """
    named = [] if before is None else json.loads(before)
    if before is None or any(isinstance(each, dict) for each in named):
        return json.dumps([_write(table, Part(list(ledger.values()), ()))])
    while named and named[-1][1] <= changed.size:
        earlier = _read(table, named.pop()[0])
        if earlier is None:
            return json.dumps([_write(table, Part(list(ledger.values()), ()))])
        changed = _merged(earlier, changed, is_first=not named)
    return json.dumps([*named, *([_write(table, changed)] if changed.size or not named else [])])


def _merged(earlier: Part, later: Part, *, is_first: bool) -> Part:
    entries = {entry.name: entry for entry in earlier.entries}
    for name in later.gone:
        entries.pop(name, None)
    entries |= {entry.name: entry for entry in later.entries}
    # The first part of all has nothing before it that could hold a file that is gone.
    gone = () if is_first else sorted({*earlier.gone, *later.gone} - entries.keys())
    return Part(list(entries.values()), gone)


def _write(table: Location, part: Part) -> list[str | int]:
    name = f"{uuid.uuid4()}.json.gz"
    content = {"fields": FIELDS, "entries": [values_of(entry) for entry in part.entries], "gone": list(part.gone)}
    text = json.dumps(content, separators=(",", ":"))
    table.files.write(f"{table}/{LEDGER_FOLDER}/{name}", gzip.compress(text.encode(), compresslevel=1, mtime=0))
    return [name, part.size]


def _read(table: Location, name: str) -> Part | None:
    stored = table.files.read(f"{table}/{LEDGER_FOLDER}/{name}")
    if stored is None:
        return None
    content = json.loads(gzip.decompress(stored))
    return Part(_entries(content["fields"], content["entries"]), content["gone"])


def _entries(names: Sequence[str], rows: Iterable[Sequence[object]]) -> list[LedgerEntry]:
    if tuple(names) == FIELDS:
        return [LedgerEntry(*row) for row in rows]  # type: ignore[arg-type]
    # Another release wrote the part. Fields that it does not know keep their default.
    known = set(FIELDS)
    return [
        LedgerEntry(**{name: value for name, value in zip(names, row, strict=True) if name in known})  # type: ignore[arg-type]
        for row in rows
    ]
