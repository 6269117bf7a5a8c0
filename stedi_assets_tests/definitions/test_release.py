"""Which release runs: the version and the commit, for Dagster's page of the code location."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stedi_assets.defs.release import checked_out_commit
from stedi_assets_tests.support.checkout import PROJECT

COMMIT = "0123456789abcdef0123456789abcdef01234567"

REGISTERED = """
import json, stedi_assets.definitions
from dagster_shared.libraries import DagsterLibraryRegistry
print(json.dumps(DagsterLibraryRegistry.get()))
"""


def git(folder: Path, *command: str) -> str:
    names = {f"GIT_{role}_{part}": "a@b.co" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
    finished = subprocess.run(
        ["git", *command], cwd=folder, env={**os.environ, **names}, capture_output=True, text=True, check=True
    )
    return finished.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "--initial-branch", "a/branch")
    git(folder, "commit", "--allow-empty", "--message", "first")
    return folder


def test_the_commit_is_that_of_the_branch(repository: Path) -> None:
    assert checked_out_commit(repository) == git(repository, "rev-parse", "HEAD")


def test_the_commit_of_a_packed_branch_is_found(repository: Path) -> None:
    git(repository, "pack-refs", "--all")
    assert checked_out_commit(repository) == git(repository, "rev-parse", "HEAD")


def test_a_newer_commit_counts_more_than_a_packed_one(repository: Path) -> None:
    git(repository, "pack-refs", "--all")
    git(repository, "commit", "--allow-empty", "--message", "second")
    assert checked_out_commit(repository) == git(repository, "rev-parse", "HEAD")


def test_the_commit_of_a_detached_head_is_found(repository: Path) -> None:
    git(repository, "checkout", "--detach")
    assert checked_out_commit(repository) == git(repository, "rev-parse", "HEAD")


def test_the_commit_of_a_worktree_is_found(repository: Path) -> None:
    worktree = repository.parent / "worktree"
    git(repository, "worktree", "add", "-b", "another", str(worktree))
    git(worktree, "commit", "--allow-empty", "--message", "second")
    assert checked_out_commit(worktree) == git(worktree, "rev-parse", "HEAD") != checked_out_commit(repository)


def test_a_folder_that_is_no_checkout_has_no_commit(tmp_path: Path) -> None:
    assert checked_out_commit(tmp_path) == ""


def test_a_repository_without_a_commit_has_none(tmp_path: Path) -> None:
    git(tmp_path, "init")
    assert checked_out_commit(tmp_path) == ""


def test_the_code_location_lists_this_package_with_its_version_and_its_commit() -> None:
    finished = subprocess.run(
        [sys.executable, "-c", REGISTERED],
        env={**os.environ, "STEDI_COMMIT": COMMIT, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        check=True,
    )
    version, _, commit = json.loads(finished.stdout)["stedi_assets"].partition(" ")
    assert f'version = "{version}"' in (PROJECT / "pyproject.toml").read_text()
    assert commit == "(commit 0123456789ab)"
