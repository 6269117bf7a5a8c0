"""The I/O manager for the DuckDB engine."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pydantic import Field

from stedi_assets.defs.io_managers.lakehouse import LakehouseIOManager
from stedi_assets.privacy.pseudonyms import Pseudonyms
from stedi_assets.storage.aws import Aws
from stedi_assets.storage.work_folder import work_folder

if TYPE_CHECKING:
    from stedi_assets.engines.engine import Engine


class DuckDBLakehouseIOManager(LakehouseIOManager):
    """Stores and loads Delta tables. DuckDB computes them, in one in-memory database per run.

    Example:
        >>> DuckDBLakehouseIOManager(root="lakehouse", landing="data", memory_limit="4GB")
    """

    memory_limit: str | None = Field(
        default=None, description="DuckDB's memory limit, such as 4GB. By default 80% of the machine's memory."
    )
    spill_folder: str | None = Field(
        default=None, description="The folder for DuckDB's temporary files. By default the system's temporary folder."
    )

    @contextmanager
    def engine(self, aws: Aws | None, pseudonyms: Pseudonyms) -> "Iterator[Engine]":
        """See `LakehouseIOManager`."""
        # Imported here: a process that only loads the definitions does not need DuckDB's engine.
        from dagster_duckdb import DuckDBResource  # noqa: PLC0415

        from stedi_assets.engines.duckdb.engine import DuckDBEngine  # noqa: PLC0415

        with work_folder(self.spill_folder) as spill_folder:
            configuration = {"temp_directory": str(spill_folder)}
            if self.memory_limit:
                configuration["memory_limit"] = self.memory_limit
            resource = DuckDBResource(database=":memory:", connection_config=configuration)
            with resource.get_connection() as connection:
                yield DuckDBEngine(connection, aws, pseudonyms)
