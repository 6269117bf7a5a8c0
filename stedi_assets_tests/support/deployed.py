"""Dagster as it is deployed: a code server, a daemon and a web server over PostgreSQL, each a process of its own."""

import json
import os
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

from stedi_assets_tests.support.checkout import PROJECT
from stedi_assets_tests.support.commands import PROGRAMS, environment
from stedi_assets_tests.support.processes import ended_with_us
from stedi_assets_tests.support.servers import HOST, free_port

PATIENCE_SECONDS = 120

LOCATION = {"repositoryLocationName": "stedi_assets", "repositoryName": "__repository__"}


OPEN_CONNECTIONS = 3
"""How many connections the web server keeps: for runs, for events, and for sensors with schedules."""


def ask(address: str, query: str, **variables: Any) -> Any:
    """Asks Dagster's web server as its pages do.

    A restart of PostgreSQL ends the server's open connections. A request that meets such a connection fails, and is
    sent again.

    Args:
        address: The server's URL.
        query: GraphQL.
        variables: Of the query.
    """
    body = json.dumps({"query": query, "variables": variables}).encode()
    request = urllib.request.Request(f"{address}/graphql", body, {"Content-Type": "application/json"})
    refusals: list[str] = []
    while len(refusals) <= OPEN_CONNECTIONS:
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                answer = json.load(response)
            assert "errors" not in answer, answer
            return answer["data"]
        except HTTPError as error:
            refusals.append(error.read().decode())
    raise AssertionError(refusals[-1])


@dataclass
class Process:
    """A process of Dagster, the leader of a process group."""

    command: Sequence[str]
    folder: Path
    variables: Mapping[str, str]

    def start(self) -> None:
        """Starts it. What it writes is appended to the file of its name."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*ended_with_us(), str(PROGRAMS / self.command[0]), *self.command[1:]],
                cwd=self.folder,
                env=environment(self.variables),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> None:
        """Kills it with all that it has started, as when its container is killed."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def terminate(self) -> None:
        """Tells it alone to stop, as Docker and systemd do."""
        self._process.terminate()

    @property
    def has_ended(self) -> bool:
        """Whether it has ended by itself."""
        return self._process.poll() is not None

    @property
    def output(self) -> str:
        """What it has written."""
        return self._log.read_text(errors="replace")

    @property
    def _log(self) -> Path:
        return self.folder / f"{self.command[0]}.log"


@dataclass
class Deployed:
    """The processes, with what a user of Dagster's pages does.

    Attributes:
        home: DAGSTER_HOME, with the configuration of `deploy/`.
        code: The code server, with all runs.
        daemon: What evaluates sensors and starts queued runs.
        web: The web server.
        address: Its URL.
    """

    home: Path
    code: Process
    daemon: Process
    web: Process
    address: str

    def switch_sensor_on(self, name: str) -> None:
        query = "mutation ($it: SensorSelector!) { startSensor(sensorSelector: $it) { __typename } }"
        answer = ask(self.address, query, it={**LOCATION, "sensorName": name})
        assert answer["startSensor"]["__typename"] == "Sensor", answer

    def launch(self, job: str) -> str:
        """Launches a run, and returns its ID."""
        query = """mutation ($it: ExecutionParams!) { launchRun(executionParams: $it) {
            __typename ... on LaunchRunSuccess { run { runId } }
        } }"""
        answer = ask(self.address, query, it={"selector": {**LOCATION, "jobName": job}, "runConfigData": {}})
        assert answer["launchRun"]["__typename"] == "LaunchRunSuccess", answer
        run_id: str = answer["launchRun"]["run"]["runId"]
        return run_id

    def runs(self) -> dict[str, dict[str, Any]]:
        """From the IDs of all runs to the runs."""
        query = "{ runsOrError { ... on Runs { results { runId parentRunId status tags { key value } } } } }"
        return {run["runId"]: run for run in ask(self.address, query)["runsOrError"]["results"]}

    def wait(self, condition: Callable[[], object]) -> None:
        """Waits until something is so."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, "\n".join(each.output for each in (self.daemon, self.code, self.web))
            time.sleep(0.2)


@contextmanager
def deployed(home: Path, **variables: str) -> Iterator[Deployed]:
    """Runs the processes with the configuration of `deploy/`, and kills them at the end of the block.

    Args:
        home: An empty folder.
        variables: The environment of all processes, DAGSTER_POSTGRES_URL included.

    Yields:
        The processes, once the web server has loaded the code location.
    """
    with ExitStack() as stack:
        code_port, web_port = (str(stack.enter_context(free_port())) for _ in range(2))
        for name in ("dagster.yaml", "workspace.yaml"):
            shutil.copyfile(PROJECT / "deploy" / name, home / name)
        _edit(home / "workspace.yaml", "port: 4000", f"port: {code_port}")
        # Less patience than an operator's, but enough for a code server to start between two checks of a run.
        _edit(home / "dagster.yaml", "poll_interval_seconds: 30", "poll_interval_seconds: 15")
        variables = {
            **variables,
            "DAGSTER_HOME": str(home),
            "DAGSTER_CODE_SERVER_HOST": HOST,
            "PYTHONPATH": str(PROJECT),
        }
        commands = {
            "code": ("dagster", "code-server", "start", "-h", HOST, "-p", code_port, "-m", "stedi_assets.definitions"),
            "daemon": ("dagster-daemon", "run", "-w", "workspace.yaml"),
            "web": ("dagster-webserver", "-h", HOST, "-p", web_port, "-w", "workspace.yaml"),
        }
        processes = {name: Process(command, home, variables) for name, command in commands.items()}
        dagster = Deployed(home, **processes, address=f"http://{HOST}:{web_port}")
        for process in processes.values():
            process.start()
            stack.callback(process.kill)
        dagster.wait(lambda: _has_loaded(dagster.address))
        yield dagster


def _edit(file: Path, before: str, after: str) -> None:
    text = file.read_text()
    assert text.count(before) == 1
    file.write_text(text.replace(before, after))


def _has_loaded(address: str) -> bool:
    query = "{ workspaceOrError { ... on Workspace { locationEntries { locationOrLoadError { __typename } } } } }"
    try:
        (entry,) = ask(address, query)["workspaceOrError"]["locationEntries"]
    except OSError:
        return False
    return (entry["locationOrLoadError"] or {}).get("__typename") == "RepositoryLocation"
