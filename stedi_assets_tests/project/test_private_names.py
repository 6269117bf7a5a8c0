"""Private names of dependencies: each stands on a list with its reason, and the dependency still has it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from stedi_assets.runs.private_names import PRIVATE_MODULES
from stedi_assets_tests.support.checkout import PROJECT
from stedi_assets_tests.support.private_names import listed_names, missing

PACKAGE = PROJECT / "stedi_assets"
MODULES = {str(path.relative_to(PACKAGE)): path for path in sorted(PACKAGE.rglob("*.py"))}
PRIVATE = re.compile(r"(^|\.)_[a-z]")


def private_imports(path: Path) -> Iterator[tuple[str, str]]:
    """Yields the module and the name of each import of a private name of a dependency."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module not in ("__future__", "_typeshed"):
            imports = [(node.module, alias.name) for alias in node.names]
        elif isinstance(node, ast.Import):
            imports = [(alias.name, "") for alias in node.names]
        else:
            continue
        yield from (each for each in imports if PRIVATE.search(".".join(each)) and "stedi_assets" not in each[0])


def private_attributes(path: Path) -> set[str]:
    """Returns the private attributes that a module reads and that it neither defines nor sets."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    attributes = [node for node in nodes if isinstance(node, ast.Attribute)]
    own = {node.attr for node in attributes if isinstance(node.ctx, ast.Store)}
    own |= {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
    own |= {node.target.id for node in nodes if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)}
    return {node.attr for node in attributes if re.match("_[a-z]", node.attr)} - own


def listed_attributes(user: str) -> set[str]:
    used = [private for private in PRIVATE_MODULES.values() if user in private.users]
    return {attribute for private in used for attributes in private.names.values() for attribute in attributes}


def test_a_private_name_of_a_dependency_stands_on_the_list() -> None:
    unlisted = {
        (user, f"{module}.{name}")
        for user, path in MODULES.items()
        for module, name in private_imports(path)
        if module not in PRIVATE_MODULES
        or name not in PRIVATE_MODULES[module].names
        or user not in PRIVATE_MODULES[module].users
    }
    assert not unlisted, "List it in stedi_assets/runs/private_names.py, or do without it."


def test_a_private_attribute_is_the_modules_own_or_stands_on_the_list() -> None:
    unlisted = {
        (user, attribute)
        for user, path in MODULES.items()
        for attribute in private_attributes(path) - listed_attributes(user)
    }
    assert not unlisted, "List it in stedi_assets/runs/private_names.py, or do without it."


@pytest.mark.parametrize(("module", "name", "attribute"), listed_names("dagster"))
def test_dagster_still_has_a_listed_name(module: str, name: str, attribute: str | None) -> None:
    assert not missing(module, name, attribute)
