"""Writes a DuckDB file with one view for each table, for DuckDB's own shell and UI."""

from collections.abc import Iterator
from pathlib import Path

from deltalake import Schema

from stedi_assets.console.connection import duckdb_errors_explained, open_connection
from stedi_assets.console.output import atomic_output
from stedi_assets.console.tables import existing_tables
from stedi_assets.contract import TABLES, column_descriptions
from stedi_assets.engines.duckdb.text import identifier, literal
from stedi_assets.errors import StediError
from stedi_assets.settings import Settings
from stedi_assets.storage.comments import COMMENT
from stedi_assets.storage.delta import data_files


def write_view_file(settings: Settings, file: Path) -> list[str]:
    """Writes a DuckDB file with one view for each table, over the table's current Parquet files.

    The file contains no rows and no credentials.

    Args:
        settings: The location of the lakehouse, and DuckDB's limits.
        file: The file. An existing file is replaced.

    Returns:
        The names of the views.

    Raises:
        StediError: No table exists, or the file cannot be written. An existing file is unchanged.
    """
    names = []
    with (
        atomic_output(settings.lakehouse, file) as incomplete,
        open_connection(settings) as (connection, engine),
        duckdb_errors_explained(),
    ):
        connection.execute(f"ATTACH {literal(str(incomplete))} AS views; USE views")
        for entry, table in existing_tables(settings.lakehouse):
            engine.define_table(entry.name, data_files(table), table.schema())
            for statement in _comments(entry.name, table.schema()):
                connection.execute(statement)
            names.append(entry.name)
        if not names:
            raise StediError(f"No table exists at {settings.lakehouse} yet.", "stedi run builds them.")
        connection.execute("USE memory; DETACH views")
    return names


def _comments(name: str, schema: Schema) -> Iterator[str]:
    """Yields the statements that comment on a view and its columns, in the words of the contract or else of the log."""
    if name in TABLES:
        yield f"COMMENT ON VIEW {identifier(name)} IS {literal(TABLES[name].description)}"
    descriptions = column_descriptions(name)
    for field in schema.fields:
        comment = descriptions.get(field.name) or field.metadata.get(COMMENT)
        if comment:
            yield f"COMMENT ON COLUMN {identifier(name)}.{identifier(field.name)} IS {literal(comment)}"
