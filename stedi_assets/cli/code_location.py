"""The code location whose assets `stedi run` materializes: this project's, or one that merges it with others."""

import importlib
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

import dagster
from dagster.components.definitions import LazyDefinitions

from stedi_assets.defs.jobs.jobs import LAKEHOUSE_JOB
from stedi_assets.errors import StediError
from stedi_assets.settings import read_settings

REMEDY = (
    "Name a module with defs = dagster.Definitions.merge(stedi_assets.definitions.defs, …), and no other Definitions."
)


@cache
def code_location() -> dagster.Definitions:
    """Returns the definitions of the module that STEDI_MODULE names.

    Raises:
        StediError: There is no such module, or it does not define one code location with this project's tables.
    """
    name = read_settings().module
    found = _definitions(_imported(name))
    if len(found) != 1:
        raise StediError(f"The module {name} has {len(found)} Definitions at its top level, and not one.", REMEDY)
    if LAKEHOUSE_JOB.name not in {job.name for job in found[0].jobs or ()}:
        raise StediError(f"The Definitions of the module {name} lack the tables of this project.", REMEDY)
    return found[0]


def _imported(name: str) -> ModuleType:
    # As Dagster's own commands do: a console script finds no module of the current folder.
    if (folder := str(Path.cwd())) not in sys.path:
        sys.path.insert(0, folder)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise StediError(
            f"The module {name} cannot be imported: there is no module {error.name}.",
            "Correct the name, start the command in the folder of the module, or install what is missing.",
        ) from None


def _definitions(module: ModuleType) -> list[dagster.Definitions]:
    values = list(vars(module).values())
    # A function with the decorator @dagster.definitions makes them. Dagster takes it before any that it finds.
    made = [value for value in values if isinstance(value, LazyDefinitions)]
    if made:
        return [dagster.Definitions.merge(each()) for each in made]
    return [value for value in values if isinstance(value, dagster.Definitions)]
