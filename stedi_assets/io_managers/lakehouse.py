"""What the I/O managers of all engines share: an asset's value becomes a committed Delta table, and back."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import dagster
from deltalake import DeltaTable
from pydantic import Field, PrivateAttr

from stedi_assets.engines import Engine, Written
from stedi_assets.errors import StediError
from stedi_assets.landing.files import list_landing_files
from stedi_assets.query import Query
from stedi_assets.storage import delta
from stedi_assets.storage.location import Location
from stedi_assets.tables import SOURCES, TABLES

OTHER_ASSETS = "assets"
"""The folder, below the lakehouse root, of the tables that are not in the contract."""


class LakehouseIOManager(dagster.ConfigurableIOManager):
    """Stores what an asset returns as a Delta table, and loads a table as the type its reader asks for.

    An asset may return a `Query`, or a data frame of a type that the engine knows. A subclass supplies the engine.
    """

    root: str = Field(description="The lakehouse: the folder that holds the tables.")
    landing: str = Field(description="The landing root: the folder that holds the raw files.")

    _engine: Engine = PrivateAttr()

    def handle_output(self, context: dagster.OutputContext, obj: Any) -> None:
        """Replaces the asset's table with the rows of a query or a data frame, in one commit.

        Args:
            context: Says which asset.
            obj: A `Query`, or a data frame of a type that the engine knows.

        Raises:
            dagster.Failure: Something that a user can put right. The table is as it was.
        """
        with _failures_described():
            _refuse_partitions(context)
            started = time.perf_counter()
            name = context.asset_key.to_python_identifier()
            if isinstance(obj, Query):
                self._define(obj.tables)
                context.add_output_metadata({"query": dagster.MetadataValue.md(obj.markdown)})
            folder = self._table_folder(name)
            written = self._engine.write(obj, folder)
            contract = TABLES.get(name)
            version = delta.commit(
                folder,
                written.schema,
                written.files,
                {"dagster/run_id": context.run_id, "dagster/asset": name},
                contract.description if contract else None,
            )
            seconds = time.perf_counter() - started
            context.add_output_metadata(_metadata(name, folder, written, version, seconds))

    def load_input(self, context: dagster.InputContext) -> Any:
        """Loads an asset's table as the type that the downstream asset annotates its input with.

        Args:
            context: Says which asset and which type.

        Returns:
            A value of that type.

        Raises:
            dagster.Failure: The table does not exist, or the type is not one that the engine knows.
        """
        with _failures_described():
            _refuse_partitions(context)
            name = context.asset_key.to_python_identifier()
            self._define([name])
            return self._engine.load(name, context.dagster_type.typing_type)

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Computes a query whose result is small, for a check.

        Args:
            sql: One SELECT over tables of the lakehouse.

        Returns:
            A dict from column name to value for each row.

        Raises:
            dagster.Failure: A table does not exist, or the query cannot be computed.
        """
        with _failures_described():
            query = Query(sql)
            self._define(query.tables)
            return self._engine.rows(query)

    def columns(self, name: str) -> dict[str, str]:
        """Returns the columns of a stored table.

        Args:
            name: The table's name.

        Returns:
            From column name to Delta type, in order.

        Raises:
            dagster.Failure: The table does not exist.
        """
        with _failures_described():
            return {field.name: field.type.type for field in self._open(name).schema().fields}

    def _table_folder(self, name: str) -> Location:
        root = Location.parse(self.root)
        return root / TABLES[name].path if name in TABLES else root / OTHER_ASSETS / name

    def _define(self, names: Iterable[str]) -> None:
        for name in names:
            if name in SOURCES:
                source = SOURCES[name]
                self._engine.define_source(source, list_landing_files(Location.parse(self.landing), source))
            else:
                self._engine.define_table(name, delta.data_files(self._open(name)))

    def _open(self, name: str) -> DeltaTable:
        folder = self._table_folder(name)
        table = delta.open_table(folder)
        if table is None:
            raise StediError(
                f"The table {name} does not exist at {folder}.",
                f"Materialize it first: dagster asset materialize -m stedi_assets.definitions --select '+key:{name}'.",
            )
        return table


@contextmanager
def _failures_described() -> Iterator[None]:
    try:
        yield
    except StediError as error:
        raise dagster.Failure(description=error.message) from None


def _refuse_partitions(context: dagster.OutputContext | dagster.InputContext) -> None:
    if context.has_asset_partitions:
        raise StediError(
            f"The asset {context.asset_key.to_user_string()} has partitions, which a lakehouse table does not.",
            "Remove its partitions_def, or give it another io_manager_key.",
        )


def _metadata(
    name: str, folder: Location, written: Written, version: int, seconds: float
) -> dict[str, dagster.MetadataValue]:
    schema = dagster.TableSchema([dagster.TableColumn(field.name, str(field.type)) for field in written.schema.fields])
    return {
        "dagster/row_count": dagster.MetadataValue.int(written.rows),
        "dagster/uri": dagster.MetadataValue.url(folder.uri),
        "dagster/table_name": dagster.MetadataValue.text(name),
        "path": dagster.MetadataValue.path(str(folder)),
        "dagster/column_schema": dagster.MetadataValue.table_schema(schema),
        "delta_version": dagster.MetadataValue.int(version),
        "bytes": dagster.MetadataValue.int(written.bytes),
        "files": dagster.MetadataValue.int(len(written.files)),
        "seconds": dagster.MetadataValue.float(round(seconds, 3)),
    }
