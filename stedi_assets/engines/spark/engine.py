"""The Spark engine."""

import functools
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import PurePath
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyspark
from deltalake import Schema
from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import TimestampType

from stedi_assets.contract import Source
from stedi_assets.engines.engine import LandingRead, Quarantined, ReadStamp, Written
from stedi_assets.engines.spark.errors import errors_explained
from stedi_assets.engines.spark.frames import FILE_NAME, files_read, spark_schema
from stedi_assets.engines.spark.landing import SparkLandingReader, staging_folder
from stedi_assets.engines.spark.parquet import write_parquet
from stedi_assets.engines.spark.session import Session
from stedi_assets.errors import StediError
from stedi_assets.landing.files import LandingFile
from stedi_assets.privacy.pseudonyms import FUNCTION, Pseudonyms
from stedi_assets.privacy.tombstones import SHARED_FUNCTION, Tombstones
from stedi_assets.query import Query
from stedi_assets.storage.attempt import attempt
from stedi_assets.storage.location import Location

QUARANTINED = "newly_quarantined"

SEARCHED = "searched_files"

KEPT = StorageLevel.MEMORY_AND_DISK_2
"""Where kept results are: on two executors, as one may be lost and Spark would not compute them again."""

SIGNED_TYPES = {
    pa.uint8(): pa.int16(),
    pa.uint16(): pa.int32(),
    pa.uint32(): pa.int64(),
    pa.uint64(): pa.decimal128(20, 0),
}
"""From an Arrow type that Spark lacks to a type that holds all its values."""

FRAME_LOADERS: Mapping[str, Callable[[DataFrame], Any]] = {
    "pyspark.sql.DataFrame": lambda frame: frame,
    "pandas.DataFrame": lambda frame: frame.toArrow().to_pandas(),
    "pyarrow.Table": lambda frame: frame.toArrow(),
}
"""From the name of a supported type to the function that makes one of a Spark data frame."""

FRAMES_STORED: Mapping[str, Callable[[SparkSession, Any], DataFrame]] = {
    "pyspark.sql.DataFrame": lambda _, frame: frame,
    "pandas.DataFrame": lambda spark, frame: _from_arrow(spark, pa.Table.from_pandas(frame, preserve_index=False)),
    "pyarrow.Table": lambda spark, table: _from_arrow(spark, table),
}
"""From the name of a type that an asset may return to the function that makes a Spark data frame of its values."""


class SparkEngine:
    """Runs queries in a Spark session; see `Engine`.

    Args:
        session: The session, which the first query starts. The caller stops it.
        pseudonyms: The keyed hash behind the SQL function `pseudonym`; None leaves the function undefined.

    Attributes:
        name: See `Engine`.
    """

    name = f"Spark {pyspark.__version__}"

    def __init__(self, session: Session, pseudonyms: Pseudonyms | None = None) -> None:
        self._session = session
        self._pseudonyms = pseudonyms

    @cached_property
    def _spark(self) -> SparkSession:
        spark = self._session.spark
        if self._pseudonyms:
            pseudonyms = self._pseudonyms
            # In Python, because Spark's UI and logs keep query plans, and a SQL expression would show the key in them.
            function = F.udf(lambda text: None if text is None else pseudonyms(text), "string")
            spark.udf.register(FUNCTION, function)
        # In SQL, because in nearly every lakehouse nobody was erased, and a Python function is called for each row.
        spark.sql(f"CREATE OR REPLACE TEMPORARY FUNCTION {SHARED_FUNCTION}(text STRING) RETURNS BOOLEAN RETURN false")
        return spark

    def define_table(self, name: str, files: Sequence[str], schema: Schema) -> None:
        """See `Engine`."""
        with errors_explained():
            files_read(self._spark, "parquet", files, schema=spark_schema(schema)).createOrReplaceTempView(name)

    def define_query(self, name: str, query: Query) -> None:
        """See `Engine`."""
        with errors_explained():
            self._spark.sql(query.sql).createOrReplaceTempView(name)

    def keep(self, name: str, query: Query) -> None:
        """See `Engine`."""
        with errors_explained():
            # Without its plan: those of kept results nest, and Spark would analyse and compare all of them each time.
            self._spark.sql(query.sql).localCheckpoint(storageLevel=KEPT).createOrReplaceTempView(name)

    def define_erased(self, tombstones: Tombstones) -> None:
        """See `Engine`."""
        if tombstones:
            self._spark.sql(f"DROP TEMPORARY FUNCTION IF EXISTS {SHARED_FUNCTION}")
            function = F.udf(lambda text: text is not None and tombstones.has_shared(text), "boolean")
            self._spark.udf.register(SHARED_FUNCTION, function)

    def write(self, value: Any, folder: Location, *, in_one_file: bool = False) -> Written:
        """See `Engine`."""
        with errors_explained(), attempt(folder) as name:
            frame = self._frame(value)
            return write_parquet(frame.coalesce(1) if in_one_file else frame, folder, name)

    def read_landing(
        self, query: Query, source: Source, files: Sequence[LandingFile], folder: Location, stamp: ReadStamp
    ) -> LandingRead:
        """See `Engine`."""
        with errors_explained(), attempt(folder) as prefix:
            discard = functools.partial(folder.files.delete, folder.path, staging_folder(prefix))
            quarantined = Quarantined(QUARANTINED, discard)
            return SparkLandingReader(self._spark, query, source, folder, prefix, stamp, quarantined).read(files)

    def files_with(self, files: Sequence[str], condition: str) -> Sequence[str]:
        """See `Engine`."""
        if not files:
            return []
        with errors_explained():
            files_read(self._spark, "parquet", files, "*", FILE_NAME).createOrReplaceTempView(SEARCHED)
            found = self._spark.sql(f"SELECT DISTINCT file_name FROM {SEARCHED} WHERE {condition}").collect()
            names = {unquote(row.file_name) for row in found}
            return [path for path in files if PurePath(path).name in names]

    def rows(self, query: Query) -> list[dict[str, Any]]:
        """See `Engine`."""
        with errors_explained():
            frame = self._spark.sql(query.sql)
            if any(isinstance(field.dataType, TimestampType) for field in frame.schema):
                # Spark itself would give instants as times of this process's zone, and fails in the year 1.
                rows: list[dict[str, Any]] = frame.toArrow().to_pylist()
                return rows
            return [row.asDict() for row in frame.collect()]

    def load(self, name: str, kind: Any) -> Any:
        """See `Engine`."""
        loader = FRAME_LOADERS.get(_type_name(kind))
        if loader is None:
            raise StediError(
                f"The table {name} cannot be loaded as {_type_name(kind)}.",
                f"Annotate the asset's input with one of {', '.join(FRAME_LOADERS)}.",
            )
        with errors_explained():
            return loader(self._spark.table(name))

    def _frame(self, value: Any) -> DataFrame:
        if isinstance(value, Query):
            return self._spark.sql(value.sql)
        name = _type_name(type(value))
        if name not in FRAMES_STORED:
            raise StediError(
                f"A value of type {name} cannot be stored.",
                f"Return a stedi_assets.query.Query or one of {', '.join(FRAMES_STORED)} from the asset.",
            )
        return FRAMES_STORED[name](self._spark, value)


def _from_arrow(spark: SparkSession, table: pa.Table) -> DataFrame:
    types = [pa.field(column.name, SIGNED_TYPES.get(column.type, column.type)) for column in table.schema]
    return spark.createDataFrame(table.cast(pa.schema(types)))


def _type_name(kind: Any) -> str:
    module = getattr(kind, "__module__", "")
    # Spark Connect and classic Spark have a DataFrame class each, in two modules below pyspark.sql. The DataFrame of
    # pyspark.pandas is another type.
    package = "pyspark.sql" if module.startswith("pyspark.sql.") else module.partition(".")[0].removeprefix("_")
    return f"{package}.{getattr(kind, '__qualname__', kind)}"
