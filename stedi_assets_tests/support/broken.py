"""A checkout to which a user has added assets that fail in ways that nobody foresaw."""

from collections.abc import Mapping
from pathlib import Path

from stedi_assets_tests.support.checkout import PROJECT, cloned

HEAD = """
import json

import dagster

from stedi_assets.errors import MissingTableError


class MissingPartError(MissingTableError):
    pass


def fail():
    raise LookupError("deep down")
"""

ASSET = """

@dagster.asset(group_name="broken")
def {name}():
    {body}
"""

OTHERS = """

@dagster.asset(io_manager_key="memory", group_name="broken_check")
def built():
    return 1


@dagster.asset_check(asset=built)
def is_checked():
    fail()


@dagster.resource
def resource(_):
    raise ValueError("no such thing")


@dagster.resource
def refused(_):
    raise MissingPartError("The port is closed.", "Open it.", name="port", folder="/ports")


@dagster.asset(required_resource_keys={"resource"})
def needs_resource():
    return 1


@dagster.asset(required_resource_keys={"refused"})
def needs_refused():
    return 1


RESOURCES = {"resource": resource, "refused": refused, "memory": dagster.mem_io_manager}
"""

ADDED = """
import user_assets

defs = dagster.Definitions.merge(defs, dagster.load_definitions_from_module(user_assets, user_assets.RESOURCES))
"""


def with_broken_assets(folder: Path, bodies: Mapping[str, str]) -> Path:
    """Clones the project into a folder, with a module of assets that a user has added to the definitions.

    Args:
        folder: Where to.
        bodies: From an asset of the group `broken` to what it does.
    """
    checkout = cloned(PROJECT, folder)
    assets = "".join(ASSET.format(name=name, body=body) for name, body in bodies.items())
    (checkout / "user_assets.py").write_text(HEAD + assets + OTHERS)
    with (checkout / "stedi_assets/definitions.py").open("a") as definitions:
        definitions.write(ADDED)
    return checkout
