"""The metadata of a stored table in Dagster, in the order in which Dagster shows it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import dagster

from stedi_assets.contract import SOURCES, TABLES
from stedi_assets.defs.io_managers.columns import column_schema, stored_schema
from stedi_assets.errors import StediError
from stedi_assets.lakehouse.lineage import ColumnSource, Lineage, column_lineage
from stedi_assets.privacy.masking import masked_columns
from stedi_assets.privacy.pseudonyms import FUNCTION
from stedi_assets.report.bars import MEASURED, measured_values, rows_by_day
from stedi_assets.report.preview import ROWS, preview

if TYPE_CHECKING:
    from deltalake import Schema

    from stedi_assets.lakehouse.lakehouse import Lakehouse
    from stedi_assets.lakehouse.stored import Built, Stored
    from stedi_assets.privacy.pseudonyms import Pseudonyms
    from stedi_assets.query import Query
    from stedi_assets.storage.delta import DataFile

COLUMN_SCHEMA = "dagster/column_schema"
"""Dagster's name of a table's columns."""

ALL = "all"
"""The key of the total in the entry `seconds`, before those of the phases."""

SAMPLE = 1_000
"""The most rows of which the page of a table shows the measured values."""

FIRST = ("preview", "query", "dagster/row_count", "dagster/partition_row_count", "rows_by_day", "measured_values")
"""The names of the entries that come first. Dagster shows entries in the order of the event."""

LAST = (
    "plan",
    "rows_added",
    "rows_removed",
    "unchanged_since",
    "changed",
    "files_read",
    "files_removed",
    "files_unchanged",
    "files_archived",
    "unknown_keys",
    "passed_over",
    "bytes",
    "files",
    "delta_version",
    "path",
    "dagster/uri",
    "glue_table",
    "pseudonym_key",
    "column_sources",
    "dagster/table_name",
    "columns",
    COLUMN_SCHEMA,
    "dagster/column_lineage",
    "seconds",
)
"""The names of the entries that come last."""

PLACES = {
    **{name: place - len(FIRST) for place, name in enumerate(FIRST)},
    **{name: place + 1 for place, name in enumerate(LAST)},
}
"""From a name to its place. The figures of an asset have the place 0."""

NOTHING_STORED = {"stored": "nothing"}
"""The metadata of an asset that returned None."""


def arranged(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Returns metadata in the order in which a person reads it, without empty entries."""
    shown = {name: value for name, value in metadata.items() if not _is_empty(value)}
    return dict(sorted(shown.items(), key=lambda entry: PLACES.get(entry[0], 0)))


def _is_empty(value: Any) -> bool:
    content = value.value if isinstance(value, dagster.MetadataValue) else value
    return content is None or (isinstance(content, str | Mapping | Sequence) and not content)


def table_metadata(
    lakehouse: Lakehouse, name: str, stored: Stored, query: Query | None, added: Sequence[DataFile] = ()
) -> dict[str, Any]:
    """Returns Dagster's metadata of a table that has just been stored.

    Args:
        lakehouse: The lakehouse that stored the table.
        name: The table's name.
        stored: Its current version.
        query: The query that computed it; None for a data frame or a quarantine, which have no lineage.
        added: The files that the run added, from which the sample rows come. Without any, they come from all files.
    """
    lineage = query_lineage(lakehouse, query, stored) if query else {}
    return {
        **_version_metadata(name, stored, lineage),
        **lineage_metadata(lineage),
        **_sample_metadata(lakehouse, name, added, lineage),
        "rows_by_day": dagster.MetadataValue.md(_rows_by_day(name, stored)),
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
        return plan | table_metadata(lakehouse, name, built.stored, query, built.added)
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


def _sample_metadata(lakehouse: Lakehouse, name: str, added: Sequence[DataFile], lineage: Lineage) -> Mapping[str, Any]:
    # A user's table may have a name that the engine's SQL reserves. The table is stored, and only the sample fails.
    with suppress(StediError):
        content = lakehouse.content(name)
        new = [file for file in added if file.rows]
        view = lakehouse.define(replace(content, files=new)) if new else name
        # A user's table may have columns of these names with any values.
        is_measured = name in TABLES and not {field.name for field in content.schema.fields}.isdisjoint(MEASURED)
        rows = lakehouse.rows(f"SELECT * FROM {view} LIMIT {SAMPLE if is_measured else ROWS}")
        return {
            "preview": dagster.MetadataValue.md(preview(rows, lineage)),
            "measured_values": dagster.MetadataValue.md(_measured(rows) if is_measured else ""),
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


def _measured(rows: Sequence[Mapping[str, Any]]) -> str:
    block = measured_values(rows)
    return f"{block}\n\nA sample of {len(rows):,} rows." if block else ""


def _rows_by_day(name: str, stored: Stored) -> str:
    event_time = TABLES[name].event_time if name in TABLES else None
    extents = []
    for file in stored.written.files:
        first, last = (file.statistics[bound].get(event_time or "") for bound in ("minValues", "maxValues"))
        if first is not None and last is not None:
            extents.append((int(first), int(last), file.rows))
        elif file.rows != 0:
            # Another program may have written a file without these statistics.
            return ""
    return rows_by_day(extents)


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
        "seconds": {ALL: round(stored.seconds, 3), **{name: round(each, 3) for name, each in stored.phases.items()}},
        **registered,
    }
