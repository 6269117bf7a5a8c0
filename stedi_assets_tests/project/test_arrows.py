"""Imports go one way, as pyproject.toml lists the rooms; and the face of the package."""

import ast
import importlib
import pkgutil
import shutil
import subprocess
from pathlib import Path

import pytest

import stedi_assets
from stedi_assets_tests.support.checkout import PROJECT
from stedi_assets_tests.support.commands import PROGRAMS

PACKAGE = PROJECT / "stedi_assets"

MISTAKES = {
    "storage/files.py": ("from stedi_assets.landing.files import LandingFile", "storage is not allowed to import"),
    "contract.py": ("from stedi_assets.query import Query", "contract is not allowed to import"),
    "landing/files.py": ("from stedi_assets.landing import upload", "No modules import each other in a circle"),
    "salvage/reasons.py": ("from stedi_assets.errors import StediError", "salvage is not allowed to import"),
}
"""From a module to an import that it may not have, and a part of the answer."""


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(PROGRAMS / "lint-imports"), "--no-cache", "--config", str(PROJECT / "pyproject.toml")]
    variables = {"PYTHONPATH": str(folder)}
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a copy of the package, to make mistakes in."""
    folder = tmp_path_factory.mktemp("copied")
    shutil.copytree(PACKAGE, folder / "stedi_assets", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def test_imports_go_one_way(copied: Path) -> None:
    checked = lint_imports(copied)
    assert checked.returncode == 0, checked.stdout
    assert "3 kept, 0 broken" in checked.stdout


@pytest.mark.parametrize(("module", "line", "answer"), [(name, *mistake) for name, mistake in MISTAKES.items()])
def test_an_import_in_the_wrong_direction_is_named(
    module: str, line: str, answer: str, copied: Path, tmp_path: Path
) -> None:
    shutil.copytree(copied, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "stedi_assets" / module
    path.write_text(f"{path.read_text()}\n{line}\n")
    checked = lint_imports(tmp_path)
    assert checked.returncode == 1
    assert answer in " ".join(checked.stdout.split())


@pytest.mark.parametrize("name", stedi_assets.__all__)
def test_a_name_that_the_package_exports_can_be_imported_from_it(name: str) -> None:
    assert getattr(stedi_assets, name).__module__.startswith("stedi_assets.")


def test_importing_the_package_imports_nothing_else() -> None:
    program = "import sys, stedi_assets; print([name for name in sys.modules if name.startswith('stedi_assets.')])"
    finished = subprocess.run([str(PROGRAMS / "python"), "-c", program], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "[]"


def test_type_checkers_read_the_types_of_the_package() -> None:
    assert (PACKAGE / "py.typed").exists()


def test_every_folder_says_in_a_line_what_it_holds() -> None:
    folders = [each.name for each in pkgutil.walk_packages(stedi_assets.__path__, "stedi_assets.") if each.ispkg]
    assert [name for name in folders if not importlib.import_module(name).__doc__] == []


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_and_its_functions_are_short(path: Path) -> None:
    text = path.read_text()
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    assert len(text.splitlines()) < 450
    assert [node.name for node in functions if (node.end_lineno or 0) - node.lineno >= 60] == []
