"""Engines compute: what runs a query and holds its rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from deltalake import Schema

from stedi_assets.contract import Source
from stedi_assets.landing.files import LandingFile
from stedi_assets.landing.ledger import LedgerEntry
from stedi_assets.privacy.tombstones import NO_TOMBSTONES, Tombstones
from stedi_assets.query import Query
from stedi_assets.storage.delta import DataFile
from stedi_assets.storage.location import Location


@dataclass(frozen=True)
class Written:
    """What an engine wrote into a table's folder, not yet committed.

    Attributes:
        schema: The columns of the rows.
        files: The Parquet files.
    """

    schema: Schema
    files: Sequence[DataFile]

    @property
    def rows(self) -> int:
        """Number of rows in all files."""
        return sum(file.rows for file in self.files)

    @property
    def bytes(self) -> int:
        """Size of all files."""
        return sum(file.size for file in self.files)


@dataclass(frozen=True)
class ReadStamp:
    """What marks the stretches that one reading quarantines.

    Attributes:
        run_id: The run that reads.
        read_at: When it reads, in milliseconds since 1970.
        tombstones: The names of customers who were erased, whose records are quarantined without their text.
    """

    run_id: str
    read_at: int
    tombstones: Tombstones = NO_TOMBSTONES


@dataclass(frozen=True)
class Quarantined:
    """The records that one reading of landing files quarantined.

    Attributes:
        table: The name by which queries read them, with the columns of a quarantine.
        discard: Deletes what the engine holds of them. Queries cannot read them any more.
    """

    table: str
    discard: Callable[[], None]


@dataclass(frozen=True)
class LandingRead:
    """What became of raw landing files.

    Attributes:
        prefix: The beginning of the names of the Parquet files.
        written: Their rows, not yet committed.
        entries: What became of each file that was read.
        quarantined: The records that are not rows.
        gone: The names of the files that were removed before they could be read.
    """

    prefix: str
    written: Written
    entries: Sequence[LedgerEntry]
    quarantined: Quarantined
    gone: Sequence[str] = ()


class Engine(Protocol):
    """What an I/O manager asks of an engine."""

    def define_table(self, name: str, files: Sequence[str], schema: Schema) -> None:
        """Makes a table readable in queries by its name.

        Args:
            name: The table's name.
            files: The paths of its current Parquet files; none where another program emptied it.
            schema: Its columns.
        """
        ...

    def define_erased(self, tombstones: Tombstones) -> None:
        """Makes `shared_with_erased` in queries say what an erasure left on record; before, it says no.

        Args:
            tombstones: Of the customers who were erased.
        """
        ...

    def write(self, value: Any, folder: Location) -> Written:
        """Writes the rows of a query or a data frame as Parquet files into a folder.

        Args:
            value: A `Query` over defined tables and sources, or a data frame of a type the engine knows.
            folder: The table's folder.

        Returns:
            The files, not yet part of the table.

        Raises:
            StediError: The type is unknown, or the rows cannot be computed or written. No file of the attempt is left.
        """
        ...

    def read_landing(
        self, query: Query, source: Source, files: Sequence[LandingFile], folder: Location, stamp: ReadStamp
    ) -> LandingRead:
        """Reads raw landing files, and writes their rows as Parquet files into a folder.

        Every byte of every file is part of a row, or of a quarantined stretch, or lies between those. No file that can
        be read fails the reading, nor does one that is removed meanwhile.

        Args:
            query: A SELECT over the source's name, whose columns are those of the contract and sourceFile.
            source: The kind of record the files hold.
            files: The raw files.
            folder: The landing table's folder.
            stamp: What marks the quarantined stretches.

        Returns:
            The files, not yet part of the table, what became of each raw file, and the quarantined records.

        Raises:
            StediError: A file cannot be opened, or the rows cannot be written. No file of the attempt is left.
        """
        ...

    def without_source_files(
        self, files: Sequence[str], source_files: Sequence[str], folder: Location
    ) -> tuple[Sequence[str], Sequence[DataFile]]:
        """Writes anew what some Parquet files of a landing table hold of other raw files than those given.

        Args:
            files: The paths of the table's current Parquet files.
            source_files: The names of the raw files whose rows are to go.
            folder: The table's folder.

        Returns:
            The Parquet files that hold such rows, and what replaces them, not yet committed: nothing where none do.

        Raises:
            StediError: The rows cannot be written. No file of the attempt is left.
        """
        ...

    def rows(self, query: Query) -> list[dict[str, Any]]:
        """Computes a query whose result is small.

        Args:
            query: Over defined tables.

        Returns:
            A dict from column name to value for each row.
        """
        ...

    def load(self, name: str, kind: Any) -> Any:
        """Loads the rows of a defined table.

        Args:
            name: The table's name.
            kind: The type to load them as.

        Returns:
            A value of that type.

        Raises:
            StediError: The engine does not know the type.
        """
        ...
