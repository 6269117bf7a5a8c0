"""Commands as a user runs them: a process of its own, in a folder, with the variables the test names and no others."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
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


def cloned(project: Path, folder: Path) -> Path:
    """Copies the files that git would clone into a folder of their own."""
    for name in tracked_files(project):
        if (project / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(project / name, folder / name)
    return folder


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


@contextmanager
def serving(checkout: Path, **variables: str) -> Iterator[str]:
    """`dagster dev -w workspace.yaml`, until its server answers; gives the server's address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    log = Path(variables["DAGSTER_HOME"]) / "server.log"
    with log.open("w") as output:
        server = subprocess.Popen(
            [str(PROGRAMS / "dagster"), "dev", "-w", "workspace.yaml", "-h", "127.0.0.1", "-p", port],
            cwd=checkout,
            env=environment({"PYTHONPATH": str(checkout), **variables}),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 90
        while True:
            assert server.poll() is None and time.monotonic() < deadline, log.read_text()
            try:
                urllib.request.urlopen(f"{address}/server_info", timeout=5).close()
                break
            except OSError:
                time.sleep(0.2)
        yield address
    finally:
        server.terminate()
        server.wait(timeout=60)
