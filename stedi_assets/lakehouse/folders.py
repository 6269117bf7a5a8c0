"""The folders of the tables of a lakehouse."""

from stedi_assets.contract import OTHER_TABLES, TABLES
from stedi_assets.storage.attempt import REJECTION_FILE
from stedi_assets.storage.location import Location

LOG_FOLDER = "_delta_log"

LOG = f"/{LOG_FOLDER}/"
"""The part of a path that only the files of a Delta log have."""

LEVELS = 3
"""How deep below the lakehouse root former tables are looked for. The contract's own lie in SUBJECT/ZONE."""


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


def former_folders(root: Location) -> list[str]:
    """Returns the paths of the Delta tables that are neither of the contract nor of another asset, sorted.

    Most of them were tables of the contract before it was edited.

    Args:
        root: The folder that holds the tables.

    Raises:
        StediError: A folder cannot be read.
    """
    known = {OTHER_TABLES, *(table.path for table in TABLES.values())}
    found: list[str] = []
    level = list(root.files.folders(root.path))
    for _ in range(LEVELS):
        unknown = [path for path in level if path not in known and not _is_link(root / path)]
        below = {path: root.files.folders((root / path).path) for path in unknown}
        found += [path for path, names in below.items() if LOG_FOLDER in names]
        level = [f"{path}/{name}" for path, names in below.items() if LOG_FOLDER not in names for name in names]
    return sorted(found)


def former_name(path: str) -> str:
    """Returns the name of a former table, from its path below the lakehouse root."""
    return path.replace("/", "_")


def _is_link(folder: Location) -> bool:
    return folder.is_local and folder.local_path.is_symlink()
