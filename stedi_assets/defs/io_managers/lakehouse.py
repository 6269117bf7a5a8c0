"""The part that the I/O managers of all engines share: Dagster's contexts on one side, the lakehouse on the other."""

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import replace
from typing import Any, Self

import dagster
from pydantic import Field, PrivateAttr

from stedi_assets.catalog.glue import GlueCatalog
from stedi_assets.contract import Source
from stedi_assets.defs.io_managers.metadata import table_metadata
from stedi_assets.engines.engine import Engine
from stedi_assets.errors import StediError
from stedi_assets.lakehouse.lakehouse import Lakehouse
from stedi_assets.lakehouse.stored import Landed
from stedi_assets.privacy.pseudonyms import FUNCTION, Pseudonyms
from stedi_assets.query import Query
from stedi_assets.storage.aws import Aws
from stedi_assets.storage.lease import WAIT_TIMEOUT_SECONDS
from stedi_assets.storage.location import Location

FIGURES = "figures"
"""The metadata of an asset's definition that is a SELECT of numbers about its table, which each build computes."""


class LakehouseIOManager(dagster.ConfigurableIOManager):
    """Stores what an asset returns as a Delta table, and loads a table as the type its reader asks for.

    An asset returns a `Query`, or a data frame of a type that the engine knows. A landing asset stores its two tables
    itself, by `land`: one reading of the raw files fills both.
    """

    root: str = Field(description="The lakehouse: the folder that holds the tables.")
    landing: str = Field(description="The landing root: the folder that holds the raw files.")
    follows_links: bool = Field(
        default=False, description="Whether a symbolic link that leads out of the landing root is followed."
    )
    aws: dagster.ResourceDependency[Aws]
    pseudonyms: dagster.ResourceDependency[Pseudonyms]
    glue_database: str | None = Field(
        default=None, description="The AWS Glue database in which tables are registered. By default none."
    )
    lease_wait_timeout: int = Field(
        default=WAIT_TIMEOUT_SECONDS, description="How many seconds a run waits while another holds the lakehouse."
    )

    _lakehouse: Lakehouse = PrivateAttr()

    def location(self, text: str) -> Location:
        """Reads a location as a user writes it.

        Args:
            text: A path or s3://bucket/prefix.
        """
        # Dagster has resolved the dependency by the time that a run is on.
        return Location.parse(text, self.aws)

    @property
    def landing_location(self) -> Location:
        """The landing root."""
        return replace(self.location(self.landing), follows_links=self.follows_links)

    @abstractmethod
    def engine(self, aws: Aws | None, pseudonyms: Pseudonyms) -> AbstractContextManager[Engine]:
        """Opens the engine of one run.

        Args:
            aws: How buckets are reached; None where neither root is in one.
            pseudonyms: What queries call as `pseudonym`.

        Raises:
            StediError: The engine is not installed.
        """

    @contextmanager
    def yield_for_execution(self, context: dagster.InitResourceContext) -> Iterator[Self]:
        """Opens the lakehouse at the start of a run, and closes it at the end.

        Args:
            context: Of the run.

        Yields:
            The I/O manager, ready.

        Raises:
            dagster.Failure: The engine is not installed.
        """
        root, landing = self.location(self.root), self.landing_location
        pseudonyms = self.pseudonyms.for_build()
        catalog = GlueCatalog(self.glue_database, self.aws) if self.glue_database else None
        with ExitStack() as at_end:
            with failures_described():
                engine = at_end.enter_context(self.engine(root.aws or landing.aws, pseudonyms))
            lakehouse = Lakehouse(root, landing, engine, catalog, pseudonyms, self.lease_wait_timeout)
            self._lakehouse = at_end.enter_context(closing(lakehouse))
            yield self

    @property
    def lakehouse(self) -> Lakehouse:
        """The tables, while a run is on."""
        return self._lakehouse

    def land(
        self, source: Source, query: Query, run_id: str, *, full_refresh: bool
    ) -> tuple[Landed, dict[str, dict[str, Any]]]:
        """Brings a landing table and its quarantine up to the landing folder, in a commit each.

        Args:
            source: The kind of record.
            query: The landing table's SELECT over the source's name.
            run_id: The run.
            full_refresh: Whether to read all files again.

        Returns:
            What was done, and from each of the two tables to Dagster's metadata of it.

        Raises:
            dagster.Failure: Something that a user can put right. The tables are as they were, or the message says
                which is stored.
        """
        with failures_described():
            landed = self._lakehouse.land(source, query, run_id, full_refresh=full_refresh)
            stored = {source.landing: (landed.landing, query), source.quarantine: (landed.quarantine, None)}
            metadata = {name: table_metadata(self._lakehouse, name, *each) for name, each in stored.items()}
        return landed, metadata

    def handle_output(self, context: dagster.OutputContext, obj: Any) -> None:
        """Replaces the asset's table with the rows of a query or a data frame, in one commit.

        Args:
            context: Says which asset.
            obj: A `Query`, or a data frame of a type that the engine knows.

        Raises:
            dagster.Failure: Something that a user can put right. The table is as it was.
        """
        query = obj if isinstance(obj, Query) else None
        with failures_described():
            name = _table_name(context)
            stored = self._lakehouse.store(name, obj, context.run_id)
            figures = self._figures(context)
            shown = table_metadata(self._lakehouse, name, stored, query)
        context.add_output_metadata(shown | figures)
        if query:
            context.add_output_metadata({"query": dagster.MetadataValue.md(query.markdown)})
            if f"{FUNCTION}(" in query.sql:
                context.add_output_metadata({"pseudonym_key": _key_name(self.pseudonyms)})

    def _figures(self, context: dagster.OutputContext) -> dict[str, Any]:
        sql = context.definition_metadata.get(FIGURES)
        (figures,) = self._lakehouse.rows(sql) if isinstance(sql, str) else [{}]
        return {name: figure for name, figure in figures.items() if figure is not None}

    def load_input(self, context: dagster.InputContext) -> Any:
        """Loads an asset's table as the type that the downstream asset annotates its input with.

        Args:
            context: Says which asset and which type.

        Returns:
            A value of that type.

        Raises:
            dagster.Failure: The table does not exist, or the type is not one that the engine knows.
        """
        with failures_described():
            # What is computed from this may be stored: until then, no other run may change the table.
            self._lakehouse.hold(f"run {context.step_context.run_id}")
            return self._lakehouse.load(_table_name(context), context.dagster_type.typing_type)


@contextmanager
def failures_described() -> Iterator[None]:
    """Turns an error that a user can put right into a failure that Dagster shows with its description.

    Raises:
        dagster.Failure: The block raised a `StediError`.
    """
    try:
        yield
    except StediError as error:
        raise dagster.Failure(description=error.message) from None


def _table_name(context: dagster.OutputContext | dagster.InputContext) -> str:
    if context.has_asset_partitions:
        raise StediError(
            f"The asset {context.asset_key.to_user_string()} has partitions, which a lakehouse table does not.",
            "Remove its partitions_def, or give it another io_manager_key.",
        )
    return context.asset_key.to_python_identifier()


def _key_name(pseudonyms: Pseudonyms) -> str:
    return "STEDI_PSEUDONYM_KEY" if pseudonyms.is_linkable else "random, for this build"
