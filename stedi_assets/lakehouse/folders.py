"""The folders of all tables of a lakehouse."""

from stedi_assets.contract import OTHER_TABLES, TABLES
from stedi_assets.storage.attempt import REJECTION_FILE
from stedi_assets.storage.location import Location

LOG = "/_delta_log/"
"""The part of a path that only the files of a Delta log have."""


def table_folders(root: Location) -> list[str]:
    """Returns the paths of all tables' folders below a lakehouse, those of users' own assets too, sorted.

    Args:
        root: The folder that holds the tables.

    Raises:
        StediError: A folder is a symbolic link, or cannot be read.
    """
    others = root.local_path.glob(f"{OTHER_TABLES}/*") if root.is_local else ()
    # `walk` does not follow links: a linked table would be missing without an error.
    for folder in (*(table.path for table in TABLES.values()), *(f"{OTHER_TABLES}/{path.name}" for path in others)):
        (root / folder).refuse_links()
    names = [file.path.removeprefix(f"{root}/") for file in root.files.walk(str(root))]
    logs = {name.partition(LOG)[0] for name in names if LOG in name}
    # The first version of a table may have been rejected.
    rejected = {name.removesuffix(f"/{REJECTION_FILE}") for name in names if name.endswith(f"/{REJECTION_FILE}")}
    return sorted(logs | rejected)
