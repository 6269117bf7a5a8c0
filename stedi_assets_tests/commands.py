"""Commands as a user runs them: a process of its own, in a folder, with the variables the test names and no others."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = Path(sys.executable).parent

MATERIALIZE_ALL = ("dagster", "asset", "materialize", "--select", "*", "-m", "stedi_assets.definitions")


@dataclass
class Finished:
    """A command that has ended."""

    exit_code: int
    output: str


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


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("STEDI_", "DAGSTER_", "AWS_"))
    }
    return {**inherited, **variables}


def run(*command: str, folder: Path, before: Sequence[str] = (), **variables: str) -> Finished:
    """Runs a program of this environment.

    Args:
        command: The program's name and its arguments.
        folder: Where the user stands.
        before: A program that runs the command, with its own arguments, such as one that takes rights away.
        variables: The environment variables that the user set.
    """
    finished = subprocess.run(
        [*before, str(PROGRAMS / command[0]), *command[1:]],
        cwd=folder,
        env=environment(variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=180,
        check=False,
    )
    return Finished(finished.returncode, finished.stdout)
