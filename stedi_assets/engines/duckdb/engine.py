"""The DuckDB engine."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import arro3.core
import duckdb
from deltalake import Schema

from stedi_assets.contract import Source
from stedi_assets.engines.duckdb.errors import errors_explained
from stedi_assets.engines.duckdb.landing import DuckDBLandingReader
from stedi_assets.engines.duckdb.parquet import write_parquet
from stedi_assets.engines.duckdb.s3 import S3Access
from stedi_assets.engines.duckdb.text import identifier, literal, literals, read_parquet
from stedi_assets.engines.engine import LandingRead, Quarantined, ReadStamp, Written
from stedi_assets.errors import StediError
from stedi_assets.landing.files import LandingFile
from stedi_assets.privacy.pseudonyms import FUNCTION, Pseudonyms
from stedi_assets.privacy.tombstones import NO_TOMBSTONES, SHARED_FUNCTION, SHARED_PREFIXES, Tombstones
from stedi_assets.query import Query
from stedi_assets.storage.attempt import attempt
from stedi_assets.storage.aws import Aws
from stedi_assets.storage.location import Location

Relation = duckdb.DuckDBPyRelation

FRAME_LOADERS: Mapping[str, Callable[[Relation], Any]] = {
    "pandas.DataFrame": Relation.df,
    "polars.DataFrame": Relation.pl,
    "polars.LazyFrame": lambda relation: relation.pl(lazy=True),
    "pyarrow.Table": Relation.to_arrow_table,
    "duckdb.DuckDBPyRelation": lambda relation: relation,
}
"""From the name of a supported type to the function that makes one of a relation. Names need no import of pandas or
polars."""

DUCKDB_TYPES = {
    "string": "VARCHAR",
    "long": "BIGINT",
    "integer": "INTEGER",
    "short": "SMALLINT",
    "byte": "TINYINT",
    "double": "DOUBLE",
    "float": "FLOAT",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
}
"""From Delta's name of a type to DuckDB's, for the types of which the name alone says all."""

STORED_FRAME = "stored_frame"

QUARANTINED = "newly_quarantined"


class DuckDBEngine:
    """Runs queries in a DuckDB connection; see `Engine`.

    Args:
        connection: An open in-memory connection. The caller closes it.
        aws: The AWS settings; None if neither the landing root nor the lakehouse is in a bucket.
        pseudonyms: The keyed hash behind the SQL function `pseudonym`; None leaves the function undefined.

    Attributes:
        name: See `Engine`.
        access: The connection's access to buckets; None if there are none.
    """

    name = f"DuckDB {duckdb.__version__}"

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, aws: Aws | None = None, pseudonyms: Pseudonyms | None = None
    ) -> None:
        self._connection = connection
        self.access = S3Access(connection, aws) if aws else None
        # Delta's timestamps are UTC. The order of a table's rows has no meaning, and preserving it costs memory.
        connection.execute("SET GLOBAL TimeZone = 'UTC'; SET GLOBAL preserve_insertion_order = false")
        if pseudonyms:
            keyed = _hmac(pseudonyms, "CAST(text AS VARCHAR)")
            connection.execute(f"CREATE FUNCTION {FUNCTION}(text) AS {keyed}")
        self.define_erased(NO_TOMBSTONES)

    def define_table(self, name: str, files: Sequence[str], schema: Schema) -> None:
        """See `Engine`."""
        rows = f"SELECT * FROM {read_parquet(files)}" if files else self._no_rows(schema)
        with self._working():
            self._connection.execute(f"CREATE OR REPLACE VIEW {identifier(name)} AS {rows}")

    def define_query(self, name: str, query: Query) -> None:
        """See `Engine`."""
        with self._working():
            self._connection.execute(f"CREATE OR REPLACE VIEW {identifier(name)} AS {query.sql}")

    def keep(self, name: str, query: Query) -> None:
        """See `Engine`."""
        # Not a temporary table: a cursor would not see it.
        with self._working():
            self._connection.execute(f"CREATE OR REPLACE TABLE {identifier(name)} AS {query.sql}")

    def define_erased(self, tombstones: Tombstones) -> None:
        """See `Engine`."""
        keyed = (_hmac(tombstones.pseudonyms, f"{literal(prefix)} || text") for prefix in SHARED_PREFIXES)
        hashes = literals(sorted(tombstones.hashes))
        contained = [f"list_contains({hashes}, {each})" for each in keyed] if tombstones else []
        is_shared = " OR ".join(contained) or "false"
        # Not `_working`: a macro reads no bucket, so no credentials need renewing.
        with errors_explained():
            self._connection.execute(f"CREATE OR REPLACE FUNCTION {SHARED_FUNCTION}(text) AS {is_shared}")

    def _no_rows(self, schema: Schema) -> str:
        kinds = {field.name: DUCKDB_TYPES.get(field.type.type) for field in schema.fields}
        if None not in kinds.values():
            return (
                f"SELECT {', '.join(f'NULL::{kind} AS {identifier(name)}' for name, kind in kinds.items())} WHERE false"
            )
        # Takes a third of a second: DuckDB imports pandas.
        empty = self._connection.from_arrow(arro3.core.Table.from_batches([], schema=schema.to_arrow()))
        columns = zip(empty.columns, empty.types, strict=True)
        return f"SELECT {', '.join(f'NULL::{kind} AS {identifier(name)}' for name, kind in columns)} WHERE false"

    def write(self, value: Any, folder: Location, *, in_one_file: bool = False) -> Written:
        """See `Engine`."""
        # On a separate cursor, because the relation to store may still be reading from the connection.
        with self._working(), self._connection.cursor() as cursor, attempt(folder) as prefix:
            return write_parquet(cursor, _select(cursor, value), folder, prefix, in_one_file=in_one_file)

    def read_landing(
        self, query: Query, source: Source, files: Sequence[LandingFile], folder: Location, stamp: ReadStamp
    ) -> LandingRead:
        """See `Engine`."""
        with self._working(), self._connection.cursor() as cursor, attempt(folder) as prefix:
            quarantined = Quarantined(QUARANTINED, self._drop_quarantined)
            return DuckDBLandingReader(cursor, query, source, folder, prefix, stamp, quarantined).read(files)

    def _drop_quarantined(self) -> None:
        with self._working():
            self._connection.execute(f"DROP TABLE {QUARANTINED}")

    def files_with(self, files: Sequence[str], condition: str) -> Sequence[str]:
        """See `Engine`."""
        if not files:
            return []
        found = f"SELECT DISTINCT filename FROM {read_parquet(files, 'filename = true')} WHERE {condition}"
        with self._working():
            return [path for (path,) in self._connection.sql(found).fetchall()]

    def rows(self, query: Query) -> list[dict[str, Any]]:
        """See `Engine`."""
        with self._working():
            relation = self._connection.sql(query.sql)
            return [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]

    def load(self, name: str, kind: Any) -> Any:
        """See `Engine`."""
        loader = FRAME_LOADERS.get(_type_name(kind))
        if loader is None:
            raise StediError(
                f"The table {name} cannot be loaded as {_type_name(kind)}.",
                f"Annotate the asset's input with one of {', '.join(FRAME_LOADERS)}.",
            )
        with self._working():
            return loader(self._connection.table(name))

    @contextmanager
    def _working(self) -> Iterator[None]:
        if self.access:
            self.access.renew()
        with errors_explained(self.access.ask_again if self.access else None):
            yield


def _hmac(pseudonyms: Pseudonyms, text: str) -> str:
    # HMAC (RFC 2104) in SQL. A Python function would be far slower: DuckDB imports pandas at the first result, which
    # takes seconds, and without pandas DuckDB retries the import at every result.
    inner, outer = ("'" + "".join(f"\\x{byte:02X}" for byte in pad) + "'::BLOB" for pad in pseudonyms.pads)
    return f"sha256({outer} || unhex(sha256({inner} || encode({text}))))"


def _select(cursor: duckdb.DuckDBPyConnection, value: Any) -> str:
    if isinstance(value, Query):
        return value.sql
    name = _type_name(type(value))
    if name not in FRAME_LOADERS:
        raise StediError(
            f"A value of type {name} cannot be stored.",
            f"Return a stedi_assets.query.Query or one of {', '.join(FRAME_LOADERS)} from the asset.",
        )
    cursor.register(STORED_FRAME, value.to_arrow_reader() if isinstance(value, Relation) else value)
    return f"SELECT * FROM {STORED_FRAME}"


def _type_name(kind: Any) -> str:
    package = getattr(kind, "__module__", "").partition(".")[0].removeprefix("_")
    return f"{package}.{getattr(kind, '__qualname__', kind)}"
