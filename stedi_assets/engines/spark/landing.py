"""Reading landing files with Spark: line by line in parallel where that loses nothing, and whole everywhere else.

The executors run the exact reader either way (`stedi_assets.landing.records`, by `stedi_assets.landing.arrow`). Files
of lines are split across tasks. A file of which some part is not made of whole records is read again as a whole, by
one task, which alone knows the offsets of what it quarantines.
"""

import io
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Literal

from pyspark.sql import DataFrame, Observation, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from stedi_assets.engines import NEWLY_QUARANTINED, LandingRead, ReadStamp, Written
from stedi_assets.engines.spark.frames import FILE_NAME, files_read, parquet_read, path_in_spark, spark_schema
from stedi_assets.engines.spark.parquet import WRITE_OPTIONS, parquet_files, write_parquet
from stedi_assets.errors import StediError
from stedi_assets.landing.arrow import BYTE_ORDER_MARK, STRETCH_COLUMNS, Cut, line_reader, whole_file_reader
from stedi_assets.landing.files import LandingFile
from stedi_assets.landing.ledger import LedgerEntry
from stedi_assets.landing.records import DEFAULT_LIMITS, OTHER_UNKNOWN_KEYS
from stedi_assets.query import Query
from stedi_assets.storage.location import Location
from stedi_assets.tables import SOURCE_FILE, Column, Source

SPARK_TYPES = {"VARCHAR": "STRING", "BIGINT": "BIGINT", "DOUBLE": "DOUBLE"}
"""From the contract's types to Spark's."""

LARGE_BYTES = 64 << 20
"""Larger files are not held in memory as a whole, unless they are compressed."""

BEGINNING_BYTES = 1 << 20
"""A large file that has no line feed in so many bytes is cut at what records end with."""

LARGEST_COMPRESSED_BYTES = 2**31 - 1
"""Spark hands over no larger file as a whole."""

PASSED_OVER = "_"
"""Spark does not see files whose name begins so."""


@dataclass
class Verdict:
    """What reading a file line by line told of it.

    Attributes:
        is_refused: Whether it must be read as a whole.
        unknown_keys: Records by the name of a key that the contract does not have.
    """

    is_refused: bool = False
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
    """

    def __init__(
        self,
        spark: SparkSession,
        query: Query,
        source: Source,
        folder: Location,
        prefix: str,
        stamp: ReadStamp,
    ) -> None:
        self._spark = spark
        self._query = query
        self._source = source
        self._folder = folder
        self._prefix = prefix
        self._stamp = stamp
        self._parts = 0
        self._written: list[Written] = []
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
        _refuse_unreadable(files)
        for file in files:
            if not file.size:
                # Opened all the same: one that may not be read is an error on every engine.
                file.open_stored().close()
                self._entries.append(self._entry(file, "exact", {"rows": 0}))
        separators = {file: _separator(file) for file in files if file.size}
        of_lines = [file for file, separator in separators.items() if _is_cut_at_line_ends(file, separator)]
        accepted = self._read_lines(of_lines) if of_lines else set()
        whole: dict[str | None, list[LandingFile]] = {}
        for file, separator in separators.items():
            if file.name not in accepted:
                whole.setdefault(separator, []).append(file)
        self._read_whole(whole)
        written_files = [file for written in self._written for file in written.files]
        return LandingRead(self._prefix, Written(self._written[-1].schema, written_files), self._entries)

    def _read_lines(self, files: Sequence[LandingFile]) -> set[str]:
        """Reads the files that nothing is lost of line by line, and returns their names."""
        observation = Observation()
        lines = _contents(self._spark, files, "\n")
        findings = lines.mapInArrow(line_reader(self._source.columns), _findings(self._source))
        notes = F.collect_list(F.when(F.col("note").isNotNull(), F.struct("file", "note")))
        written = self._write(findings.observe(observation, notes.alias("notes")))
        verdicts = _verdicts((note["file"], json.loads(note["note"])) for note in observation.get["notes"])
        rows = self._rows(written)
        # A file without a row has nothing to prove anything by.
        accepted = {file.name for file in files if file.name in rows and not verdicts[file.name].is_refused}
        if accepted != rows.keys():
            written = self._only(accepted, written)
        if accepted:
            self._written.append(written)
        for file in files:
            if file.name in accepted:
                told = {"rows": rows[file.name], "unknown_keys": dict(verdicts[file.name].unknown_keys)}
                self._entries.append(self._entry(file, "strict", told))
        return accepted

    def _read_whole(self, groups: Mapping[str | None, Sequence[LandingFile]]) -> None:
        """Reads files as a whole, a file a task, and defines what was quarantined."""
        staged = self._staged(groups)
        notes = staged.where("note IS NOT NULL").select("file", "note").collect() if groups else []
        totals = {note["file"]: json.loads(note["note"]) for note in notes}
        self._entries += [self._entry(file, "exact", totals[file.name]) for files in groups.values() for file in files]
        staged.where("stretch IS NOT NULL").select(
            F.col("file").alias(SOURCE_FILE.name),
            "stretch.*",
            F.lit(self._stamp.run_id).alias("runId"),
            F.lit(self._stamp.read_at).cast("bigint").alias("quarantinedAt"),
        ).createOrReplaceTempView(NEWLY_QUARANTINED)
        # A table has a file even where it has no row: its readers ask for one.
        if any(each["rows"] for each in totals.values()) or not self._written:
            self._written.append(self._write(staged))

    def _staged(self, groups: Mapping[str | None, Sequence[LandingFile]]) -> DataFrame:
        """Returns all that is found in the files, stored beside the table: a cluster may lose what it has in memory."""
        columns = self._source.columns
        paths: list[str] = []
        for number, (separator, files) in enumerate(groups.items()):
            cut = {file.name: Cut(file.size, _begins_with_mark(file)) for file in files} if separator else {}
            part = self._folder / staging_folder(self._prefix) / str(number)
            contents = _contents(self._spark, files, separator)
            with _a_file_a_task(self._spark, files) if separator else nullcontext():
                found = contents.mapInArrow(whole_file_reader(columns, cut), _findings(self._source))
                found.write.options(**WRITE_OPTIONS).parquet(path_in_spark(part.path))
            paths += [file.path for file in parquet_files(part)]
        return parquet_read(self._spark, paths, _findings(self._source))

    def _write(self, findings: DataFrame) -> Written:
        rows = findings.where("row IS NOT NULL").select("row.*", F.col("file").alias(SOURCE_FILE.name))
        rows.createOrReplaceTempView(self._source.name)
        return write_parquet(self._spark.sql(self._query.sql), self._folder, self._next_part())

    def _next_part(self) -> str:
        self._parts += 1
        return f"{self._prefix}-{self._parts}"

    def _stored(self, written: Written) -> DataFrame:
        paths = [str(self._folder / file.path) for file in written.files]
        return parquet_read(self._spark, paths, spark_schema(written.schema))

    def _rows(self, written: Written) -> dict[str, int]:
        counted = self._stored(written).groupBy(SOURCE_FILE.name).count().collect()
        return {row[SOURCE_FILE.name]: row["count"] for row in counted}

    def _only(self, names: set[str], written: Written) -> Written:
        """Writes anew what was written of some files, and deletes what was written of all."""
        discarded = f"{self._prefix}-{self._parts}"
        if names:
            kept = self._stored(written).where(F.col(SOURCE_FILE.name).isin(sorted(names)))
            written = write_parquet(kept, self._folder, self._next_part())
        self._folder.files.delete(self._folder.path, discarded)
        return written

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


def _refuse_unreadable(files: Sequence[LandingFile]) -> None:
    for file in files:
        if file.name.startswith(PASSED_OVER):
            raise StediError(
                f"Spark does not read a file whose name begins with {PASSED_OVER}, such as {file.path}.",
                "Give it another name, or set STEDI_ENGINE=duckdb for the landing tables.",
            )
        if _is_compressed(file) and file.size > LARGEST_COMPRESSED_BYTES:
            raise StediError(
                f"The file {file.path} is larger than 2 GB, which Spark cannot read where it is compressed.",
                "Split it or decompress it, or set STEDI_ENGINE=duckdb for the landing tables.",
            )


def _is_compressed(file: LandingFile) -> bool:
    return file.name.endswith(".gz")


def _separator(file: LandingFile) -> str | None:
    """Returns what a file is cut into pieces at where it is read as a whole; None where it is one piece."""
    if _is_compressed(file) or file.size <= LARGE_BYTES:
        return None
    return "\n" if b"\n" in _beginning(file, BEGINNING_BYTES) else "}"


def _is_cut_at_line_ends(file: LandingFile, separator: str | None) -> bool:
    return not _is_compressed(file) and separator != "}"


def _begins_with_mark(file: LandingFile) -> bool:
    return _beginning(file, len(BYTE_ORDER_MARK)) == BYTE_ORDER_MARK


def _beginning(file: LandingFile, size: int) -> bytes:
    with io.BufferedReader(file.open_stored()) as content:
        return content.read(size)


def _contents(spark: SparkSession, files: Sequence[LandingFile], separator: str | None) -> DataFrame:
    """Returns the names and the contents of files, whole or in pieces that end with a separator."""
    paths = [file.path for file in files]
    if separator is None:
        return files_read(spark, "binaryFile", paths, FILE_NAME, "content")
    piece = F.concat("value", F.lit(separator)).cast("binary").alias("content")
    return files_read(spark, "text", paths, FILE_NAME, piece, lineSep=separator)


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
    """Returns the columns of `stedi_assets.landing.arrow.Findings` as Spark's."""
    return f"file STRING, row {_structure(source.columns)}, stretch {_structure(STRETCH_COLUMNS)}, note STRING"


def _structure(columns: Sequence[Column]) -> str:
    return f"STRUCT<{', '.join(f'`{column.name}`: {SPARK_TYPES[column.type]}' for column in columns)}>"


def _verdicts(notes: Iterable[tuple[str, Mapping[str, Any]]]) -> Mapping[str, Verdict]:
    verdicts: defaultdict[str, Verdict] = defaultdict(Verdict)
    for name, note in notes:
        verdicts[name].is_refused |= note["is_refused"]
        verdicts[name].unknown_keys.update(note["unknown_keys"])
    for verdict in verdicts.values():
        # Read as a whole, it has no more of them than are kept.
        keys = verdict.unknown_keys.keys()
        verdict.is_refused |= len(keys) > DEFAULT_LIMITS.unknown_keys or OTHER_UNKNOWN_KEYS in keys
    return verdicts
