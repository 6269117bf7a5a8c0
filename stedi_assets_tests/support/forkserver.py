"""A Python that has imported the libraries of the commands, and forks into one of them for each line that it reads.

Importing them anew takes longer than most commands do.
"""

import gc
import importlib
import json
import os
import sys
import tempfile
import warnings
from importlib.metadata import entry_points

import dagster

from stedi_assets_tests.support.runs import QUIET

LIBRARIES = ("arro3.core", "pydantic_settings", "rich.table", "sqlglot")
"""The libraries that the commands import, beside Dagster. A fork itself imports this project, which reads the settings,
and duckdb and deltalake, which start threads: a fork would have none of them."""


def serve() -> list[str] | None:
    """Forks for each request, a line of JSON, and answers each with two lines: the process id, and how it ended.

    Returns:
        In a forked process the command that it is to be, and nothing in the server once there are no more requests.
    """
    for name in LIBRARIES:
        importlib.import_module(name)
    for script in entry_points(group="console_scripts", name="dagster"):
        script.load()
    _run_once()
    # A collection in a fork need not walk what is here already: walking it copies it.
    gc.freeze()
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if not child:
            _enter(**request)
            return list(request["command"])
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
    return None


def _run_once() -> None:
    """Imports what Dagster itself imports in a run with a history on disk: its database's libraries above all."""

    @dagster.asset
    def something() -> None: ...

    # A fork shows a warning only if it is the first of its line of code. Ignored warnings do not count.
    with (
        tempfile.TemporaryDirectory() as folder,
        warnings.catch_warnings(action="ignore"),
        dagster.DagsterInstance.local_temp(folder, {"telemetry": {"enabled": False}}) as instance,
    ):
        assert dagster.materialize([something], instance=instance, run_config=QUIET, selection="*").success


def _enter(command: list[str], folder: str, variables: dict[str, str], output: str) -> None:
    """Makes this process what a shell starts: its arguments, folder, variables and files."""
    os.setsid()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    sys.argv = list(command)
    tempfile.tempdir = None  # found anew, where these variables say
    sys.path[:1] = [os.path.dirname(command[0]), *filter(None, variables.get("PYTHONPATH", "").split(os.pathsep))]  # noqa: PTH120 - a shell's own way
    with open(os.devnull, "rb") as nothing, open(output, "wb") as file:  # noqa: PTH123 - descriptors are what is needed
        os.dup2(nothing.fileno(), 0)
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)


def main() -> None:
    """Serves; a forked process goes on as its command, and ends as that does."""
    program = serve()
    if program:
        (script,) = entry_points(group="console_scripts", name=os.path.basename(program[0]))  # noqa: PTH119 - a name
        sys.exit(script.load()())
