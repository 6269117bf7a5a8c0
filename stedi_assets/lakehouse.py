"""The lakehouse: tables by name, computed by an engine and committed at a location. It knows nothing of Dagster."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from deltalake import DeltaTable

from stedi_assets.engines import Engine, Written
from stedi_assets.errors import StediError
from stedi_assets.landing.files import list_landing_files
from stedi_assets.query import Query
from stedi_assets.storage import delta
from stedi_assets.storage.location import Location
from stedi_assets.tables import SOURCES, TABLES

OTHER_TABLES = "assets"
"""The folder, below the lakehouse root, of the tables that are not in the contract."""


@dataclass(frozen=True)
class Stored:
    """A version of a table, as it was stored.

    Attributes:
        folder: The table's folder.
        written: Its columns and files.
        version: The Delta version that holds them.
        seconds: What computing, writing and committing it took.
    """

    folder: Location
    written: Written
    version: int
    seconds: float


class Lakehouse:
    """Stores and reads tables by name.

    A query reads the versions that are current when its first table is read. What is read afterwards belongs to the
    same versions, until the next table is stored: so the checks of a table read just what its query read.

    Args:
        root: The folder that holds the tables.
        landing: The landing root.
        engine: Computes queries.
    """

    def __init__(self, root: Location, landing: Location, engine: Engine) -> None:
        self._root = root
        self._landing = landing
        self._engine = engine
        self._defined: set[str] = set()

    def store(self, name: str, value: Any, commit_metadata: Mapping[str, str]) -> Stored:
        """Replaces a table with the rows of a query or a data frame, in one commit.

        Args:
            name: The table's name.
            value: A `Query`, or a data frame of a type that the engine knows.
            commit_metadata: Kept with the commit in the table's history.

        Returns:
            The version that was stored.

        Raises:
            StediError: Something that a user can put right. The table is as it was.
        """
        started = time.perf_counter()
        self._defined.clear()
        if isinstance(value, Query):
            self._define(value.tables)
        folder = self._folder(name)
        written = self._engine.write(value, folder)
        description = TABLES[name].description if name in TABLES else None
        version = delta.commit(folder, written.schema, written.files, commit_metadata, description)
        self._engine.define_table(name, [str(folder / file.path) for file in written.files])
        self._defined.add(name)
        return Stored(folder, written, version, time.perf_counter() - started)

    def load(self, name: str, kind: Any) -> Any:
        """Loads the current version of a table.

        Args:
            name: The table's name.
            kind: The type to load it as, one that the engine knows.

        Returns:
            A value of that type.

        Raises:
            StediError: The table does not exist, or the engine does not know the type.
        """
        self._defined.discard(name)
        self._define([name])
        return self._engine.load(name, kind)

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Computes a query whose result is small.

        Args:
            sql: One SELECT over tables.

        Returns:
            A dict from column name to value for each row.

        Raises:
            StediError: A table does not exist, or the query cannot be computed.
        """
        query = Query(sql)
        self._define(query.tables)
        return self._engine.rows(query)

    def columns(self, name: str) -> dict[str, str]:
        """Returns the columns of a table.

        Args:
            name: The table's name.

        Returns:
            From column name to Delta type, in order.

        Raises:
            StediError: The table does not exist.
        """
        return {field.name: field.type.type for field in self._open(name).schema().fields}

    def _folder(self, name: str) -> Location:
        return self._root / (TABLES[name].path if name in TABLES else f"{OTHER_TABLES}/{name}")

    def _define(self, names: Iterable[str]) -> None:
        for name in set(names) - self._defined:
            if name in SOURCES:
                self._engine.define_source(SOURCES[name], list_landing_files(self._landing, SOURCES[name]))
            else:
                self._engine.define_table(name, delta.data_files(self._open(name)))
            self._defined.add(name)

    def _open(self, name: str) -> DeltaTable:
        folder = self._folder(name)
        table = delta.open_table(folder)
        if table is None:
            raise StediError(
                f"The table {name} does not exist at {folder}.",
                f"Materialize it first: dagster asset materialize -m stedi_assets.definitions --select '+key:{name}'.",
            )
        return table
