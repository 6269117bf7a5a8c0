"""Commands as a user runs them: a process of its own, in a folder, with the variables the test names and no others."""

import functools
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stedi_assets_tests.support.checkout import PROJECT
from stedi_assets_tests.support.processes import ended_with_us

PROGRAMS = Path(sys.executable).parent

FORKED = ("dagster", "stedi")
"""The programs that a fork of one process can be."""

WITHOUT_RIGHTS_OF_ROOT = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
"""Root may write everywhere; a user may not."""

PATIENCE_SECONDS = 180

MATERIALIZE_ALL = ("dagster", "asset", "materialize", "--select", "*", "-m", "stedi_assets.definitions")

DEV = ("dagster", "dev", "-w", "workspace.yaml")


@dataclass
class Finished:
    """A command that has ended."""

    exit_code: int
    output: str


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("STEDI_", "DAGSTER_", "AWS_"))
    }
    return {**inherited, **variables}


FORK_SERVER = "from stedi_assets_tests.support.forkserver import main; main()"


class ForkServer:
    """The program `stedi_assets_tests.support.forkserver` at work, one command at a time."""

    def __init__(self) -> None:
        command = [*ended_with_us(), sys.executable, "-c", FORK_SERVER]
        self._process = subprocess.Popen(
            command, env=environment({}), cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, *command: str, folder: Path, variables: Mapping[str, str]) -> Finished:
        """Runs a console script of this environment in a process forked for it."""
        assert self._process.stdin and self._process.stdout
        with tempfile.NamedTemporaryFile() as output:
            request = {"command": command, "folder": str(folder), "variables": variables, "output": output.name}
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            child = int(self._process.stdout.readline())
            guard = threading.Timer(PATIENCE_SECONDS, os.killpg, (child, signal.SIGKILL))
            guard.start()
            exit_code = int(self._process.stdout.readline())
            guard.cancel()
            return Finished(exit_code, output.read().decode())


fork_server = functools.cache(ForkServer)
"""The one of this process."""


def run(*command: str, folder: Path, before: Sequence[str] = (), **variables: str) -> Finished:
    """Runs a program of this environment.

    Args:
        command: The program's name and its arguments.
        folder: Where the user stands.
        before: A program that runs the command, with its own arguments, such as one that takes rights away.
        variables: The environment variables that the user set.
    """
    if command[0] in FORKED and not before:
        program = (str(PROGRAMS / command[0]), *command[1:])
        return fork_server().run(*program, folder=folder, variables=environment(variables))
    finished = subprocess.run(
        [*before, str(PROGRAMS / command[0]), *command[1:]],
        cwd=folder,
        env=environment(variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    return Finished(finished.returncode, finished.stdout)


@contextmanager
def serving(checkout: Path, *, command: Sequence[str] = DEV, **variables: str) -> Iterator[str]:
    """Starts Dagster's pages, by default with `dagster dev -w workspace.yaml`, and yields the server's address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    log = Path(variables["DAGSTER_HOME"]) / "server.log"
    with log.open("w") as output:
        server = subprocess.Popen(
            [str(PROGRAMS / command[0]), *command[1:], "--host", "127.0.0.1", "--port", port],
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
