"""The error for a table's file that is gone, whichever engine missed it."""

from stedi_assets.contract import TABLES
from stedi_assets.errors import StediError

DATA_FILE = ".parquet"
"""Ends the names of tables' files. Raw files have no such names."""


def data_file_gone(path: str) -> StediError:
    """Explains that a file of a table's current version is gone.

    Args:
        path: The file's path or URL, as the engine names it.
    """
    return StediError(
        f"A file of the table {_table_of(path)} is gone: {path}.",
        "Somebody deleted it. stedi run with STEDI_FULL_REFRESH=true builds the tables anew from the landing files.",
    )


def _table_of(path: str) -> str:
    # The lakehouse may lie below folders with the names of tables' folders. The last such name in the path counts.
    places = {name: path.rfind(f"/{table.path}/") for name, table in TABLES.items()}
    name = max(places, key=lambda each: places[each])
    return name if places[name] >= 0 else "that holds it"
