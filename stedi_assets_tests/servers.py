"""Real servers on loopback, each a process of its own, which ends when whoever started it does."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import pyspark
import pytest

from stedi_assets_tests.faulty_proxy import Request, Rule

HOST = "127.0.0.1"

PATIENCE_SECONDS = 60

PROGRAMS = Path(sys.executable).parent

MASTER = "org.apache.spark.deploy.master.Master"

WORKER = "org.apache.spark.deploy.worker.Worker"

SPARK = Path(pyspark.__file__).parent

_SPARK_VARIABLES = {"PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": HOST}

LAST_LINES = 20
"""How many lines of a server's output an error shows."""


@dataclass
class Server:
    """A server.

    Attributes:
        command: What starts it.
        port: Where it listens, on loopback.
        variables: Its environment beside PATH.
        is_commanded: Whether it takes commands: a line on its standard input, with a line in answer on its output.
    """

    command: Sequence[str]
    port: int
    variables: Mapping[str, str] = field(default_factory=dict)
    is_commanded: bool = False
    _log: IO[bytes] = field(default_factory=tempfile.TemporaryFile, init=False)
    _process: subprocess.Popen[bytes] = field(init=False)

    @property
    def endpoint(self) -> str:
        return f"http://{HOST}:{self.port}"

    def start(self) -> None:
        """Starts it, and waits until it accepts connections.

        Raises:
            RuntimeError: It does not.
        """
        self._process = subprocess.Popen(
            [*ended_with_us(), *self.command],
            env={"PATH": os.environ["PATH"], **self.variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if self.is_commanded else self._log,
            stderr=self._log,
        )
        self.wait()

    def wait(self) -> None:
        """Waits until it accepts connections.

        Raises:
            RuntimeError: It has ended, or does not accept any for a long time.
        """
        last_moment = time.monotonic() + PATIENCE_SECONDS
        while not self._accepts():
            if self._process.poll() is not None or time.monotonic() > last_moment:
                self.kill()
                raise RuntimeError(f"{self.command[0]} accepts no connections:\n{self.last_output()}")
            time.sleep(0.02)

    def kill(self) -> None:
        """Ends it as kill -9 does."""
        self._process.kill()
        self._process.communicate()

    def tell(self, command: str, argument: Any) -> Any:
        """Gives it a command.

        Args:
            command: Its name.
            argument: What JSON can hold.

        Returns:
            The answer.
        """
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps({command: argument}).encode() + b"\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, self.last_output()
        return json.loads(answer)

    def last_output(self) -> str:
        """Returns the last lines that it wrote."""
        self._log.seek(0)
        return "\n".join(self._log.read().decode(errors="replace").splitlines()[-LAST_LINES:])

    def _accepts(self) -> bool:
        try:
            socket.create_connection((HOST, self.port), timeout=1).close()
        except OSError:
            return False
        return True


@dataclass
class MotoServer(Server):
    """Moto: S3 and Glue, held in memory; it accepts every key."""

    def reset(self) -> None:
        """Makes it forget everything."""
        urllib.request.urlopen(f"{self.endpoint}/moto-api/reset", data=b"", timeout=10).close()


@dataclass
class Versitygw(Server):
    """Versity's gateway: a durable S3 on a folder, with keys that it holds its users to.

    Attributes:
        stores: Folders that hold one of each bucket: its files, and what is kept beside them.
        access_key_id: The root user's.
        secret_access_key: The root user's.
    """

    stores: Sequence[Path] = ()
    access_key_id: str = "root-of-the-tests"
    secret_access_key: str = "secret-of-the-tests"

    def copy_bucket(self, bucket: str, copy: str) -> None:
        """Copies all objects of a bucket into another, where each has the same ETag.

        Args:
            bucket: Its name.
            copy: The other's.
        """
        for store in self.stores:
            if (store / bucket).is_dir():
                shutil.copytree(store / bucket, store / copy, dirs_exist_ok=True)


@dataclass
class FaultyProxy(Server):
    """Passes on what another server is asked and answers, or fails it; see `stedi_assets_tests.faulty_proxy`."""

    is_commanded: bool = True

    def fail(self, *rules: Rule) -> None:
        """Fails requests by these rules from now on, and by no others; forgets the requests that came.

        Waits for it where it is gone.

        Args:
            rules: No rule for no fault.
        """
        self.wait()
        self.tell("set_rules", [asdict(rule) for rule in rules])

    def requests(self, method: str = "", target: str = "") -> list[Request]:
        """Returns the requests that came since the rules were set.

        Args:
            method: A regular expression, found in the method of each.
            target: A regular expression, found in the path and query of each.
        """
        seen = [Request(**request) for request in self.tell("requests", None)]
        return [it for it in seen if re.search(method, it.method) and re.search(target, it.target)]


@contextmanager
def moto_server() -> Iterator[MotoServer]:
    """Runs moto.

    Yields:
        It, empty.
    """
    with _free_port() as port:
        command = [str(PROGRAMS / "moto_server"), "-H", HOST, "-p", str(port)]
        server = MotoServer(command, port)
        with _running(server):
            yield server


@contextmanager
def versitygw(folder: Path) -> Iterator[Versitygw]:
    """Runs Versity's gateway, or skips the test where it can neither be found nor built.

    Args:
        folder: An existing one, for its buckets and users.

    Yields:
        It, with what the folder held.
    """
    buckets, users, sidecar = (folder / name for name in ("buckets", "users", "sidecar"))
    for each in (buckets, users, sidecar):
        each.mkdir(exist_ok=True)
    attributes = [] if _has_extended_attributes(folder) else ["--sidecar", str(sidecar)]
    with _free_port() as port:
        command = [
            *(_versitygw_program(), "--port", f"{HOST}:{port}", "--quiet", "--keep-alive", "--iam-dir", str(users)),
            *("posix", *attributes, str(buckets)),
        ]
        server = Versitygw(command, port, stores=(buckets, sidecar))
        server.variables = {"ROOT_ACCESS_KEY": server.access_key_id, "ROOT_SECRET_KEY": server.secret_access_key}
        with _running(server):
            yield server


@contextmanager
def faulty_proxy(endpoint: str) -> Iterator[FaultyProxy]:
    """Runs a proxy that can fail.

    Args:
        endpoint: The URL of the server behind it.

    Yields:
        The proxy, with no fault yet.
    """
    with _free_port() as port:
        proxy = [sys.executable, "-m", "stedi_assets_tests.faulty_proxy", "--port", str(port)]
        command = [*proxy, "--server", urlsplit(endpoint).netloc]
        server = FaultyProxy(command, port, {"PYTHONPATH": str(Path(__file__).parents[1])})
        with _running(server):
            yield server


@dataclass
class SparkCluster:
    """A standalone cluster of Spark on loopback.

    Attributes:
        master: Its master.
        workers: Those who compute, a core each.
    """

    master: Server
    workers: Sequence[Server]

    @property
    def url(self) -> str:
        return f"spark://{HOST}:{self.master.port}"


@contextmanager
def spark_cluster(folder: Path, workers: int = 2) -> Iterator[SparkCluster]:
    """Runs a standalone cluster.

    Args:
        folder: An existing one, for what the workers keep.
        workers: How many.

    Yields:
        The cluster.
    """
    with ExitStack() as stack:
        port = stack.enter_context(_free_port())
        master = _spark_server(port, MASTER, "--webui-port", "0")
        stack.enter_context(_running(master))
        cluster = SparkCluster(master, [])
        for number in range(workers):
            kept = (
                "--work-dir",
                str(folder / f"worker-{number}"),
                "--webui-port",
                "0",
                "--cores",
                "1",
                "--memory",
                "2g",
            )
            worker_port = stack.enter_context(_free_port())
            worker = _spark_server(worker_port, WORKER, *kept, "--cores", "1", cluster.url)
            stack.enter_context(_running(worker))
            cluster.workers = [*cluster.workers, worker]
        yield cluster


@contextmanager
def spark_connect_server(folder: Path, jars: Sequence[Path]) -> Iterator[str]:
    """Runs a Spark Connect server.

    Args:
        folder: An existing one, for what it keeps.
        jars: What it loads.

    Yields:
        The URL by which SPARK_REMOTE names it.
    """
    with _free_port() as port:
        options = {
            "spark.connect.grpc.binding.address": HOST,
            "spark.connect.grpc.binding.port": str(port),
            "spark.driver.host": HOST,
            "spark.driver.bindAddress": HOST,
            "spark.local.dir": str(folder),
            "spark.master": "local[2]",
            "spark.sql.warehouse.dir": str(folder / "warehouse"),
            "spark.ui.enabled": "false",
            "spark.jars": ",".join(map(str, jars)),
        }
        conf = [part for name, value in options.items() for part in ("--conf", f"{name}={value}")]
        service = ("--class", "org.apache.spark.sql.connect.service.SparkConnectServer")
        command = [str(SPARK / "bin" / "spark-submit"), *service, *conf]
        with _running(Server(command, port, _SPARK_VARIABLES)):
            yield f"sc://{HOST}:{port}"


def _spark_server(port: int, kind: str, *arguments: str) -> Server:
    command = [str(SPARK / "bin" / "spark-class"), kind, "--host", HOST, "--port", str(port), *arguments]
    return Server(command, port, _SPARK_VARIABLES)


@contextmanager
def _running(server: Server) -> Iterator[None]:
    server.start()
    try:
        yield
    finally:
        server.kill()


@contextmanager
def _free_port() -> Iterator[int]:
    """Holds a port for a server that comes and goes: nobody else is given it, and none but a listener may share it."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind((HOST, 0))
        yield holder.getsockname()[1]


def ended_with_us() -> list[str]:
    """What to put before a command so that it ends when we are killed: a crashed test leaves no server behind."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []


def _has_extended_attributes(folder: Path) -> bool:
    try:
        os.setxattr(folder, "user.stedi_assets_tests", b"")
    except (AttributeError, OSError):
        return False
    return True


def _versitygw_program() -> str:
    """Finds the program that `make test` installs."""
    go = shutil.which("go")
    folders = [str(PROGRAMS), os.environ.get("GOBIN", ""), os.environ["PATH"]]
    if go:
        gopath = subprocess.run([go, "env", "GOPATH"], capture_output=True, text=True, check=True).stdout.strip()
        folders.append(f"{gopath}/bin")
    program = shutil.which("versitygw", path=os.pathsep.join(folders))
    if program is None and (go or "CI" in os.environ):
        pytest.fail("versitygw is not installed: make test installs it where Go is.")
    if program is None:
        pytest.skip("versitygw is not installed, and there is no Go to build it with.")
    return program
