"""The salvage is a library in itself."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from stedi_assets_tests.support.checkout import PROJECT

NAME = "stedi_assets.salvage"

MODULES = sorted((PROJECT / "stedi_assets/salvage").glob("*.py"))

LIBRARIES = {"arrow.py": {"pyarrow"}, "booleans.py": {"numpy"}}
"""From a module to the libraries that it needs, except the standard library."""


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_a_module_imports_nothing_of_the_rest_of_the_project(module: Path) -> None:
    nodes = list(ast.walk(ast.parse(module.read_text())))
    imported = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "." * node.level for node in nodes if isinstance(node, ast.ImportFrom)}
    others = {name.split(".")[0] for name in imported if not f"{name}.".startswith(f"{NAME}.")}
    # For type checkers alone.
    others -= sys.stdlib_module_names | {"_typeshed"}
    assert others == LIBRARIES.get(module.name, set())


@pytest.mark.parametrize("module", ["", ".conversion", ".booleans", ".separators", ".scanning"])
def test_without_arrow_the_standard_library_is_enough(module: str) -> None:
    program = f"import json, sys, {NAME}{module}; print(json.dumps(sorted(sys.modules)))"
    command = [sys.executable, "-S", "-c", program]
    finished = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    imported = json.loads(finished.stdout)
    ours = [name for name in imported if name.startswith("stedi_assets.")]
    assert [name for name in ours if not f"{name}.".startswith(f"{NAME}.")] == []
