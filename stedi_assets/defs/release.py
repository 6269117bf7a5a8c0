"""Which release of this package runs, for Dagster's page of the code location."""

import json
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from dagster_shared.libraries import DagsterLibraryRegistry

PACKAGE = "stedi_assets"

CHECKOUT = Path(__file__).resolve().parents[2]
"""The folder of the package, which is a checkout where it has a `.git`."""

DIGITS = 12
"""How many digits of a commit are shown."""


def register_release(commit: str) -> None:
    """Lists this package among the libraries of the code location, with its version and its commit.

    Dagster shows no metadata of `Definitions` on a page. The list of libraries is what its own packages register in.

    Args:
        commit: The commit that an image was built from, if it is known.
    """
    DagsterLibraryRegistry.register(PACKAGE, release(commit), is_dagster_package=False)


def release(commit: str) -> str:
    """Returns the version, and the commit if one is known.

    Args:
        commit: The commit that an image was built from; empty where pip's record or the checkout has it.
    """
    found = commit or _installed_commit() or checked_out_commit(CHECKOUT)
    return f"{_version()} (commit {found[:DIGITS]})" if found else _version()


def _version() -> str:
    try:
        return distribution(PACKAGE).version
    except PackageNotFoundError:
        return "not installed"


def _installed_commit() -> str:
    """Returns the commit that pip has installed from a repository."""
    try:
        record = json.loads(distribution(PACKAGE).read_text("direct_url.json") or "{}")
    except PackageNotFoundError:
        return ""
    return str(record.get("vcs_info", {}).get("commit_id", ""))


def checked_out_commit(checkout: Path) -> str:
    """Returns the commit of a checkout, read from its `.git`: starting git takes longer than loading this package.

    Args:
        checkout: A folder.
    """
    try:
        folder = _git_folder(checkout / ".git")
        head = (folder / "HEAD").read_text().strip()
        name = head.removeprefix("ref: ")
        return head if name == head else next(_commits(folder, name), "")
    except OSError:
        return ""


def _git_folder(git: Path) -> Path:
    """Returns git's folder of a checkout. A worktree has a file that names it."""
    return git if git.is_dir() else git.parent / git.read_text().strip().removeprefix("gitdir: ")


def _commits(folder: Path, reference: str) -> Iterator[str]:
    """Yields the commit of a reference: its own file counts before the file of packed ones."""
    common = folder / "commondir"
    shared = folder / common.read_text().strip() if common.exists() else folder
    if (shared / reference).exists():
        yield (shared / reference).read_text().strip()
    packed = shared / "packed-refs"
    for line in packed.read_text().splitlines() if packed.exists() else ():
        commit, _, name = line.partition(" ")
        if name == reference:
            yield commit
