"""Searches every file of the landing root and the lakehouse for a person's identifiers."""

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
from stedi_assets.erasure.person import (
    LONGEST_NAME_BYTES,
    QUARANTINED_TEXT,
    SEARCHED_BYTES,
    Mention,
    Person,
)
from stedi_assets.erasure.plan import seekable_copy
from stedi_assets.erasure.redaction import find_records
from stedi_assets.lakehouse.lakehouse import Lakehouse
from stedi_assets.landing.files import LandingFile
from stedi_assets.privacy.tombstones import IDENTIFIERS
from stedi_assets.salvage.content import Content
from stedi_assets.storage.files import Files
from stedi_assets.storage.holder import LEASE_NAME
from stedi_assets.storage.listing import StoredFile
from stedi_assets.storage.location import Location
from stedi_assets.storage.log import log_files

PARQUET = b"PAR1"
CHECKSUM = b"crc\0"
"""The first bytes of the checksum file that Hadoop writes next to each file."""

IS_DAMAGED = "the compressed file is damaged"
IS_NO_TEXT = "it is neither text nor Parquet"
IS_BROKEN_PARQUET = "it cannot be read as Parquet"
"""The reasons why a file cannot be verified."""

NUMBERS = re.compile(r"(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL\(.*\)|BOOLEAN|DATE|TIME.*)$")
"""DuckDB's types whose values cannot contain an identifier of a person."""

CONTRACT_COLUMNS = frozenset(column.name.lower() for table in TABLES.values() for column in table.columns)


def verify(lakehouse: Lakehouse, person: Person, certificate: Certificate) -> None:
    """Searches every file of the landing root and of the lakehouse, hidden files included.

    Args:
        lakehouse: The tables and the raw files.
        person: The erased person.
        certificate: Receives the number of files read, those that still name the person, and those that cannot be read.

    Raises:
        StediError: A file cannot be opened.
    """
    for root in (lakehouse.root, lakehouse.landing):
        with _reading(root) as connection:
            for file in root.files.walk(str(root), follows_links=root.follows_links):
                # The erasure itself holds the lease and renews it, so the file may change while it is read.
                if file.path == str(root / LEASE_NAME):
                    continue
                certificate.files_read += 1
                path = os.fsencode(file.path).decode(errors="backslashreplace")
                mentions, reason = _search(file, root.files, connection, _source_of(file, lakehouse.landing), person)
                # The file's name may contain the customer's email.
                mentions[Mention.DOUBTFUL] += person.mention_in(path.removeprefix(str(root))) is not Mention.NONE
                if reason:
                    certificate.not_verified[path] = reason
                if mentions[Mention.CERTAIN] and path not in certificate.still_named_in:
                    certificate.still_named_in.append(path)
                if mentions[Mention.DOUBTFUL]:
                    certificate.to_look_at[path] = mentions[Mention.DOUBTFUL]


def is_named_in_log(table: Location, person: Person) -> bool:
    """Whether a file of a table's log may name a person: other programs store conditions and extreme values there.

    Args:
        table: The table's folder.
        person: The person.

    Raises:
        StediError: A file cannot be opened.
    """
    with _reading(table) as connection:
        found = (_search(file, table.files, connection, None, person)[0] for file in log_files(table))
        return any(mentions[Mention.CERTAIN] or mentions[Mention.DOUBTFUL] for mentions in found)


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
        reader = _ZeroByteDetector(content)
        is_candidate = person.may_be_in_content(reader)  # type: ignore[arg-type]
        while reader.read(SEARCHED_BYTES):
            pass
    reason = IS_DAMAGED if content.is_damaged else IS_NO_TEXT if reader.has_zero_bytes else None
    if not is_candidate:
        return Counter(), reason
    if source:
        stored = LandingFile(file.path, file.name, file.size, file.modified, files)
        with seekable_copy(stored) as (copy, _):
            found = find_records(copy, source.columns, person)
        return Counter({Mention.CERTAIN: found.records, Mention.DOUBTFUL: found.doubtful}), reason
    with Content(files.open(file)) as content:
        return Counter(_mentions(content, person)), reason


class _ZeroByteDetector:
    """Reads a text and notes whether it has a zero byte, which no JSON text has."""

    def __init__(self, content: Content) -> None:
        self._content = content
        self.has_zero_bytes = False

    def read(self, size: int) -> bytes:
        block = self._content.read(size)
        self.has_zero_bytes |= b"\0" in block
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
                # The cast turns lists, structures and blobs into text too.
                values = _candidates(source, f"CAST({identifier(name)} AS VARCHAR)", connection, person)
                mentions.update(_mention_in_column(name, value, person) for value in values)
    return mentions, None


def _candidates(source: str, column: str, connection: duckdb.DuckDBPyConnection, person: Person) -> Iterable[str]:
    # DuckDB folds the case of letters beyond ASCII differently than Python: fetch every text that has such letters.
    wanted = [person.email.lower(), *(identifier.lower() for identifier in person.own_others)]
    conditions = [f"contains(lower({column}), ?)" for _ in wanted]
    found = connection.execute(
        f"SELECT DISTINCT {column} FROM {source} WHERE strlen({column}) <> length({column}) OR "
        + " OR ".join([*conditions, f"contains({column}, '\\')"]),
        wanted,
    ).fetchall()
    return [text for (text,) in found]


def _mention_in_column(name: str, value: str, person: Person) -> Mention:
    if name.lower() in IDENTIFIERS:
        return Mention.CERTAIN if person.is_named_by(name, value) else Mention.NONE
    if name.lower() not in CONTRACT_COLUMNS and any(person.is_named_by(key, value) for key in IDENTIFIERS):
        return Mention.CERTAIN
    mention = person.mention_in(value)
    # The erasure removed the person's rows: the remaining row belongs to another customer.
    is_of_another_customer = name.lower() in CONTRACT_COLUMNS and name != QUARANTINED_TEXT
    return min(mention, Mention.DOUBTFUL) if is_of_another_customer else mention
