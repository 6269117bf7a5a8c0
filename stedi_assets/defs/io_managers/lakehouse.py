"""What the I/O managers of all engines share: between Dagster's contexts and the lakehouse."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import dagster
from pydantic import Field, PrivateAttr

from stedi_assets.catalog.glue import GlueCatalog
from stedi_assets.defs.io_managers.metadata import stored_metadata
from stedi_assets.errors import StediError
from stedi_assets.lakehouse.lakehouse import Lakehouse
from stedi_assets.lakehouse.stored import Catalog, Stored
from stedi_assets.privacy.pseudonyms import FUNCTION, Pseudonyms
from stedi_assets.query import Query
from stedi_assets.storage.aws import Aws
from stedi_assets.storage.lease import WAIT_TIMEOUT_SECONDS
from stedi_assets.storage.location import Location

FIGURES = "figures"
"""The metadata of an asset's definition that is a SELECT of numbers about its table, which each build computes."""


class LakehouseIOManager(dagster.ConfigurableIOManager):
    """Stores what an asset returns as a Delta table, and loads a table as the type its reader asks for.

    An asset may return a `Query`, or a data frame of a type that the engine knows. A subclass opens the lakehouse with
    its engine at the start of a run.
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

    @property
    def pseudonyms_of_build(self) -> Pseudonyms:
        """What makes the pseudonyms of one run."""
        pseudonyms: Pseudonyms = self.pseudonyms
        return pseudonyms.for_build()

    @property
    def catalog(self) -> Catalog | None:
        """Where tables are registered after each commit, if anywhere."""
        return GlueCatalog(self.glue_database, self.aws) if self.glue_database else None

    @property
    def lakehouse(self) -> Lakehouse:
        """The tables, while a run is on."""
        return self._lakehouse

    def handle_output(self, context: dagster.OutputContext, obj: Any) -> None:
        """Replaces the asset's table with the rows of a query or a data frame, in one commit.

        Args:
            context: Says which asset.
            obj: A `Query`, a data frame of a type that the engine knows, or the version that the asset stored itself.

        Raises:
            dagster.Failure: Something that a user can put right. The table is as it was.
        """
        with failures_described():
            name = _table_name(context)
            stored = obj if isinstance(obj, Stored) else self._lakehouse.store(name, obj, context.run_id)
            figures = self._figures(context)
            shown = stored_metadata(self._lakehouse, name, stored, obj if isinstance(obj, Query) else None)
        context.add_output_metadata(_metadata(name, stored) | shown | figures)
        if isinstance(obj, Query):
            context.add_output_metadata({"query": dagster.MetadataValue.md(obj.markdown)})
            if f"{FUNCTION}(" in obj.sql:
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


def _metadata(name: str, stored: Stored) -> dict[str, Any]:
    written = stored.written
    registered = {"glue_table": dagster.MetadataValue.text(stored.registered)} if stored.registered else {}
    schema = dagster.TableSchema([dagster.TableColumn(field.name, str(field.type)) for field in written.schema.fields])
    return {
        "dagster/row_count": dagster.MetadataValue.int(written.rows),
        "dagster/uri": dagster.MetadataValue.url(stored.folder.uri),
        "dagster/table_name": dagster.MetadataValue.text(name),
        "dagster/column_schema": dagster.MetadataValue.table_schema(schema),
        "path": dagster.MetadataValue.path(str(stored.folder)),
        "delta_version": dagster.MetadataValue.int(stored.version),
        "bytes": dagster.MetadataValue.int(written.bytes),
        "files": dagster.MetadataValue.int(len(written.files)),
        "seconds": dagster.MetadataValue.float(round(stored.seconds, 3)),
        **registered,
    }
