"""Engines compute: what runs a query and holds its rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from deltalake import Schema

from stedi_assets.landing.files import LandingFile
from stedi_assets.query import Query
from stedi_assets.storage.delta import DataFile
from stedi_assets.storage.location import Location
from stedi_assets.tables import Source


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


class Engine(Protocol):
    """What an I/O manager asks of an engine."""

    def define_table(self, name: str, files: Sequence[str]) -> None:
        """Makes a table readable in queries by its name.

        Args:
            name: The table's name.
            files: The paths of its current Parquet files.
        """
        ...

    def define_source(self, source: Source, files: Sequence[LandingFile]) -> None:
        """Makes raw landing files readable in queries by their source's name, typed by the contract.

        Args:
            source: The kind of record the files hold.
            files: The raw files.
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
