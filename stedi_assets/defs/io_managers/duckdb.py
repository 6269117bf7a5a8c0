"""The I/O manager that computes with DuckDB."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Self

import dagster
from pydantic import Field

from stedi_assets.defs.io_managers.event_log import event_log_kept_open
from stedi_assets.defs.io_managers.lakehouse import LakehouseIOManager
from stedi_assets.lakehouse.lakehouse import Lakehouse
from stedi_assets.storage.work_folder import work_folder


class DuckDBLakehouseIOManager(LakehouseIOManager):
    """Stores and loads Delta tables, computed by DuckDB in one in-memory database a run.

    Example:
        >>> DuckDBLakehouseIOManager(root="lakehouse", landing="data", memory_limit="4GB")
    """

    memory_limit: str | None = Field(
        default=None, description="The most memory DuckDB may use, such as 4GB. By default 80% of the machine's."
    )
    spill_folder: str | None = Field(
        default=None, description="Where DuckDB spills to. By default the system's temporary folder."
    )

    @contextmanager
    def yield_for_execution(self, context: dagster.InitResourceContext) -> Iterator[Self]:
        """Opens the run's connection, and closes it at the end.

        Args:
            context: Says which run.

        Yields:
            The I/O manager, ready.
        """
        # Imported here: a process that only loads the definitions does not need DuckDB, and starts sooner without.
        from dagster_duckdb import DuckDBResource  # noqa: PLC0415

        from stedi_assets.engines.duckdb.engine import DuckDBEngine  # noqa: PLC0415

        with work_folder(self.spill_folder) as spill_folder:
            configuration = {"temp_directory": str(spill_folder)}
            if self.memory_limit:
                configuration["memory_limit"] = self.memory_limit
            resource = DuckDBResource(database=":memory:", connection_config=configuration)
            with event_log_kept_open(context), resource.get_connection() as connection:
                root, landing = self.location(self.root), self.landing_location
                pseudonyms = self.pseudonyms_of_build
                engine = DuckDBEngine(connection, root.aws or landing.aws, pseudonyms)
                tables = Lakehouse(root, landing, engine, self.catalog, pseudonyms, self.lease_wait_timeout)
                with closing(tables) as self._lakehouse:
                    yield self
