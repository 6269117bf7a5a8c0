"""The hooks of git, at work in a clone: each finds the mistake that it is for, and lets the project pass."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stedi_assets_tests.support.checkout import PROJECT, cloned
from stedi_assets_tests.support.commands import environment

# A mark keeps the hooks from finding the mistakes in this file.
MISTAKES = {
    "ruff": "import os\n",
    "ruff-format": "numbers = [1,2]\n",
    "spelling": "def test_a_custo•emr_is_erased() -> None: ...\n",
    "addresses": "INDEX = 'https:•//example.com/simple/'\n",
}


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone whose virtual environment is that of the tests."""
    folder = cloned(PROJECT, tmp_path_factory.mktemp("hooks"))
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    subprocess.run(["git", "add", "."], cwd=folder, check=True)
    (folder / ".venv").symlink_to(sys.prefix)
    return folder


def hooks(clone: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(clone / ".venv/bin/pre-commit"), "run", *arguments]
    variables = environment({"PRE_COMMIT_HOME": str(clone.parent / "cache"), "SKIP": "mypy"})
    return subprocess.run(command, cwd=clone, env=variables, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("hook", MISTAKES)
def test_a_hook_finds_the_mistake_that_it_is_for(hook: str, clone: Path) -> None:
    file = clone / "stedi_assets_tests/mistake.py"
    file.write_text(MISTAKES[hook].replace("•", ""))
    finished = hooks(clone, hook, "--files", os.path.relpath(file, clone))
    assert finished.returncode == 1, finished.stdout
    assert "mistake.py" in finished.stdout


def test_the_project_passes_its_hooks(clone: Path) -> None:
    finished = hooks(clone, "--all-files")
    assert finished.returncode == 0, finished.stdout
    assert "Skipped" in finished.stdout  # mypy, which make lint runs
