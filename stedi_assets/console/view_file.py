"""A DuckDB file with a view a table, for DuckDB's own shell and UI."""

from pathlib import Path

from stedi_assets.console.catalogue import existing_tables
from stedi_assets.console.connection import errors_shown, open_connection
from stedi_assets.console.output import replaced_when_complete
from stedi_assets.contract import TABLES
from stedi_assets.engines.duckdb.text import identifier, literal
from stedi_assets.errors import StediError
from stedi_assets.settings import Settings
from stedi_assets.storage.delta import data_files


def write_view_file(settings: Settings, file: Path) -> list[str]:
    """Writes a DuckDB file with a view a table over its current Parquet files. It holds no row and no secret.

    Args:
        settings: Say where the lakehouse is.
        file: The file, replaced where it exists.

    Returns:
        The names of the views.

    Raises:
        StediError: There is no table, or the file cannot be written. It is as it was.
    """
    names = []
    with (
        replaced_when_complete(settings.lakehouse, file) as incomplete,
        open_connection(settings) as (connection, engine),
        errors_shown(),
    ):
        connection.execute(f"ATTACH {literal(str(incomplete))} AS views; USE views")
        for entry, table in existing_tables(settings.lakehouse):
            engine.define_table(entry.name, data_files(table), table.schema())
            if entry.name in TABLES:
                description = literal(TABLES[entry.name].description)
                connection.execute(f"COMMENT ON VIEW {identifier(entry.name)} IS {description}")
            names.append(entry.name)
        if not names:
            raise StediError(f"No table exists at {settings.lakehouse} yet.", "stedi run builds them.")
        connection.execute("USE memory; DETACH views")
    return names
