"""What is said of a table's file that is gone, whichever engine missed it."""

from stedi_assets.contract import TABLES
from stedi_assets.errors import StediError

DATA_FILE = ".parquet"
"""What the names of tables' files end in, and those of raw files do not."""


def data_file_gone(path: str) -> StediError:
    """Explains that a file is gone which the current version of a table needs.

    Args:
        path: The file's, as the engine names it.
    """
    return StediError(
        f"A file of the table {_table_of(path)} is gone: {path}.",
        "Somebody deleted it. stedi run with STEDI_FULL_REFRESH=true builds the tables anew from the landing files.",
    )


def _table_of(path: str) -> str:
    # The lakehouse itself may lie below folders that are called as those of tables: the last one is the table's.
    places = {name: path.rfind(f"/{table.path}/") for name, table in TABLES.items()}
    name = max(places, key=lambda each: places[each])
    return name if places[name] >= 0 else "that holds it"
