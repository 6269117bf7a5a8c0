"""Looking through every file that is left for what names a person."""

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

import duckdb

from stedi_assets.contract import SOURCES, TABLES, Source
from stedi_assets.engines.duckdb.errors import FAILURES, errors_explained
from stedi_assets.engines.duckdb.s3 import S3Access
from stedi_assets.engines.duckdb.text import identifier, read_parquet
from stedi_assets.erasure.certificate import Certificate
from stedi_assets.erasure.person import LONGEST_NAME_BYTES, NAMING_KEYS, SEARCHED_BYTES, Mention, Person
from stedi_assets.erasure.plan import seekable
from stedi_assets.erasure.redaction import find_records
from stedi_assets.lakehouse.lakehouse import Lakehouse
from stedi_assets.landing.files import LandingFile
from stedi_assets.salvage.content import Content
from stedi_assets.storage.files import Files
from stedi_assets.storage.holder import LEASE_NAME
from stedi_assets.storage.listing import StoredFile
from stedi_assets.storage.location import Location

PARQUET = b"PAR1"
CHECKSUM = b"crc\0"
"""How the checksums begin that Hadoop writes beside a file."""

IS_DAMAGED = "its compression breaks off"
IS_NO_TEXT = "it is neither text nor Parquet"
IS_BROKEN_PARQUET = "it cannot be read as Parquet"
"""Why a file is not verified."""

NUMBERS = re.compile(r"(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL\(.*\)|BOOLEAN|DATE|TIME.*)$")
"""DuckDB's types whose values are no text."""

QUARANTINED_TEXT = "text"
CONTRACT_COLUMNS = frozenset(column.name.lower() for table in TABLES.values() for column in table.columns)


def verify(lakehouse: Lakehouse, person: Person, certificate: Certificate) -> None:
    """Searches every file of the landing root and of the lakehouse, hidden files too.

    Args:
        lakehouse: Says where.
        person: Who must not be named.
        certificate: Is told what was read, what names the person still, and what could not be read.

    Raises:
        StediError: A file cannot be opened.
    """
    for root in (lakehouse.root, lakehouse.landing):
        with _reading(root) as connection:
            for file in root.files.walk(str(root), follows_links=root.follows_links):
                # The lease is the erasure's own, and changes while it is read.
                if file.path == str(root / LEASE_NAME):
                    continue
                certificate.files_read += 1
                path = os.fsencode(file.path).decode(errors="backslashreplace")
                mentions, reason = _search(file, root.files, connection, _source_of(file, lakehouse.landing), person)
                # Its name may be the customer's.
                mentions[Mention.DOUBTFUL] += person.mention_in(path.removeprefix(str(root))) is not Mention.NONE
                if reason:
                    certificate.not_verified[path] = reason
                if mentions[Mention.CERTAIN] and path not in certificate.still_named_in:
                    certificate.still_named_in.append(path)
                if mentions[Mention.DOUBTFUL]:
                    certificate.to_look_at[path] = mentions[Mention.DOUBTFUL]


@contextmanager
def _reading(root: Location) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        if root.aws:
            S3Access(connection, root.aws).renew()
        yield connection


def _source_of(file: StoredFile, landing: Location) -> Source | None:
    return next((source for source in SOURCES.values() if file.path.startswith(f"{landing / source.path}/")), None)


def _search(
    file: StoredFile, files: Files, connection: duckdb.DuckDBPyConnection, source: Source | None, person: Person
) -> tuple[Counter[Mention], str | None]:
    with files.open(file) as stored:
        beginning = stored.read(len(PARQUET)) or b""
    if beginning == CHECKSUM:
        return Counter(), None
    is_parquet = beginning == PARQUET
    return _search_parquet(file, connection, person) if is_parquet else _search_text(file, files, source, person)


def _search_text(
    file: StoredFile, files: Files, source: Source | None, person: Person
) -> tuple[Counter[Mention], str | None]:
    with Content(files.open(file)) as content:
        looked_at = _Look(content)
        is_candidate = person.may_be_in_content(looked_at)  # type: ignore[arg-type]
        while looked_at.read(SEARCHED_BYTES):
            pass
    reason = IS_DAMAGED if content.is_damaged else IS_NO_TEXT if looked_at.holds_zeros else None
    if not is_candidate:
        return Counter(), reason
    if source:
        stored = LandingFile(file.path, file.name, file.size, file.modified, files)
        with seekable(stored) as (copy, _):
            found = find_records(copy, source.columns, person)
        return Counter({Mention.CERTAIN: found.records, Mention.DOUBTFUL: found.doubtful}), reason
    with Content(files.open(file)) as content:
        return Counter(_mentions(content, person)), reason


class _Look:
    """Reads a text, and notes whether it holds a zero byte, as no JSON does."""

    def __init__(self, content: Content) -> None:
        self._content = content
        self.holds_zeros = False

    def read(self, size: int) -> bytes:
        block = self._content.read(size)
        self.holds_zeros |= b"\0" in block
        return block


def _mentions(content: BinaryIO, person: Person) -> Iterator[Mention]:
    carried = b""
    while block := content.read(SEARCHED_BYTES):
        yield person.mention_in((carried + block).decode(errors="replace"))
        carried = block[-LONGEST_NAME_BYTES:]


def _search_parquet(
    file: StoredFile, connection: duckdb.DuckDBPyConnection, person: Person
) -> tuple[Counter[Mention], str | None]:
    source = read_parquet([file.path])
    try:
        described = connection.sql(f"SELECT * FROM {source} LIMIT 0")
    except FAILURES:
        return Counter(), IS_BROKEN_PARQUET
    mentions: Counter[Mention] = Counter()
    with errors_explained():
        for name, kind in zip(described.columns, described.types, strict=True):
            if not NUMBERS.match(str(kind)):
                # Lists, structures and bytes too, as DuckDB writes them.
                values = _candidates(source, f"CAST({identifier(name)} AS VARCHAR)", connection, person)
                mentions.update(_mention_in_column(name, value, person) for value in values)
    return mentions, None


def _candidates(source: str, column: str, connection: duckdb.DuckDBPyConnection, person: Person) -> Iterable[str]:
    # DuckDB folds the case of letters beyond ASCII in another way: texts with such are all looked at.
    wanted = [person.email.lower(), *(number.lower() for number in person.serial_numbers)]
    conditions = [f"contains(lower({column}), ?)" for _ in wanted]
    found = connection.execute(
        f"SELECT DISTINCT {column} FROM {source} WHERE strlen({column}) <> length({column}) OR "
        + " OR ".join([*conditions, f"contains({column}, '\\')"]),
        wanted,
    ).fetchall()
    return [text for (text,) in found]


def _mention_in_column(name: str, value: str, person: Person) -> Mention:
    if name.lower() in NAMING_KEYS:
        return Mention.CERTAIN if person.is_named_by(name, value) else Mention.NONE
    if name.lower() not in CONTRACT_COLUMNS and any(person.is_named_by(key, value) for key in NAMING_KEYS):
        return Mention.CERTAIN
    mention = person.mention_in(value)
    is_somebody_elses = name.lower() in CONTRACT_COLUMNS and name != QUARANTINED_TEXT
    return min(mention, Mention.DOUBTFUL) if is_somebody_elses else mention
