"""The metadata of a stored table in Dagster: its version, column-level lineage, sample rows and timings."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import dagster

from stedi_assets.contract import SOURCES, TABLES
from stedi_assets.defs.io_managers.columns import column_schema, stored_schema
from stedi_assets.errors import StediError
from stedi_assets.lakehouse.lineage import ColumnSource, Lineage, column_lineage
from stedi_assets.privacy.masking import masked_columns
from stedi_assets.privacy.pseudonyms import FUNCTION
from stedi_assets.report.preview import ROWS, preview

if TYPE_CHECKING:
    from deltalake import Schema

    from stedi_assets.lakehouse.lakehouse import Lakehouse
    from stedi_assets.lakehouse.stored import Built, Stored
    from stedi_assets.privacy.pseudonyms import Pseudonyms
    from stedi_assets.query import Query

COLUMN_SCHEMA = "dagster/column_schema"
"""Dagster's name of a table's columns."""

PHASE = "seconds_"
"""Begins the name of the duration of a phase."""

NOTHING_STORED = {"stored": "nothing"}
"""The metadata of an asset that returned None."""


def table_metadata(lakehouse: Lakehouse, name: str, stored: Stored, query: Query | None) -> dict[str, Any]:
    """Returns Dagster's metadata of a table that has just been stored.

    Args:
        lakehouse: The lakehouse that stored the table.
        name: The table's name.
        stored: Its current version.
        query: The query that computed it; None for a data frame or a quarantine, which have no lineage.
    """
    lineage = query_lineage(lakehouse, query, stored) if query else {}
    return {
        **_version_metadata(name, stored, lineage),
        **lineage_metadata(lineage),
        **_preview_metadata(lakehouse, name, lineage),
    }


def query_metadata(query: Query, pseudonyms: Pseudonyms) -> dict[str, Any]:
    """Returns Dagster's metadata about the query that computed a table.

    Args:
        query: The query.
        pseudonyms: The keyed hash of the run.
    """
    key = "STEDI_PSEUDONYM_KEY" if pseudonyms.is_linkable else "random, for this build"
    makes_pseudonyms = f"{FUNCTION}(" in query.sql
    return {
        "query": dagster.MetadataValue.md(query.markdown),
        **({"pseudonym_key": key} if makes_pseudonyms else {}),
    }


def built_metadata(lakehouse: Lakehouse, name: str, built: Built, query: Query | None, run_id: str) -> dict[str, Any]:
    """Returns Dagster's metadata of a table that a run has brought up to date.

    Args:
        lakehouse: The lakehouse of the run.
        name: The table's name.
        built: What was done.
        query: The query that computes it; None for a quarantine.
        run_id: The run's id.
    """
    if built.stored is None:
        return {}
    plan = {"plan": str(built.plan), "rows_added": built.rows_added, "rows_removed": built.rows_removed}
    if built.run_id == run_id:
        return plan | table_metadata(lakehouse, name, built.stored, query)
    return plan | {"unchanged_since": f"run {built.run_id}"} | _version_metadata(name, built.stored, {})


def query_lineage(lakehouse: Lakehouse, query: Query, stored: Stored) -> Lineage:
    """Returns the input columns from which each column of a stored table is computed.

    Args:
        lakehouse: The lakehouse with the tables that the query reads.
        query: The query that computed the table.
        stored: The table's current version.
    """
    inputs = {name: _columns(lakehouse, name) for name in query.tables}
    return column_lineage(query, inputs, [field.name for field in stored.written.schema.fields])


def lineage_metadata(lineage: Lineage) -> dict[str, Any]:
    """Returns column-level lineage as Dagster's own metadata and as a Markdown table. Empty lineage gives no metadata.

    The table is for open-source Dagster: only Dagster+ draws column-level lineage.
    """
    if not lineage:
        return {}
    dependencies = {
        column: [dagster.TableColumnDep(dagster.AssetKey(source.table), source.column) for source in sources]
        for column, sources in lineage.items()
    }
    lines = [f"| `{column}` | {_sources(sources)} |" for column, sources in lineage.items()]
    return {
        "dagster/column_lineage": dagster.TableColumnLineage(dependencies),
        "column_sources": dagster.MetadataValue.md("\n".join(["| column | computed from |", "| --- | --- |", *lines])),
    }


def _sources(sources: Iterable[ColumnSource]) -> str:
    return ", ".join(f"`{source.table}.{source.column}`" for source in sources)


def _columns(lakehouse: Lakehouse, name: str) -> Collection[str]:
    known = TABLES.get(name) or SOURCES.get(name)
    return [column.name for column in known.columns] if known else list(lakehouse.columns(name))


def _preview_metadata(lakehouse: Lakehouse, name: str, lineage: Lineage) -> Mapping[str, Any]:
    # A user's table may have a name that the engine's SQL reserves. The table is stored, and only the preview fails.
    with suppress(StediError):
        return {
            "preview": dagster.MetadataValue.md(preview(lakehouse.rows(f"SELECT * FROM {name} LIMIT {ROWS}"), lineage))
        }
    return {}


def _columns_metadata(name: str, schema: Schema, lineage: Lineage) -> Mapping[str, Any]:
    if name in TABLES:
        # The asset's definition has them under Dagster's own name. If the materialization had too, Dagster's page would
        # show all names in lower case.
        return {"columns": dagster.MetadataValue.table_schema(column_schema(TABLES[name].columns))}
    origins = {column: [source.column for source in sources] for column, sources in lineage.items()}
    personal = masked_columns([field.name for field in schema.fields], origins)
    return {COLUMN_SCHEMA: dagster.MetadataValue.table_schema(stored_schema(schema, personal))}


def _version_metadata(name: str, stored: Stored, lineage: Lineage) -> dict[str, Any]:
    written = stored.written
    registered = {"glue_table": dagster.MetadataValue.text(stored.registered)} if stored.registered else {}
    return {
        "dagster/row_count": dagster.MetadataValue.int(written.rows),
        "dagster/uri": dagster.MetadataValue.url(stored.folder.uri),
        "dagster/table_name": dagster.MetadataValue.text(name),
        **_columns_metadata(name, written.schema, lineage),
        "path": dagster.MetadataValue.path(str(stored.folder)),
        "delta_version": dagster.MetadataValue.int(stored.version),
        "bytes": dagster.MetadataValue.int(written.bytes),
        "files": dagster.MetadataValue.int(len(written.files)),
        "seconds": dagster.MetadataValue.float(round(stored.seconds, 3)),
        **{f"{PHASE}{phase}": round(seconds, 3) for phase, seconds in stored.phases.items()},
        **registered,
    }
