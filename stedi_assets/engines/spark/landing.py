"""Reading landing files with Spark: line by line in parallel where that loses nothing, and whole everywhere else.

The executors run the exact reader either way (`stedi_assets.salvage.records`, by `stedi_assets.salvage.arrow`). Large
files of lines are split across tasks. A file of which some part is not made of whole records is read again as a whole,
by one task, which alone knows the offsets of what it quarantines. What is found is staged beside the table.
"""

import functools
import io
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from stedi_assets.contract import SOURCE_FILE, ColumnType, Source
from stedi_assets.engines.engine import LandingRead, Quarantined, ReadStamp, Written
from stedi_assets.engines.spark.frames import FILE_URI, files_read, path_in_spark
from stedi_assets.engines.spark.parquet import WRITE_OPTIONS, parquet_files, write_parquet
from stedi_assets.errors import StediError
from stedi_assets.landing.files import LandingFile
from stedi_assets.landing.ledger import LedgerEntry
from stedi_assets.query import Query
from stedi_assets.salvage.arrow import BYTE_ORDER_MARK, QUARANTINED_FIELDS, Batches, Cut, line_reader, whole_file_reader
from stedi_assets.salvage.buffer import DEFAULT_LIMITS
from stedi_assets.salvage.records import OTHER_UNKNOWN_KEYS
from stedi_assets.storage.location import Location

SPARK_TYPES = {"VARCHAR": "STRING", "BIGINT": "BIGINT", "DOUBLE": "DOUBLE"}
"""From the contract's types to Spark's."""

SMALL_BYTES = 4 << 20
"""Smaller files are not split between tasks."""

LARGE_BYTES = 64 << 20
"""Larger files are not held in memory as a whole, unless they are compressed."""

BEGINNING_BYTES = 1 << 20
"""A large file that has no line feed in so many bytes is cut at what records end with."""

LARGEST_COMPRESSED_BYTES = 2**31 - 1
"""Spark hands over no larger file as a whole."""

STAGING_OPTIONS = {**WRITE_OPTIONS, "parquet.enable.dictionary": "false"}
"""What is staged is read once, for which looking for values that are alike does not pay."""

CODEC_SUFFIXES = (".gz", ".bz2", ".deflate", ".lz4", ".snappy", ".zst")
"""How the names end of files that Hadoop decompresses where they are read as lines."""

PIECES = {None: "files", "\n": "files-in-lines", "}": "files-in-objects"}
"""From what files are cut at where they are read as a whole to the name under which their findings are stored."""


@dataclass
class Verdict:
    """What reading a file line by line told of it.

    Attributes:
        is_refused: Whether it must be read as a whole.
        rows: The rows of its parts.
        unknown_keys: Records by the name of a key that the contract does not have.
    """

    is_refused: bool = False
    rows: int = 0
    unknown_keys: Counter[str] = field(default_factory=Counter)


class LandingReader:
    """Reads raw landing files of one source, once.

    Args:
        spark: Computes.
        query: A SELECT over the source's name.
        source: The kind of record the files hold.
        folder: The landing table's folder.
        prefix: The beginning of the names of the folders that are written in it.
        stamp: What marks the quarantined stretches.
        quarantined: Names the view of them.
    """

    def __init__(
        self,
        spark: SparkSession,
        query: Query,
        source: Source,
        folder: Location,
        prefix: str,
        stamp: ReadStamp,
        quarantined: Quarantined,
    ) -> None:
        self._spark = spark
        self._query = query
        self._source = source
        self._folder = folder
        self._prefix = prefix
        self._stamp = stamp
        self._quarantined = quarantined
        self._entries: list[LedgerEntry] = []

    def read(self, files: Sequence[LandingFile]) -> LandingRead:
        """Reads files.

        Args:
            files: The raw files.

        Returns:
            Their rows and what became of each file.

        Raises:
            StediError: Spark cannot read a file.
        """
        listed, files = files, [file for file in files if not _is_gone(file)]
        _refuse_unreadable(files)
        for file in files:
            if not file.size:
                # Opened all the same: one that may not be read is an error on every engine.
                file.open_stored().close()
                self._entries.append(self._entry(file, "exact", {"rows": 0}))
        in_lines = [file for file in files if _is_split(file)]
        accepted, rows = self._read_lines(in_lines) if in_lines else (set(), [])
        rows += self._read_whole([file for file in files if file.size and file.name not in accepted])
        read = {entry.name for entry in self._entries}
        gone = [file.name for file in listed if file.name not in read]
        return LandingRead(self._prefix, self._write(rows), self._entries, self._quarantined, gone)

    def _read_lines(self, files: Sequence[LandingFile]) -> tuple[set[str], list[DataFrame]]:
        """Reads the files that nothing is lost of line by line, and returns their names and their rows."""
        read = line_reader(_folder_uri(files), self._source.columns, self._stamp.tombstones)
        staged = self._staged([self._stage("lines", _contents(self._spark, files, "\n"), read)])
        verdicts = _verdicts(_notes(staged))
        # A file without a row has nothing to prove anything by.
        accepted = {name for name, verdict in verdicts.items() if verdict.rows and not verdict.is_refused}
        for file in files:
            if file.name in accepted:
                verdict = verdicts[file.name]
                told = {"rows": verdict.rows, "unknown_keys": dict(verdict.unknown_keys)}
                self._entries.append(self._entry(file, "strict", told))
        return accepted, [staged.where("row IS NOT NULL").where(F.col("file").isin(sorted(accepted)))]

    def _read_whole(self, files: Sequence[LandingFile]) -> list[DataFrame]:
        """Reads files as a whole, a file a task, defines what was quarantined, and returns the rows."""
        groups: dict[str | None, list[LandingFile]] = {}
        for file in files:
            groups.setdefault(_separator(file), []).append(file)
        staged = self._staged([self._stage_whole(separator, group) for separator, group in groups.items()])
        totals = dict(_notes(staged)) if groups else {}
        # Of a file that is gone, Spark tells nothing.
        self._entries += [self._entry(file, "exact", totals[file.name]) for file in files if file.name in totals]
        staged.where("quarantined IS NOT NULL").select(
            F.col("file").alias(SOURCE_FILE.name),
            "quarantined.*",
            F.lit(self._stamp.run_id).alias("runId"),
            F.lit(self._stamp.read_at).cast("bigint").alias("quarantinedAt"),
        ).createOrReplaceTempView(self._quarantined.table)
        return [staged.where("row IS NOT NULL")]

    def _stage_whole(self, separator: str | None, files: Sequence[LandingFile]) -> Location:
        cut = {file.name: Cut(file.size, _begins_with_mark(file)) for file in files} if separator else {}
        contents = _contents(self._spark, files, separator)
        read = whole_file_reader(_folder_uri(files), self._source.columns, cut, self._stamp.tombstones)
        with _a_file_a_task(self._spark, files) if separator else nullcontext():
            return self._stage(PIECES[separator], contents, read)

    def _stage(self, name: str, contents: DataFrame, read: Callable[[Batches], Batches]) -> Location:
        """Stores all that is found in files beside the table: a cluster may lose what it has in memory."""
        part = self._folder / staging_folder(self._prefix) / name
        found = contents.mapInArrow(read, _findings(self._source))
        found.write.options(**STAGING_OPTIONS).parquet(path_in_spark(part.path))
        return part

    def _staged(self, parts: Sequence[Location]) -> DataFrame:
        paths = [file.path for part in parts for file in parquet_files(part)]
        return files_read(self._spark, "parquet", paths, schema=_findings(self._source))

    def _write(self, findings: Sequence[DataFrame]) -> Written:
        rows = functools.reduce(DataFrame.unionAll, findings)
        rows.select("row.*", F.col("file").alias(SOURCE_FILE.name)).createOrReplaceTempView(self._source.name)
        return write_parquet(self._spark.sql(self._query.sql), self._folder, f"{self._prefix}-rows")

    def _entry(self, file: LandingFile, reader: Literal["strict", "exact"], told: Mapping[str, Any]) -> LedgerEntry:
        return LedgerEntry(
            name=file.name, size=file.size, modified=file.modified, reader=reader, read_at=self._stamp.read_at, **told
        )


def staging_folder(prefix: str) -> str:
    """Returns the name of the folder that holds what was quarantined until it is stored.

    Args:
        prefix: The beginning of the names of the folders of a reading.
    """
    return f"{prefix}-staged"


def _is_gone(file: LandingFile) -> bool:
    # Spark asks for each file before it reads any, and fails where one is gone.
    return not file.path.startswith("s3://") and not Path(file.path).exists()


def _refuse_unreadable(files: Sequence[LandingFile]) -> None:
    for file in files:
        if _is_decompressed_by_name(file) and file.size > LARGEST_COMPRESSED_BYTES:
            raise StediError(
                f"The file {file.path} is larger than 2 GB, which Spark cannot read where it is compressed.",
                "Split it or decompress it, or set STEDI_ENGINE=duckdb for the landing tables.",
            )


def _folder_uri(files: Sequence[LandingFile]) -> str:
    """Returns the folder below which files have their names, with one slash before a local path."""
    folder = files[0].path.removesuffix(files[0].name) if files else ""
    return path_in_spark(folder).replace("file:///", "file:/", 1)


def _is_decompressed_by_name(file: LandingFile) -> bool:
    return file.name.lower().endswith(CODEC_SUFFIXES)


def _separator(file: LandingFile) -> str | None:
    """Returns what a file is cut into pieces at where it is read as a whole; None where it is one piece."""
    if _is_decompressed_by_name(file) or file.size <= LARGE_BYTES:
        return None
    return "\n" if b"\n" in _beginning(file, BEGINNING_BYTES) else "}"


def _is_split(file: LandingFile) -> bool:
    is_worth_it = file.size > SMALL_BYTES and not _is_decompressed_by_name(file)
    return is_worth_it and b"\n" in _beginning(file, BEGINNING_BYTES)


def _begins_with_mark(file: LandingFile) -> bool:
    return _beginning(file, len(BYTE_ORDER_MARK)) == BYTE_ORDER_MARK


def _beginning(file: LandingFile, size: int) -> bytes:
    with io.BufferedReader(file.open_stored()) as content:
        return content.read(size)


def _contents(spark: SparkSession, files: Sequence[LandingFile], separator: str | None) -> DataFrame:
    """Returns the names and the contents of files, whole or in pieces that end with a separator."""
    paths = [file.path for file in files]
    if separator is None:
        return files_read(spark, "binaryFile", paths, FILE_URI, "content", ignoreMissingFiles="true")
    piece = F.concat("value", F.lit(separator)).cast("binary").alias("content")
    return files_read(spark, "text", paths, FILE_URI, piece, lineSep=separator, ignoreMissingFiles="true")


@contextmanager
def _a_file_a_task(spark: SparkSession, files: Sequence[LandingFile]) -> Iterator[None]:
    """Keeps Spark from splitting files between tasks."""
    whole = str(max(file.size for file in files))
    options = ("spark.sql.files.maxPartitionBytes", "spark.sql.files.openCostInBytes")
    before = {name: str(spark.conf.get(name)) for name in options}
    for name in options:
        spark.conf.set(name, whole)
    try:
        yield
    finally:
        for name, value in before.items():
            spark.conf.set(name, value)


def _findings(source: Source) -> str:
    """Returns the schema of `stedi_assets.salvage.arrow.BatchBuilder` as Spark's."""
    row = _structure({column.name: column.type for column in source.columns})
    return f"file STRING, row {row}, quarantined {_structure(QUARANTINED_FIELDS)}, note STRING"


def _structure(fields: Mapping[str, ColumnType]) -> str:
    return f"STRUCT<{', '.join(f'`{name}`: {SPARK_TYPES[sql_type]}' for name, sql_type in fields.items())}>"


def _notes(staged: DataFrame) -> list[tuple[str, dict[str, Any]]]:
    noted = staged.where("note IS NOT NULL").select("file", "note").collect()
    return [(row["file"], json.loads(row["note"])) for row in noted]


def _verdicts(notes: Iterable[tuple[str, Mapping[str, Any]]]) -> Mapping[str, Verdict]:
    verdicts: defaultdict[str, Verdict] = defaultdict(Verdict)
    for name, note in notes:
        verdicts[name].is_refused |= note["is_refused"]
        verdicts[name].rows += note["rows"]
        verdicts[name].unknown_keys.update(note["unknown_keys"])
    for verdict in verdicts.values():
        # Read as a whole, it has no more of them than are kept.
        keys = verdict.unknown_keys.keys()
        verdict.is_refused |= len(keys) > DEFAULT_LIMITS.unknown_keys or OTHER_UNKNOWN_KEYS in keys
    return verdicts
