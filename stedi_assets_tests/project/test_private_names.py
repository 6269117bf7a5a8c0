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


def private_attributes(source: str) -> set[str]:
    """Returns the private attributes that a module reads and that are not of its own classes.

    An attribute is the module's own if the module defines or sets it, and reads it from self, cls or its own class.
    """
    nodes = list(ast.walk(ast.parse(source)))
    attributes = [node for node in nodes if isinstance(node, ast.Attribute)]
    own = {node.attr for node in attributes if isinstance(node.ctx, ast.Store)}
    own |= {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
    own |= {node.target.id for node in nodes if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)}
    owners = {"self", "cls"} | {node.name for node in nodes if isinstance(node, ast.ClassDef)}
    return {
        node.attr
        for node in attributes
        if re.match("_[a-z]", node.attr) and not (node.attr in own and ast.unparse(node.value) in owners)
    }


OWN_ATTRIBUTES = {
    "a method": "class Own:\n def _help(self): ...\n def go(self): self._help()",
    "set": "class Own:\n def go(self): self._is_done = True; print(self._is_done)",
    "of a class of the module": "class Own:\n def _help(self): ...\nSTEPS = [Own._help]",
}

FOREIGN_ATTRIBUTES = {
    "of an imported class": "from library import Their\nprint(Their._help)",
    "inherited": "from library import Their\nclass Own(Their):\n def go(self): self._help()",
    "of the name of a function": "from library import Their\ndef _help(): ...\nprint(Their._help)",
    "of the name of a method": "from library import Their\nclass Own:\n def _help(self): Their._help()",
    "of an attribute": "class Own:\n def _help(self): self.their._help()",
    "set on another object": "def go(their):\n their._help = True\n print(their._help)",
}


@pytest.mark.parametrize("source", OWN_ATTRIBUTES.values(), ids=OWN_ATTRIBUTES.keys())
def test_an_attribute_of_a_class_of_the_module_is_its_own(source: str) -> None:
    assert not private_attributes(source)


@pytest.mark.parametrize("source", FOREIGN_ATTRIBUTES.values(), ids=FOREIGN_ATTRIBUTES.keys())
def test_an_attribute_of_any_other_object_is_foreign(source: str) -> None:
    assert private_attributes(source) == {"_help"}


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
        for attribute in private_attributes(path.read_text()) - listed_attributes(user)
    }
    assert not unlisted, "List it in stedi_assets/runs/private_names.py, or do without it."


@pytest.mark.parametrize(("module", "name", "attribute"), listed_names("dagster"))
def test_dagster_still_has_a_listed_name(module: str, name: str, attribute: str | None) -> None:
    assert not missing(module, name, attribute)
