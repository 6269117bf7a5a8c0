"""Reading landing files with DuckDB: with its strict JSON reader where no value is lost, exactly everywhere else.

DuckDB's JSON reader is fast and strict about the shape of a record, but converts values without an error. So a file
counts as read strictly only if the reader accepted every line and no stored value is one that it may have converted.

A file that fails is read again. First its records are separated by newlines, for the strict reader. If that is not
enough, the exact reader reads it (`stedi_assets.salvage.records`). Lines that look like records still go to the strict
reader, all at once.

Given a list of columns, DuckDB ignores unknown keys. If it infers the columns, it refuses keys that are not among them.
Unknown keys must be refused, as the ledger counts them. So the query gives DuckDB no columns: DuckDB infers them from
an example file, which holds one made-up record.
"""

import json
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import arro3.core
import duckdb

from stedi_assets.contract import QUARANTINE_COLUMNS, SOURCE_FILE, Column, Source
from stedi_assets.engines.duckdb.errors import FAILURES
from stedi_assets.engines.duckdb.losses import (
    examples,
    loss_conditions,
    may_be_booleans,
    reads_numbers_as_json,
    stored_columns,
)
from stedi_assets.engines.duckdb.parquet import write_parquet
from stedi_assets.engines.duckdb.text import NO_HIVE_PARTITIONS, duckdb_type, identifier, literal, paths, read_parquet
from stedi_assets.engines.engine import LandingRead, Quarantined, ReadStamp, Written
from stedi_assets.errors import GoneError
from stedi_assets.landing.files import LandingFile
from stedi_assets.landing.ledger import LedgerEntry
from stedi_assets.query import Query
from stedi_assets.salvage.booleans import may_hold_booleans
from stedi_assets.salvage.decimals import decimal_type, may_hold_long_numbers
from stedi_assets.salvage.reasons import ReasonCode, sentence
from stedi_assets.salvage.records import Batch, RecordReader
from stedi_assets.salvage.separators import separate
from stedi_assets.storage.location import Location

SAMPLED = 2
"""How many times the example file is listed, which is also the number of files that DuckDB samples: it infers the
columns from the example alone, never from a raw file. Once is not enough: DuckDB would then read a single raw file with
as few threads as a file of the example's size needs."""

ARROW_TYPES = {
    "VARCHAR": arro3.core.DataType.string(),
    "BOOLEAN": arro3.core.DataType.bool(),
    "INTEGER": arro3.core.DataType.int32(),
    "BIGINT": arro3.core.DataType.int64(),
    "FLOAT": arro3.core.DataType.float32(),
    "DOUBLE": arro3.core.DataType.float64(),
}
"""From the contract's types to Arrow's. Values of the others become text, because arro3 makes no array of them."""

EXACT_ROWS = "exact_rows"

MALFORMED = (
    duckdb.InvalidInputException,
    duckdb.ConversionException,
    duckdb.OutOfRangeException,
    # DuckDB quotes the malformed text; see FAILURES.
    UnicodeDecodeError,
)
"""The exceptions of a file whose content the strict reader refuses."""

UNREADABLE = (*MALFORMED, duckdb.IOException)
"""The same, and those of a file that is gone or is not valid gzip."""


@dataclass(frozen=True)
class Input:
    """A raw file in the form that the strict reader reads.

    Attributes:
        file: The raw file.
        path: The path of the raw file itself, or of a copy with its records separated by newlines.
    """

    file: LandingFile
    path: str


class DuckDBLandingReader:
    """Reads raw landing files of one source. An instance reads once.

    Args:
        cursor: The cursor that runs all statements.
        query: A SELECT over the source's name.
        source: The kind of record that the files hold.
        folder: The landing table's folder.
        prefix: The prefix of the Parquet files' names.
        stamp: The values to store with everything that is quarantined.
        quarantined: Names the table to fill with quarantined records.
    """

    def __init__(
        self,
        cursor: duckdb.DuckDBPyConnection,
        query: Query,
        source: Source,
        folder: Location,
        prefix: str,
        stamp: ReadStamp,
        quarantined: Quarantined,
    ) -> None:
        self._cursor = cursor
        self._query = query
        self._source = source
        self._folder = folder
        self._prefix = prefix
        self._stamp = stamp
        self._quarantined = quarantined
        self._groups = 0
        self._example = ""
        self._written: list[Written] = []
        self._entries: list[LedgerEntry] = []
        self._gone: list[str] = []

    def read(self, files: Sequence[LandingFile]) -> LandingRead:
        """Reads raw files, and returns their staged rows, ledger entries and quarantined records."""
        self._create_table(EXACT_ROWS, (*self._source.columns, SOURCE_FILE))
        self._create_table(self._quarantined.table, QUARANTINE_COLUMNS)
        with tempfile.TemporaryDirectory(dir=self._spill_folder()) as folder:
            self._example = self._write_example(Path(folder))
            refused = self._read_strictly([Input(file, file.path) for file in files])
            for input_ in refused:
                try:
                    self._read_refused(input_.file, Path(folder) / "separated.json")
                except GoneError:
                    self._forget(input_.file)
                    self._gone.append(input_.file.name)
        self._write_exact_rows()
        written_files = [file for written in self._written for file in written.files]
        return LandingRead(
            self._prefix,
            Written(self._written[-1].schema, written_files),
            self._entries,
            self._quarantined,
            self._gone,
        )

    def _create_table(self, name: str, columns: Sequence[Column]) -> None:
        declared = ", ".join(f"{identifier(column.name)} {duckdb_type(column.type)}" for column in columns)
        self._cursor.execute(f"CREATE OR REPLACE TABLE {name} ({declared})")

    def _write_example(self, folder: Path) -> str:
        example = folder / "example.json"
        example.write_text(json.dumps(examples(self._source.columns)))
        return str(example)

    def _spill_folder(self) -> str | None:
        folder: str = self._cursor.sql("SELECT current_setting('temp_directory')").fetchall()[0][0]
        return folder if Path(folder).is_dir() else None

    def _read_strictly(self, inputs: Sequence[Input]) -> list[Input]:
        """Stores the rows of all files that the strict reader reads without a loss, and returns the other files."""
        # An empty file has no row that would show that the reader has read it.
        accepted = [input_ for input_ in inputs if input_.file.size and not _is_decompressed_by_name(input_)]
        with ThreadPoolExecutor(max_workers=1) as thread_pool:
            # Values of DOUBLE columns are often 0 or 1, so that the files are scanned for booleans anyway. A scan while
            # DuckDB reads takes half the time of a scan afterwards. Values of BIGINT columns are seldom 0 or 1.
            scans = {
                input_.path: thread_pool.submit(_is_found, may_hold_booleans, input_)
                for input_ in accepted
                if self._has_fractions
            }
            # DuckDB raises IOException for a missing file, for invalid gzip and for a full disk. The second attempt
            # leaves out the unreadable files: if it raises IOException again, the disk is the cause.
            written = self._copied(accepted, UNREADABLE)
            if written is None:
                accepted = [input_ for input_ in accepted if self._is_readable(input_)]
                written = self._copied(accepted, MALFORMED)
            if written is None:
                return list(inputs)
            suspects = self._files_with_changed_values(written) | self._files_with_erased_customers(written)
            if may_be_booleans(written, self._source.columns):
                suspects |= {
                    input_.file.name
                    for input_ in accepted
                    if (scans[input_.path].result() if scans else _is_found(may_hold_booleans, input_))
                }
            if any(decimal_type(column.type) for column in self._source.columns):
                suspects |= {input_.file.name for input_ in accepted if _is_found(may_hold_long_numbers, input_)}
        rows = self._rows(written)
        taken = rows.keys() - suspects
        accepted = [input_ for input_ in accepted if input_.file.name in taken]
        if suspects or not accepted:
            self._discard()
            written = self._copied(accepted, MALFORMED)
        if written is None:
            return list(inputs)
        self._accept(written, rows, accepted)
        read = {input_.path for input_ in accepted}
        return [input_ for input_ in inputs if input_.path not in read]

    @property
    def _has_fractions(self) -> bool:
        columns = self._source.columns
        return not reads_numbers_as_json(columns) and any(column.type in ("FLOAT", "DOUBLE") for column in columns)

    def _copied(self, inputs: Sequence[Input], excused: tuple[type[Exception], ...]) -> Written | None:
        """Stages the rows of files; returns None if there are no files or DuckDB raises an excused exception."""
        if not inputs:
            return None
        try:
            self._define(self._strict_rows(inputs))
            return self._write()
        except excused:
            self._discard()
            return None

    def _write(self) -> Written:
        return write_parquet(self._cursor, self._query.sql, self._folder, self._group_prefix)

    @property
    def _group_prefix(self) -> str:
        return f"{self._prefix}-{self._groups}"

    def _discard(self) -> None:
        self._folder.files.delete(self._folder.path, f"{self._group_prefix}-")

    def _is_readable(self, input_: Input) -> bool:
        # Each column is counted, because DuckDB does not convert the columns that a query does not use.
        counts = ", ".join(f"count({identifier(column.name)})" for column in self._source.columns)
        try:
            self._cursor.execute(f"SELECT {counts} FROM ({self._strict_rows([input_])})").fetchall()
        except FAILURES:
            return False
        return True

    def _define(self, select: str) -> None:
        # No file name is used twice: DuckDB may have cached the content of an earlier file of the same name.
        self._groups += 1
        self._cursor.execute(f"CREATE OR REPLACE TEMP VIEW {identifier(self._source.name)} AS {select}")

    def _strict_rows(self, inputs: Sequence[Input]) -> str:
        columns = stored_columns(self._source.columns)
        # A copy has another name than its raw file, so that the raw file's name is a literal; a copy is read alone.
        # Every row holds its file's name: as an ENUM, writing it takes a tenth of the time that a VARCHAR takes.
        file = inputs[0].file
        folder_characters = len(file.path) - len(file.name)
        name = f"substr(filename, {folder_characters + 1})" if inputs[0].path == file.path else literal(file.name)
        names = ", ".join(literal(input_.file.name) for input_ in inputs)
        return f"""
            SELECT {columns}, CAST({name} AS ENUM ({names})) AS {SOURCE_FILE.name}
            FROM read_json({paths([*SAMPLED * [self._example], *(input_.path for input_ in inputs)])},
                format = 'newline_delimited', records = 'true', filename = true, maximum_sample_files = {SAMPLED},
                {NO_HIVE_PARTITIONS})
            WHERE filename <> {literal(self._example)}
        """

    def _rows(self, written: Written) -> dict[str, int]:
        counted = f"SELECT {SOURCE_FILE.name}, count(*) FROM {self._parquet(written)} GROUP BY ALL"
        return dict(self._cursor.execute(counted).fetchall())

    def _files_with_changed_values(self, written: Written) -> set[str]:
        """Returns the names of the files with a value that the strict reader may have changed or lost."""
        conditions = [condition for column in self._source.columns for condition in loss_conditions(written, column)]
        if not conditions:
            return set()
        # In WHERE, DuckDB evaluates a condition on text once for each distinct value of the Parquet dictionary.
        found = self._cursor.execute(
            f"SELECT DISTINCT {SOURCE_FILE.name} FROM {self._parquet(written)} WHERE {' OR '.join(conditions)}"
        ).fetchall()
        return {name for (name,) in found}

    def _files_with_erased_customers(self, written: Written) -> set[str]:
        if not self._stamp.tombstones:
            return set()
        tombstones = self._stamp.tombstones
        naming = [column.name for column in self._source.columns if column.names_customer]
        return {
            file
            for column in naming
            for file, value in self._cursor.execute(
                f"SELECT DISTINCT {SOURCE_FILE.name}, {identifier(column)} FROM {self._parquet(written)}"
            ).fetchall()
            if (column, value) in tombstones
        }

    def _parquet(self, written: Written) -> str:
        return read_parquet(str(self._folder / file.path) for file in written.files)

    def _accept(self, written: Written, rows: Mapping[str, int], inputs: Sequence[Input]) -> None:
        self._written.append(written)
        self._entries += [
            LedgerEntry(
                name=input_.file.name,
                size=input_.file.size,
                modified=input_.file.modified,
                reader="strict",
                rows=rows[input_.file.name],
                read_at=self._stamp.read_at,
            )
            for input_ in inputs
        ]

    def _read_refused(self, file: LandingFile, copy: Path) -> None:
        """Reads a file strictly with its records separated by newlines, or else exactly."""
        with file.open() as content, copy.open("wb") as target:
            is_separated = separate(content, target) and not content.is_damaged
        if not is_separated or self._read_strictly([Input(file, str(copy))]):
            self._read_exactly(file, copy)

    def _read_exactly(self, file: LandingFile, copy: Path) -> None:
        """Reads a file exactly, except for the lines that look like records and that the strict reader can take."""
        with copy.open("wb") as lines:
            entry, lines_passed_on = self._read_records(file, lines)
        if lines_passed_on and self._read_strictly([Input(file, str(copy))]):
            self._forget(file)
            entry, _ = self._read_records(file, None)
        elif lines_passed_on:
            self._entries.pop()
        self._entries.append(entry)

    def _forget(self, file: LandingFile) -> None:
        for table in (EXACT_ROWS, self._quarantined.table):
            self._cursor.execute(f"DELETE FROM {table} WHERE {SOURCE_FILE.name} = {literal(file.name)}")

    def _read_records(self, file: LandingFile, lines: BinaryIO | None) -> tuple[LedgerEntry, int]:
        with file.open() as content:
            reader = RecordReader(content, self._source.columns, erased=self._stamp.tombstones, lines=lines)
            for batch in reader:
                self._insert(batch, file)
            totals = reader.totals
            if content.is_damaged:
                self._quarantine_compression(file, totals.bytes_total)
        entry = LedgerEntry(
            name=file.name,
            size=file.size,
            modified=file.modified,
            reader="exact",
            rows=totals.rows,
            quarantined=totals.quarantined + content.is_damaged,
            bytes_total=totals.bytes_total,
            bytes_in_rows=totals.bytes_in_rows,
            bytes_quarantined=totals.bytes_quarantined,
            bytes_between=totals.bytes_between,
            unknown_keys=dict(totals.unknown_keys),
            read_at=self._stamp.read_at,
        )
        return entry, reader.lines_passed_on

    def _insert(self, batch: Batch, file: LandingFile) -> None:
        self._cursor.register("batch", _arrow_table(self._source.columns, batch.columns))
        self._cursor.execute(f"INSERT INTO {EXACT_ROWS} SELECT *, {literal(file.name)} FROM batch")
        self._quarantine(
            (file.name, record.offset, record.length, record.text, record.code, record.column, record.reason)
            for record in batch.quarantined
        )

    def _quarantine_compression(self, file: LandingFile, offset: int) -> None:
        code: ReasonCode = "damaged_compression"
        self._quarantine([(file.name, offset, 0, "", code, None, sentence(code))])

    def _quarantine(self, records: Iterable[tuple[str, int, int, str, str, str | None, str]]) -> None:
        """Stores records, given as the columns of `QUARANTINE_COLUMNS` without the run and the time."""
        rows = [(*record, self._stamp.run_id, self._stamp.read_at) for record in records]
        if not rows:
            return
        columns = [list(values) for values in zip(*rows, strict=True)]
        self._cursor.register("batch", _arrow_table(QUARANTINE_COLUMNS, columns))
        self._cursor.execute(f"INSERT INTO {self._quarantined.table} SELECT * FROM batch")

    def _write_exact_rows(self) -> None:
        (is_empty,) = self._cursor.sql(f"SELECT count(*) = 0 FROM {EXACT_ROWS}").fetchall()[0]
        # A table without a row has one file too, as its readers need one for the columns.
        if not is_empty or not self._written:
            self._define(f"SELECT * FROM {EXACT_ROWS}")
            self._written.append(self._write())
        self._cursor.execute(f"DROP TABLE {EXACT_ROWS}")


def _is_decompressed_by_name(input_: Input) -> bool:
    # DuckDB decompresses files with this suffix. The exact reader and Spark only decompress gzip.
    return input_.path.lower().endswith(".zst")


def _is_found(search: Callable[[BinaryIO], bool], input_: Input) -> bool:
    if input_.path != input_.file.path:
        with Path(input_.path).open("rb", buffering=0) as content:
            return search(content)
    # If the file is gone by now, its rows stay as DuckDB read them.
    with suppress(GoneError), input_.file.open() as content:
        return search(content)
    return False


def _arrow_table(columns: Sequence[Column], values: Sequence[Sequence[Any]]) -> arro3.core.Table:
    arrays = [_arrow_array(column.type, column_values) for column, column_values in zip(columns, values, strict=True)]
    return arro3.core.Table.from_arrays(arrays, names=[column.name for column in columns])


def _arrow_array(sql_type: str, values: Sequence[Any]) -> arro3.core.Array:
    if sql_type in ARROW_TYPES:
        return arro3.core.Array(list(values), ARROW_TYPES[sql_type])
    texts = [None if value is None else str(value) for value in values]
    return arro3.core.Array(texts, ARROW_TYPES["VARCHAR"])
