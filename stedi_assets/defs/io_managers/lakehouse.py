"""The base class of both I/O managers, which passes Dagster's calls on to the lakehouse."""

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Self, Union, get_args, get_origin

import dagster
from pydantic import Field, PrivateAttr

from stedi_assets.defs.io_managers.metadata import NOTHING_STORED, arranged, query_metadata, table_metadata
from stedi_assets.defs.io_managers.partitions import asked_partitions
from stedi_assets.errors import StediError
from stedi_assets.privacy.pseudonyms import Pseudonyms
from stedi_assets.query import Query
from stedi_assets.storage.aws import Aws
from stedi_assets.storage.lease import WAIT_TIMEOUT_SECONDS
from stedi_assets.storage.location import Location

if TYPE_CHECKING:
    from stedi_assets.engines.engine import Engine
    from stedi_assets.lakehouse.build import Builder
    from stedi_assets.lakehouse.lakehouse import Lakehouse
    from stedi_assets.lakehouse.stored import Stored


class LakehouseIOManager(dagster.ConfigurableIOManager):
    """Stores the value of an asset as a Delta table, and loads a table as the type that its reader is annotated with.

    An asset returns a `Query`, or a data frame of a type that the engine supports. The assets of the contract call
    `builder` themselves: a version is published only after its checks have passed.
    """

    root: str = Field(description="The lakehouse: the folder that holds the tables.")
    landing: str = Field(description="The landing root: the folder that holds the raw files.")
    follows_links: bool = Field(
        default=False, description="Whether a symbolic link that leads out of the landing root is followed."
    )
    # Dagster declares the types of a dependency by a descriptor, which pydantic takes no default of.
    aws: dagster.ResourceDependency[Aws] = Field(default_factory=Aws)  # type: ignore[arg-type]
    pseudonyms: dagster.ResourceDependency[Pseudonyms] = Field(default_factory=Pseudonyms)  # type: ignore[arg-type]
    glue_database: str | None = Field(
        default=None, description="The AWS Glue database in which tables are registered. By default none."
    )
    lease_wait_timeout: int = Field(
        default=WAIT_TIMEOUT_SECONDS, description="How many seconds a run waits while another holds the lakehouse."
    )

    keeps_gone_files: bool = Field(
        default=False, description="Whether the rows of raw files that are gone stay in the landing tables."
    )
    retention_days: int = Field(
        default=0,
        description="Days for which old versions stay readable. A run deletes what only older ones need, or nothing.",
    )

    _at_end: ExitStack = PrivateAttr()
    _builder: "Builder | None" = PrivateAttr()

    def location(self, text: str) -> Location:
        """Returns the location of a path or an s3://bucket/prefix URL."""
        # `aws` is the resource itself only during a run: Dagster resolves the dependency when the run starts.
        return Location.parse(text, self.aws)

    @property
    def landing_location(self) -> Location:
        """The landing root."""
        return replace(self.location(self.landing), follows_links=self.follows_links)

    @abstractmethod
    def engine(self, aws: Aws | None, pseudonyms: Pseudonyms) -> "AbstractContextManager[Engine]":
        """Opens the engine for one run, and closes it at the end of the block.

        Args:
            aws: The AWS settings; None if neither the lakehouse nor the landing root is in a bucket.
            pseudonyms: The keyed hash behind the SQL function `pseudonym`.

        Raises:
            StediError: The engine is not installed.
        """

    @contextmanager
    def yield_for_execution(self, context: dagster.InitResourceContext) -> Iterator[Self]:
        """Yields this I/O manager. Whoever asks first opens the lakehouse, and the end of the run closes it.

        Dagster shows a stack trace for what a resource raises as it starts, whatever its type.
        """
        with ExitStack() as at_end:
            self._at_end, self._builder = at_end, None
            yield self

    @property
    def lakehouse(self) -> "Lakehouse":
        """The lakehouse of the current run. Outside of a run there is none.

        Raises:
            dagster.Failure: The engine is not installed, or what a bucket needs.
        """
        return self.builder.lakehouse

    @property
    def builder(self) -> "Builder":
        """Builds the tables of the current run. Outside of a run there is none.

        Raises:
            dagster.Failure: See `lakehouse`.
        """
        if self._builder is None:
            with failures_described():
                self._builder = self._opened()
        return self._builder

    def _opened(self) -> "Builder":
        # Imported here: a process that only loads the definitions opens no table.
        from stedi_assets.catalog.glue import GlueCatalog  # noqa: PLC0415
        from stedi_assets.lakehouse.build import Builder  # noqa: PLC0415
        from stedi_assets.lakehouse.lakehouse import Lakehouse  # noqa: PLC0415

        root, landing = self.location(self.root), self.landing_location
        pseudonyms = self.pseudonyms.for_build()
        catalog = GlueCatalog(self.glue_database, self.aws) if self.glue_database else None
        engine = self._at_end.enter_context(self.engine(root.aws or landing.aws, pseudonyms))
        lakehouse = Lakehouse(
            root,
            landing,
            engine,
            catalog,
            pseudonyms,
            self.lease_wait_timeout,
            keeps_gone_files=self.keeps_gone_files,
        )
        self._at_end.enter_context(closing(lakehouse))
        return Builder(lakehouse, timedelta(days=self.retention_days) if self.retention_days else None)

    def handle_output(self, context: dagster.OutputContext, obj: Any) -> None:
        """Replaces the asset's table, or the partitions of the run, with the rows of a query or a data frame.

        One commit replaces all of them. For None, nothing is stored.

        Args:
            context: Dagster's context, which names the asset and its partitions.
            obj: A `Query`, a data frame of a type that the engine supports, or None.

        Raises:
            dagster.Failure: `Lakehouse.store` raised a `StediError`, which describes the failure.
        """
        if obj is None:
            context.log.warning(f"The asset {context.asset_key.to_user_string()} returned None: nothing was stored.")
            context.add_output_metadata(NOTHING_STORED)
            return
        query = obj if isinstance(obj, Query) else None
        name = context.asset_key.to_python_identifier()
        with failures_described():
            stored, of_partitions = self._stored(name, obj, context)
            metadata = table_metadata(self.lakehouse, name, stored, query)
        described = query_metadata(query, self.pseudonyms) if query else {}
        context.add_output_metadata(arranged(metadata | of_partitions | described))

    def _stored(self, name: str, obj: Any, context: dagster.OutputContext) -> "tuple[Stored, dict[str, int]]":
        partitions = asked_partitions(context)
        if partitions is None:
            return self.lakehouse.store(name, obj, context.run_id), {}
        # Imported here: a process that only loads the definitions opens no table.
        from stedi_assets.lakehouse.partitions import store_partitions  # noqa: PLC0415

        done = store_partitions(self.lakehouse, name, obj, partitions, context.run_id)
        # Dagster records one metadata for all partitions of a run.
        return done.stored, {"dagster/partition_row_count": done.rows} if len(partitions.keys) == 1 else {}

    def load_input(self, context: dagster.InputContext) -> Any:
        """Loads an asset's table as a value of the type that annotates the input of the downstream asset.

        Of an asset with partitions, only those are loaded that the partition mapping of the input asks for. An asset
        that reads its own partition before gets None for the first one.

        Raises:
            dagster.Failure: The table does not exist, or the engine does not support the type.
        """
        with failures_described():
            # The run may store a table that it computes from this one. Until then, no other run may change this one.
            self.lakehouse.hold(f"run {context.step_context.run_id}")
            name, kind = context.asset_key.to_python_identifier(), _without_none(context.dagster_type.typing_type)
            partitions = asked_partitions(context)
            if partitions is None:
                return self.lakehouse.load(name, kind)
            if not partitions.keys and self.lakehouse.find(name) is None:
                return None
            from stedi_assets.lakehouse.partitions import load_partitions  # noqa: PLC0415

            return load_partitions(self.lakehouse, name, kind, partitions)


@contextmanager
def failures_described() -> Iterator[None]:
    """Raises a `dagster.Failure` in place of a `StediError` of the block.

    Dagster shows the description of a `Failure`. Of other exceptions it shows a stack trace.

    Raises:
        dagster.Failure: The block raised a `StediError`, whose message is the description.
    """
    try:
        yield
    except StediError as error:
        raise dagster.Failure(description=error.message) from None


def _without_none(kind: Any) -> Any:
    """Returns the type X of an annotation `X | None`, and any other annotation as it is."""
    kinds = [each for each in get_args(kind) if each is not NoneType]
    return kinds[0] if get_origin(kind) in {Union, UnionType} and len(kinds) == 1 else kind
