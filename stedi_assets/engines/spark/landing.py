"""Reading landing files with Spark: plain files at once, others line by line where no record is lost, or as a whole.

Arrow's reader takes the plain files on the executors, each as a whole, and Spark writes their rows as files of the
table. Spark's own JSON reader would ignore unknown and repeated keys: a proof in SQL that a line has none takes longer
than Arrow's reader with the way to Python and back.

The executors read every other file with the exact reader (`stedi_assets.salvage.records`, by
`stedi_assets.salvage.arrow`). Spark splits large files of lines between tasks. If a part of such a file does not
consist of whole records, one task reads the file again from its beginning: only so are the offsets of quarantined bytes
known. These rows and quarantined records are staged in a folder of the landing table.
"""

import functools
import io
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
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
from stedi_assets.salvage.arrow import (
    BYTE_ORDER_MARK,
    QUARANTINED_FIELDS,
    Batches,
    Cut,
    line_reader,
    plain_file_reader,
    whole_file_reader,
)
from stedi_assets.salvage.buffer import DEFAULT_LIMITS
from stedi_assets.salvage.records import OTHER_UNKNOWN_KEYS
from stedi_assets.storage.location import Location

SPARK_TYPES = {"VARCHAR": "STRING"}
"""From each type of the contract that Spark calls by another name to this name."""

SMALL_BYTES = 4 << 20
"""Smaller files are not worth splitting between tasks."""

LARGE_BYTES = 64 << 20
"""Larger files are handed to a task in pieces, unless they are compressed: then they are held in memory. A task holds
plain files of so many bytes at once."""

SMALL_BATCH_BYTES = 1 << 20
"""Plain files go to Python in batches of so many bytes and one file more: neither side holds a task's files at once."""

OPENING_BYTES = 64 << 10
"""A plain file counts as so many bytes more, when Spark divides the files between tasks: a task writes a file of the
table, and with Spark's 4 MB a thousand small files would make many such tasks."""

BEGINNING_BYTES = 1 << 20
"""A large file without a line feed in its first so many bytes is cut into pieces at closing braces."""

LARGEST_COMPRESSED_BYTES = 2**31 - 1
"""The size limit of Spark's `binaryFile` format."""

STAGING_OPTIONS = {**WRITE_OPTIONS, "parquet.enable.dictionary": "false"}
"""Staged files are read once. Dictionary encoding costs more than that reading gains."""

CODEC_SUFFIXES = (".gz", ".bz2", ".deflate", ".lz4", ".snappy", ".zst")
"""The suffixes of files that Hadoop decompresses when Spark reads them as lines."""

MOST_BYTES_OF_A_TASK = "spark.sql.files.maxPartitionBytes"

BYTES_OF_AN_OPENING = "spark.sql.files.openCostInBytes"

MOST_BYTES_OF_A_BATCH = "spark.sql.execution.arrow.maxBytesPerBatch"

PIECES = {None: "files", "\n": "files-in-lines", "}": "files-in-objects"}
"""From the separator at which files are cut into pieces, None for no cut, to the name of their staging folder."""


@dataclass
class FileResult:
    """The result of reading one file line by line, summed up over its parts.

    Attributes:
        is_refused: Whether the file must be read as a whole.
        rows: The number of rows.
        unknown_keys: From a key that the contract does not have to the number of records with it.
    """

    is_refused: bool = False
    rows: int = 0
    unknown_keys: Counter[str] = field(default_factory=Counter)


class SparkLandingReader:
    """Reads raw landing files of one source. An instance reads once.

    Args:
        spark: The session.
        query: A SELECT over the source's name.
        source: The kind of record that the files hold.
        folder: The landing table's folder.
        prefix: The prefix of the names of the folders to write into the table's folder.
        stamp: The values to store with everything that is quarantined.
        quarantined: Names the view to define over the quarantined records.
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
        """Reads raw files, and returns their staged rows, ledger entries and quarantined records.

        Raises:
            StediError: Spark cannot read a file.
        """
        listed, files = files, [file for file in files if not _is_gone(file)]
        _refuse_unreadable(files)
        for file in files:
            if not file.size:
                # An empty file is opened too, because on every engine a file without read permission is an error.
                file.open_stored().close()
                self._entries.append(self._entry(file, "exact", {"rows": 0}))
        written = self._read_plain([file for file in files if _may_be_plain(file)])
        read = {entry.name for entry in self._entries}
        others = [file for file in files if file.name not in read]
        in_lines = [file for file in others if _is_split(file)]
        accepted, rows = self._read_lines(in_lines) if in_lines else (set(), [])
        rows += self._read_whole([file for file in others if file.name not in accepted])
        if others or written is None:
            written = self._joined(written, self._write(rows))
        read = {entry.name for entry in self._entries}
        gone = [file.name for file in listed if file.name not in read]
        return LandingRead(self._prefix, written, self._entries, self._quarantined, gone)

    def _read_plain(self, files: Sequence[LandingFile]) -> Written | None:
        """Writes the rows of the plain files among the given ones; returns None where there are no files."""
        if not files:
            return None
        columns = (*self._source.columns, SOURCE_FILE)
        read = plain_file_reader(_folder_uri(files), self._source.columns, SOURCE_FILE.name, self._stamp.tombstones)
        rows = _contents(self._spark, files, None).mapInArrow(
            read, _fields({column.name: column.type for column in columns})
        )
        rows.createOrReplaceTempView(self._source.name)
        options = {
            MOST_BYTES_OF_A_TASK: str(LARGE_BYTES),
            BYTES_OF_AN_OPENING: str(OPENING_BYTES),
            MOST_BYTES_OF_A_BATCH: str(SMALL_BATCH_BYTES),
        }
        with _options(self._spark, options):
            written = write_parquet(self._spark.sql(self._query.sql), self._folder, f"{self._prefix}-plain")
        if not written.rows:
            return written
        paths = [f"{self._folder.path}/{file.path}" for file in written.files]
        counted = files_read(self._spark, "parquet", paths).groupBy(SOURCE_FILE.name).count().collect()
        counts = dict(map(tuple, counted))
        self._entries += [
            self._entry(file, "strict", {"rows": counts[file.name]}) for file in files if file.name in counts
        ]
        return written

    def _joined(self, plain: Written | None, others: Written) -> Written:
        """Returns all written files, but for those without a row."""
        files = [*(plain.files if plain else ()), *others.files]
        kept = [file for file in files if file.rows] or files[:1]
        self._folder.files.delete_files(self._folder.path, [file.path for file in files if file not in kept])
        return Written(others.schema, kept)

    def _read_lines(self, files: Sequence[LandingFile]) -> tuple[set[str], list[DataFrame]]:
        """Reads files line by line, and returns the names and the rows of the files that lost no record."""
        read = line_reader(_folder_uri(files), self._source.columns, self._stamp.tombstones)
        staged = self._staged([self._stage("lines", _contents(self._spark, files, "\n"), read)])
        results = _results_by_file(_notes(staged))
        # A file without a row goes to the exact reader, which counts its bytes.
        accepted = {name for name, result in results.items() if result.rows and not result.is_refused}
        for file in files:
            if file.name in accepted:
                result = results[file.name]
                counts = {"rows": result.rows, "unknown_keys": dict(result.unknown_keys)}
                self._entries.append(self._entry(file, "strict", counts))
        return accepted, [staged.where("row IS NOT NULL").where(F.col("file").isin(sorted(accepted)))]

    def _read_whole(self, files: Sequence[LandingFile]) -> list[DataFrame]:
        """Reads files as a whole, one task per file, defines the view of quarantined records, and returns the rows."""
        groups: dict[str | None, list[LandingFile]] = {}
        for file in files:
            groups.setdefault(_separator(file), []).append(file)
        staged = self._staged([self._stage_whole(separator, group) for separator, group in groups.items()])
        totals = dict(_notes(staged)) if groups else {}
        # Spark skips a file that was removed after the listing (`ignoreMissingFiles`), so that it has no totals.
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
        # Not split between tasks, and no two in a task.
        whole = str(max(file.size for file in files))
        options = {MOST_BYTES_OF_A_TASK: whole, BYTES_OF_AN_OPENING: whole} if separator else {}
        with _options(self._spark, options):
            return self._stage(PIECES[separator], contents, read)

    def _stage(self, name: str, contents: DataFrame, read: Callable[[Batches], Batches]) -> Location:
        """Writes all findings of files into the staging folder, because a cluster may lose results held in memory."""
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

    def _entry(self, file: LandingFile, reader: Literal["strict", "exact"], counts: Mapping[str, Any]) -> LedgerEntry:
        return LedgerEntry(
            name=file.name, size=file.size, modified=file.modified, reader=reader, read_at=self._stamp.read_at, **counts
        )


def staging_folder(prefix: str) -> str:
    """Returns the name of the folder that holds the findings of a reading, by the prefix of the reading's folders."""
    return f"{prefix}-staged"


def _is_gone(file: LandingFile) -> bool:
    # Spark checks that each file exists before it reads the first, and fails if a local one is missing.
    return not file.path.startswith("s3://") and not Path(file.path).exists()


def _refuse_unreadable(files: Sequence[LandingFile]) -> None:
    for file in files:
        if _is_decompressed_by_name(file) and file.size > LARGEST_COMPRESSED_BYTES:
            raise StediError(
                f"The compressed file {file.path} is larger than 2 GB, which is the most that Spark can read.",
                "Split it or decompress it, or set STEDI_ENGINE=duckdb for the landing tables.",
            )


def _folder_uri(files: Sequence[LandingFile]) -> str:
    """Returns the URI of the files' landing folder as `_metadata.file_path` spells it: file:/ with one slash."""
    folder = files[0].path.removesuffix(files[0].name) if files else ""
    return path_in_spark(folder).replace("file:///", "file:/", 1)


def _is_decompressed_by_name(file: LandingFile) -> bool:
    return file.name.lower().endswith(CODEC_SUFFIXES)


def _separator(file: LandingFile) -> str | None:
    """Returns the separator at which a large file is cut into pieces; None if one piece holds the whole file."""
    if _is_decompressed_by_name(file) or file.size <= LARGE_BYTES:
        return None
    return "\n" if b"\n" in _beginning(file, BEGINNING_BYTES) else "}"


def _may_be_plain(file: LandingFile) -> bool:
    return 0 < file.size <= LARGE_BYTES and not _is_decompressed_by_name(file)


def _is_split(file: LandingFile) -> bool:
    is_worth_it = file.size > SMALL_BYTES and not _is_decompressed_by_name(file)
    return is_worth_it and b"\n" in _beginning(file, BEGINNING_BYTES)


def _begins_with_mark(file: LandingFile) -> bool:
    return _beginning(file, len(BYTE_ORDER_MARK)) == BYTE_ORDER_MARK


def _beginning(file: LandingFile, size: int) -> bytes:
    with io.BufferedReader(file.open_stored()) as content:
        return content.read(size)


def _contents(spark: SparkSession, files: Sequence[LandingFile], separator: str | None) -> DataFrame:
    """Returns a data frame of the URIs and the contents of files, whole or in pieces that end with a separator."""
    paths = [file.path for file in files]
    if separator is None:
        return files_read(spark, "binaryFile", paths, FILE_URI, "content", ignoreMissingFiles="true")
    piece = F.concat("value", F.lit(separator)).cast("binary").alias("content")
    return files_read(spark, "text", paths, FILE_URI, piece, lineSep=separator, ignoreMissingFiles="true")


@contextmanager
def _options(spark: SparkSession, options: Mapping[str, str]) -> Iterator[None]:
    """Sets options of the session within the block."""
    before = {name: str(spark.conf.get(name)) for name in options}
    for name, value in options.items():
        spark.conf.set(name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            spark.conf.set(name, value)


def _findings(source: Source) -> str:
    """Returns the schema of `stedi_assets.salvage.arrow.BatchBuilder` in Spark's DDL."""
    row = _structure({column.name: column.type for column in source.columns})
    return f"file STRING, row {row}, quarantined {_structure(QUARANTINED_FIELDS)}, note STRING"


def _structure(fields: Mapping[str, ColumnType]) -> str:
    return f"STRUCT<{_fields(fields)}>"


def _fields(fields: Mapping[str, ColumnType]) -> str:
    return ", ".join(f"`{name}`: {SPARK_TYPES.get(sql_type, sql_type)}" for name, sql_type in fields.items())


def _notes(staged: DataFrame) -> list[tuple[str, dict[str, Any]]]:
    noted = staged.where("note IS NOT NULL").select("file", "note").collect()
    return [(row["file"], json.loads(row["note"])) for row in noted]


def _results_by_file(notes: Iterable[tuple[str, Mapping[str, Any]]]) -> Mapping[str, FileResult]:
    results: defaultdict[str, FileResult] = defaultdict(FileResult)
    for name, note in notes:
        results[name].is_refused |= note["is_refused"]
        results[name].rows += note["rows"]
        results[name].unknown_keys.update(note["unknown_keys"])
    for result in results.values():
        # The exact reader counts records by key for a limited number of keys. Parts of a file with more keys may each
        # count other ones; a reading of the whole file counts the first.
        keys = result.unknown_keys.keys()
        result.is_refused |= len(keys) > DEFAULT_LIMITS.unknown_keys or OTHER_UNKNOWN_KEYS in keys
    return results
