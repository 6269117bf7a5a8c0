"""The I/O manager that computes with Spark."""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Self

import dagster
from pydantic import Field

from stedi_assets.defs.io_managers.event_log import event_log_kept_open
from stedi_assets.defs.io_managers.lakehouse import LakehouseIOManager, failures_described
from stedi_assets.errors import StediError
from stedi_assets.lakehouse.lakehouse import Lakehouse


class SparkLakehouseIOManager(LakehouseIOManager):
    """Stores and loads Delta tables, computed by Spark in one session a run, which starts when it is first needed.

    Example:
        >>> SparkLakehouseIOManager(root="lakehouse", landing="data", aws=Aws(), master="spark://host:7077")
    """

    master: str = Field(default="local[*]", description="Where Spark runs, unless SPARK_REMOTE names a server.")
    jars: str | None = Field(
        default=None,
        description="A folder with jars for Spark to load. By default those for S3 are fetched where they are needed.",
    )
    conf: Mapping[str, str] = Field(default={}, description="Any options of Spark.")

    @contextmanager
    def yield_for_execution(self, context: dagster.InitResourceContext) -> Iterator[Self]:
        """Makes the run's session ready to start, and stops it at the end.

        Args:
            context: Says which run.

        Yields:
            The I/O manager, ready.

        Raises:
            dagster.Failure: Spark is not installed.
        """
        # Imported here: Spark is an extra, and a process that only loads the definitions does not need it.
        with failures_described():
            try:
                from stedi_assets.engines.spark.engine import SparkEngine  # noqa: PLC0415
                from stedi_assets.engines.spark.session import Session  # noqa: PLC0415
            except ModuleNotFoundError as error:
                raise StediError(
                    f"Spark needs {error.name}, which is not installed.", "pip install 'stedi_assets[spark]'."
                ) from None

        root, landing = self.location(self.root), self.landing_location
        with (
            event_log_kept_open(context),
            Session(self.master, self.jars, self.conf, root.aws or landing.aws) as session,
        ):
            pseudonyms = self.pseudonyms_of_build
            engine = SparkEngine(session, pseudonyms)
            tables = Lakehouse(root, landing, engine, self.catalog, pseudonyms, self.lease_wait_timeout)
            with closing(tables) as self._lakehouse:
                yield self
