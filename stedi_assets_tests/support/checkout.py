"""The project's own files, and a copy of them as git would clone them."""

import shutil
import subprocess
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]


def tracked_files(project: Path) -> list[str]:
    """The files that git would clone, and those it does not ignore."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=project,
        capture_output=True,
        text=True,
        check=True,
    )
    return listed.stdout.splitlines()


def cloned(project: Path, folder: Path) -> Path:
    """Copies the files that git would clone into a folder of their own."""
    for name in tracked_files(project):
        if (project / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(project / name, folder / name)
    return folder
