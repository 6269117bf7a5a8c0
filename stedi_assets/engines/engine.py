"""The engine protocol: an engine runs queries, reads raw files and writes Parquet files that others commit."""

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
        partition_columns: The partition columns of the table.
    """

    schema: Schema
    files: Sequence[DataFile]
    partition_columns: Sequence[str] = ()

    @property
    def rows(self) -> int:
        """Number of rows in all files."""
        return sum(file.rows for file in self.files)

    @property
    def bytes(self) -> int:
        """Total size of the files in bytes."""
        return sum(file.size for file in self.files)


@dataclass(frozen=True)
class ReadStamp:
    """The values that one reading of landing files stores with everything it quarantines.

    Attributes:
        run_id: The run that reads.
        read_at: The time of the reading, in milliseconds since 1970.
        tombstones: Hashes that identify erased customers. Their records are quarantined without their text.
    """

    run_id: str
    read_at: int
    tombstones: Tombstones = NO_TOMBSTONES


@dataclass(frozen=True)
class Quarantined:
    """The unreadable bytes and refused records of one reading, held by the engine until they are stored.

    Attributes:
        table: The name by which queries read them; its columns are `QUARANTINE_COLUMNS` of the contract.
        discard: Deletes the engine's copy. Queries cannot read the table afterwards.
    """

    table: str
    discard: Callable[[], None]


@dataclass(frozen=True)
class LandingRead:
    """The result of reading raw landing files.

    Attributes:
        prefix: The prefix of the names of all Parquet files and folders that the reading wrote.
        written: The rows of the raw files, not yet committed.
        entries: A ledger entry for each file that was read.
        quarantined: The bytes of those files that did not become rows.
        gone: The names of the files that were removed before they could be read.
    """

    prefix: str
    written: Written
    entries: Sequence[LedgerEntry]
    quarantined: Quarantined
    gone: Sequence[str] = ()


class Engine(Protocol):
    """The methods that the lakehouse calls; each engine implements them.

    Attributes:
        name: The engine with its version, such as "DuckDB 1.5.5".
    """

    name: str

    def define_table(self, name: str, files: Sequence[str], schema: Schema) -> None:
        """Makes a table readable in queries by its name.

        Args:
            name: The table's name.
            files: The paths of its current Parquet files. The list is empty if another program emptied the table.
            schema: The columns, which an empty table takes from here.
        """
        ...

    def define_query(self, name: str, query: Query) -> None:
        """Makes the rows of a query over defined tables readable by a name. They are computed at each use."""
        ...

    def keep(self, name: str, query: Query) -> None:
        """Computes a query over defined tables once, and makes its rows readable by a name until the engine closes."""
        ...

    def define_erased(self, tombstones: Tombstones) -> None:
        """Makes the SQL function `shared_with_erased` true for identifiers that an erased customer shared.

        Until this call, the function is false for every text.
        """
        ...

    def write(self, value: Any, folder: Location, *, in_one_file: bool = False) -> Written:
        """Writes the rows of a query or a data frame as Parquet files into a table's folder.

        Without a row, there is one file, for the columns.

        Args:
            value: A `Query` over defined tables and sources, or a data frame of a type that the engine supports.
            folder: The table's folder.
            in_one_file: Whether to write one file. Otherwise there may be one for each thread or task.

        Returns:
            The staged files, not yet part of the table.

        Raises:
            StediError: The type is not supported, or the rows cannot be computed or written. The staged files are
                deleted.
        """
        ...

    def read_landing(
        self, query: Query, source: Source, files: Sequence[LandingFile], folder: Location, stamp: ReadStamp
    ) -> LandingRead:
        """Reads raw landing files, and writes their rows as Parquet files into the landing table's folder.

        Every byte of a file belongs to a row, is quarantined, or separates two of these. Neither malformed content
        nor a file that is removed meanwhile makes the reading fail.

        Args:
            query: A SELECT over the source's name that returns the columns of the contract and sourceFile.
            source: The kind of record that the files hold.
            files: The raw files.
            folder: The landing table's folder.
            stamp: The values to store with everything that is quarantined.

        Returns:
            The staged files, a ledger entry for each raw file, and the quarantined bytes.

        Raises:
            StediError: A file cannot be opened, or the rows cannot be written. The staged files are deleted.
        """
        ...

    def files_with(self, files: Sequence[str], condition: str) -> Sequence[str]:
        """Returns the paths of those Parquet files that hold a row for which a condition is true.

        Args:
            files: The paths of a table's Parquet files.
            condition: An expression of SQL over the columns of the files.
        """
        ...

    def rows(self, query: Query) -> list[dict[str, Any]]:
        """Computes a query over defined tables whose result fits in memory.

        Returns:
            For each row, a dict from column name to value.
        """
        ...

    def load(self, name: str, kind: Any) -> Any:
        """Loads a defined table as a value of the given type, such as `pandas.DataFrame`.

        Raises:
            StediError: The engine does not support the type.
        """
        ...
