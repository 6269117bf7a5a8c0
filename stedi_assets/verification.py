"""Looking through every file that is left, byte for byte, for what names a person."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import duckdb

from stedi_assets.engines.duckdb.errors import errors_explained
from stedi_assets.engines.duckdb.s3 import S3Access
from stedi_assets.engines.duckdb.text import identifier, read_parquet
from stedi_assets.landing.compression import Decompressed
from stedi_assets.landing.files import RawContent
from stedi_assets.landing.redaction import COPIED_BYTES, Person
from stedi_assets.storage.files import Files, StoredFile
from stedi_assets.storage.location import Location

OVERLAP_BYTES = 1 << 12
"""How many bytes of a block are looked at again with the next one: more than any name and its escapes."""


def files_that_name(person: Person, roots: Sequence[Location]) -> list[str]:
    """Finds the files that name a person: in their bytes, behind compression, or in the values of Parquet files.

    Args:
        person: Who must not be named.
        roots: The folders to look through, with all below them, hidden files too.

    Returns:
        The paths of the files, each once.

    Raises:
        StediError: A file cannot be read.
    """
    named = []
    for root in roots:
        with _reading(root) as connection:
            for file in root.files.walk(str(root)):
                if _is_named_in_bytes(file, root.files, person) or (
                    file.name.endswith(".parquet") and _is_named_in_values(file, connection, person)
                ):
                    named.append(file.path)
    return list(dict.fromkeys(named))


@contextmanager
def _reading(root: Location) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        if root.aws:
            S3Access(connection, root.aws).renew()
        yield connection


def _is_named_in_bytes(file: StoredFile, files: Files, person: Person) -> bool:
    wanted = [name.lower().encode() for name in person.names]
    if not file.name.endswith(".parquet"):
        # In JSON a name may hide behind escapes.
        wanted += [b"\\u", b"\\/"]
    carried = b""
    stored = files.open(file)
    with RawContent(Decompressed(stored) if file.name.endswith(".gz") else stored) as content:
        while block := content.read(COPIED_BYTES):
            searched = carried + block
            lowered = searched.lower()
            if any(name in lowered for name in wanted) and person.is_named_in(searched.decode(errors="replace")):
                return True
            carried = searched[-OVERLAP_BYTES:]
    return False


def _is_named_in_values(file: StoredFile, connection: duckdb.DuckDBPyConnection, person: Person) -> bool:
    source = read_parquet([file.path])
    with errors_explained():
        described = connection.sql(f"SELECT * FROM {source} LIMIT 0")
        texts = [name for name, kind in zip(described.columns, described.types, strict=True) if str(kind) == "VARCHAR"]
        for column in map(identifier, texts):
            found = connection.execute(
                f"SELECT DISTINCT {column} FROM {source} WHERE "
                + " OR ".join(f"contains(lower({column}), ?)" for _ in person.names),
                [name.lower() for name in person.names],
            ).fetchall()
            if any(person.is_named_in(text) for (text,) in found):
                return True
    return False
