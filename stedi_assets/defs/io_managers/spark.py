"""The I/O manager for the Spark engine."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pydantic import Field

from stedi_assets.defs.io_managers.lakehouse import LakehouseIOManager
from stedi_assets.errors import StediError
from stedi_assets.privacy.pseudonyms import Pseudonyms
from stedi_assets.storage.aws import Aws

if TYPE_CHECKING:
    from stedi_assets.engines.engine import Engine


class SparkLakehouseIOManager(LakehouseIOManager):
    """Stores and loads Delta tables. Spark computes them, in one session per run, which the first query starts.

    Example:
        >>> SparkLakehouseIOManager(root="lakehouse", landing="data", aws=Aws(), master="spark://host:7077")
    """

    master: str = Field(default="local[*]", description="Spark's master. It is ignored if SPARK_REMOTE names a server.")
    jars: str | None = Field(
        default=None,
        description="A folder of jars for Spark to load. By default the jars for S3 are downloaded when needed.",
    )
    conf: Mapping[str, str] = Field(default={}, description="Options of Spark.")

    @contextmanager
    def engine(self, aws: Aws | None, pseudonyms: Pseudonyms) -> "Iterator[Engine]":
        """See `LakehouseIOManager`."""
        # Imported here: Spark is an extra, and a process that only loads the definitions does not need it.
        try:
            from stedi_assets.engines.spark.engine import SparkEngine  # noqa: PLC0415
            from stedi_assets.engines.spark.session import Session  # noqa: PLC0415
        except ModuleNotFoundError as error:
            raise StediError(
                f"Spark needs {error.name}, which is not installed.", "pip install 'stedi_assets[spark]'."
            ) from None
        with Session(self.master, self.jars, self.conf, aws) as session:
            yield SparkEngine(session, pseudonyms)
