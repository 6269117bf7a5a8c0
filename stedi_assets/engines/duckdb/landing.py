"""Reading landing files with DuckDB: strictly where that loses nothing, and exactly everywhere else.

DuckDB's JSON reader is fast and strict about shape, but lax about values. So a file counts as read strictly only if
two things agree: the reader took every line, and no value of a row is one that the reader may have changed. A file that
fails is read again: with its records separated by newlines, if that was all, or record by record (see
`stedi_assets.salvage.records`), but for those of its lines that look like records, which are read strictly together.

The reader passes over a key that is not among the columns it is told, but refuses one that is not among those it found
out by itself. So it is told none, and finds them out in an example: a file with one made-up record.
"""

import json
import math
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import arro3.core
import duckdb

from stedi_assets.contract import QUARANTINE_COLUMNS, SOURCE_FILE, Column, Source
from stedi_assets.engines.duckdb.errors import FAILURES
from stedi_assets.engines.duckdb.parquet import write_parquet
from stedi_assets.engines.duckdb.text import NO_HIVE_PARTITIONS, identifier, literal, paths, read_parquet
from stedi_assets.engines.engine import LandingRead, Quarantined, ReadStamp, Written
from stedi_assets.errors import GoneError
from stedi_assets.landing.files import LandingFile
from stedi_assets.landing.ledger import LedgerEntry
from stedi_assets.query import Query
from stedi_assets.salvage.booleans import may_hold_booleans
from stedi_assets.salvage.reasons import ReasonCode, sentence
from stedi_assets.salvage.records import Batch, RecordReader
from stedi_assets.salvage.separators import separate
from stedi_assets.salvage.values import EXACT_INTEGERS
from stedi_assets.storage.delta import DataFile
from stedi_assets.storage.location import Location

EXAMPLES = {"VARCHAR": "text", "BIGINT": 0.5, "DOUBLE": 0.5}
"""From the contract's types to a value from which DuckDB finds out the type that it reads: DOUBLE for a BIGINT too, as
it would round 1.5 to a BIGINT without a word."""

SAMPLED = 2
"""How often DuckDB looks at the example. After a single look it would give a single raw file as few threads as a file
of the example's size needs."""

ARROW_TYPES = {
    "VARCHAR": arro3.core.DataType.string(),
    "BIGINT": arro3.core.DataType.int64(),
    "DOUBLE": arro3.core.DataType.float64(),
}

MAY_BE_CHANGED = {
    # Infinity and NaN lie outside too.
    "BIGINT": f"{{name}} NOT BETWEEN 1 - {EXACT_INTEGERS} AND {EXACT_INTEGERS} - 1",
    "DOUBLE": f"{{name}} NOT BETWEEN 1 - {EXACT_INTEGERS} AND {EXACT_INTEGERS} - 1",
    # A number that became text may not be spelt as it was, unless it is a short integer; a 0 may have been a -0. And
    # what became text may have been an array, an object, a true, a false, or a word for a number that JSON lacks.
    "VARCHAR": "{name} >= '-' AND {name} < ':' AND NOT regexp_full_match({name}, '[1-9][0-9]{{0,17}}') "
    "AND regexp_full_match({name}, '-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][-+]?[0-9]+)?|(?i:-nan|-inf|-infinity)') "
    "OR {name} >= 'I' AND {name} < 'o' AND regexp_full_match({name}, '(?i:nan|inf|infinity)') "
    "OR {name} >= '[' AND {name} < '\\' OR {name} >= '{{' AND {name} < '|' OR {name} = 'true' OR {name} = 'false'",
}
"""From a column's type to the condition under which the strict reader may have changed a stored value."""

STORED = {
    "VARCHAR": "{name}",
    # Cast within the CASE: around it, checking costs three times as much.
    "BIGINT": "CASE WHEN {name} <> trunc({name}) THEN error('a number that is not whole') "
    "ELSE CAST({name} AS BIGINT) END",
    # A zero loses its sign.
    "DOUBLE": "{name} + 0e0",
}
"""From a column's type to how what the strict reader gives is stored."""

EXACT_ROWS = "exact_rows"

MALFORMED = (
    duckdb.InvalidInputException,
    duckdb.ConversionException,
    duckdb.OutOfRangeException,
    # DuckDB quotes the beginning of what it refuses; see FAILURES.
    UnicodeDecodeError,
)
UNREADABLE = (*MALFORMED, duckdb.IOException)


@dataclass(frozen=True)
class Input:
    """A raw file as the strict reader gets it.

    Attributes:
        file: The raw file.
        path: What is read: the raw file itself, or a copy with its records separated.
    """

    file: LandingFile
    path: str


class LandingReader:
    """Reads raw landing files of one source, once.

    Args:
        cursor: Computes.
        query: A SELECT over the source's name.
        source: The kind of record the files hold.
        folder: The landing table's folder.
        prefix: The beginning of the names of the Parquet files.
        stamp: What marks the quarantined stretches.
        quarantined: Names the table that takes them.
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
        """Reads files.

        Args:
            files: The raw files.

        Returns:
            Their rows and what became of each file.
        """
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
        declared = ", ".join(f"{identifier(column.name)} {column.type}" for column in columns)
        self._cursor.execute(f"CREATE OR REPLACE TABLE {name} ({declared})")

    def _write_example(self, folder: Path) -> str:
        example = folder / "example.json"
        example.write_text(json.dumps({column.name: EXAMPLES[column.type] for column in self._source.columns}))
        return str(example)

    def _spill_folder(self) -> str | None:
        folder: str = self._cursor.sql("SELECT current_setting('temp_directory')").fetchall()[0][0]
        return folder if Path(folder).is_dir() else None

    def _read_strictly(self, inputs: Sequence[Input]) -> list[Input]:
        """Reads the files that nothing is lost of, all at once, and returns the others."""
        # A file of no bytes has no row to prove anything by.
        accepted = [input_ for input_ in inputs if input_.file.size and not _is_decompressed_by_name(input_)]
        with ThreadPoolExecutor(max_workers=1) as beside:
            # Fractions are often 0 or 1, whole numbers seldom: beside the reader, looking takes half the time.
            looks = {
                input_.path: beside.submit(_may_hold_booleans, input_) for input_ in accepted if self._has_fractions
            }
            # A file that is gone or no gzip is an error of input and output, as a full disk is: the second try tells.
            written = self._copied(accepted, UNREADABLE)
            if written is None:
                accepted = [input_ for input_ in accepted if self._is_readable(input_)]
                written = self._copied(accepted, MALFORMED)
            if written is None:
                return list(inputs)
            doubted = self._files_with_changed_values(written) | self._files_with_erased_customers(written)
            if _may_be_booleans(written, self._source.columns):
                doubted |= {
                    input_.file.name
                    for input_ in accepted
                    if (looks[input_.path].result() if looks else _may_hold_booleans(input_))
                }
        rows = self._rows(written)
        accepted = [input_ for input_ in accepted if input_.file.name in rows.keys() - doubted]
        if doubted or not accepted:
            self._discard()
            written = self._copied(accepted, MALFORMED)
        if written is None:
            return list(inputs)
        self._accept(written, rows, accepted)
        return [input_ for input_ in inputs if input_ not in accepted]

    @property
    def _has_fractions(self) -> bool:
        return any(column.type == "DOUBLE" for column in self._source.columns)

    def _copied(self, inputs: Sequence[Input], excused: tuple[type[Exception], ...]) -> Written | None:
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
        # A column that is not asked for is not converted.
        counts = ", ".join(f"count({identifier(column.name)})" for column in self._source.columns)
        try:
            self._cursor.execute(f"SELECT {counts} FROM ({self._strict_rows([input_])})").fetchall()
        except FAILURES:
            return False
        return True

    def _define(self, select: str) -> None:
        # A name is never given twice: DuckDB may still have in its cache what an earlier file of that name held.
        self._groups += 1
        self._cursor.execute(f"CREATE OR REPLACE TEMP VIEW {identifier(self._source.name)} AS {select}")

    def _strict_rows(self, inputs: Sequence[Input]) -> str:
        typed = ", ".join(map(_typed, self._source.columns))
        # A copy has another name than its raw file. An enumeration costs a tenth of what writing texts does.
        file = inputs[0].file
        folder_characters = len(file.path) - len(file.name)
        name = f"substr(filename, {folder_characters + 1})" if inputs[0].path == file.path else literal(file.name)
        names = ", ".join(literal(input_.file.name) for input_ in inputs)
        return f"""
            SELECT {typed}, CAST({name} AS ENUM ({names})) AS {SOURCE_FILE.name}
            FROM read_json({paths([*SAMPLED * [self._example], *(input_.path for input_ in inputs)])},
                format = 'newline_delimited', records = 'true', filename = true, maximum_sample_files = {SAMPLED},
                {NO_HIVE_PARTITIONS})
            WHERE filename <> {literal(self._example)}
        """

    def _rows(self, written: Written) -> dict[str, int]:
        counted = f"SELECT {SOURCE_FILE.name}, count(*) FROM {self._parquet(written)} GROUP BY ALL"
        return dict(self._cursor.execute(counted).fetchall())

    def _files_with_changed_values(self, written: Written) -> set[str]:
        """Returns the files that may have lost something."""
        doubts = [doubt for column in self._source.columns for doubt in _doubts(written, column)]
        if not doubts:
            return set()
        # As a filter, the doubts of a text are looked into once for each of its values that differ.
        found = self._cursor.execute(
            f"SELECT DISTINCT {SOURCE_FILE.name} FROM {self._parquet(written)} WHERE {' OR '.join(doubts)}"
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
        """Reads a file again, with its records separated or else exactly."""
        with file.open() as content, copy.open("wb") as target:
            is_separated = separate(content, target) and not content.is_damaged
        if not is_separated or self._read_strictly([Input(file, str(copy))]):
            self._read_exactly(file, copy)

    def _read_exactly(self, file: LandingFile, copy: Path) -> None:
        """Reads a file exactly, but strictly those of its lines that look like records, if nothing is lost of them."""
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

    def _quarantine(self, stretches: Iterable[tuple[str, int, int, str, str, str | None, str]]) -> None:
        marks = (self._stamp.run_id, self._stamp.read_at)
        rows = [(*stretch, *marks) for stretch in stretches]
        if not rows:
            return
        columns = [list(values) for values in zip(*rows, strict=True)]
        self._cursor.register("batch", _arrow_table(QUARANTINE_COLUMNS, columns))
        self._cursor.execute(f"INSERT INTO {self._quarantined.table} SELECT * FROM batch")

    def _write_exact_rows(self) -> None:
        (is_empty,) = self._cursor.sql(f"SELECT count(*) = 0 FROM {EXACT_ROWS}").fetchall()[0]
        # A table has a file even where it has no row: its readers ask for one.
        if not is_empty or not self._written:
            self._define(f"SELECT * FROM {EXACT_ROWS}")
            self._written.append(self._write())
        self._cursor.execute(f"DROP TABLE {EXACT_ROWS}")


def _doubts(written: Written, column: Column) -> Iterator[str]:
    """Gives the conditions under which a value was changed or lost, as far as the statistics do not rule them out."""
    if column.required and any(file.statistics["nullCount"][column.name] for file in written.files):
        yield f"{identifier(column.name)} IS NULL"
    bounds = (_bounds(file, column) for file in written.files)
    is_exact = all(least > -EXACT_INTEGERS and greatest < EXACT_INTEGERS for least, greatest in bounds)
    if column.type == "VARCHAR" or not is_exact:
        yield MAY_BE_CHANGED[column.type].format(name=identifier(column.name))


def _may_be_booleans(written: Written, columns: Iterable[Column]) -> bool:
    """Whether the statistics leave open that a number was a true or a false: the reader stores 1 or 0 for them."""
    numbers = [column for column in columns if column.type != "VARCHAR"]
    bounds = (_bounds(file, column) for file in written.files for column in numbers)
    return any(least <= 1 and greatest >= 0 for least, greatest in bounds)


def _bounds(file: DataFile, column: Column) -> tuple[float, float]:
    """Returns the least and the greatest value, the other way round where there is none."""
    if file.statistics["nullCount"][column.name] == file.rows:
        return math.inf, -math.inf
    # There is no statistic where a value is not a number.
    least, greatest = (file.statistics[bound] for bound in ("minValues", "maxValues"))
    return least.get(column.name, -math.inf), greatest.get(column.name, math.inf)


def _is_decompressed_by_name(input_: Input) -> bool:
    # DuckDB would, where the exact reader and Spark know gzip alone.
    return input_.path.lower().endswith(".zst")


def _may_hold_booleans(input_: Input) -> bool:
    if input_.path != input_.file.path:
        with Path(input_.path).open("rb", buffering=0) as content:
            return may_hold_booleans(content)
    # Where the file is gone by now, its rows are what was read of it.
    with suppress(GoneError), input_.file.open() as content:
        return may_hold_booleans(content)
    return False


def _arrow_table(columns: Sequence[Column], values: Sequence[Sequence[Any]]) -> arro3.core.Table:
    arrays = [
        arro3.core.Array(list(column_values), ARROW_TYPES[column.type])
        for column, column_values in zip(columns, values, strict=True)
    ]
    return arro3.core.Table.from_arrays(arrays, names=[column.name for column in columns])


def _typed(column: Column) -> str:
    return f"{STORED[column.type].format(name=identifier(column.name))} AS {identifier(column.name)}"
