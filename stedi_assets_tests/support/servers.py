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
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from stedi_assets.storage.aws import Aws
from stedi_assets_tests.support.buckets import REGION, bucket
from stedi_assets_tests.support.checkout import PROJECT
from stedi_assets_tests.support.commands import PROGRAMS
from stedi_assets_tests.support.faulty_proxy import Request, Rule
from stedi_assets_tests.support.places import Place
from stedi_assets_tests.support.processes import ended_with_us
from stedi_assets_tests.support.tls import Certificate

HOST = "127.0.0.1"

PATIENCE_SECONDS = 60

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
        scheme: http or https.
    """

    command: Sequence[str]
    port: int
    variables: Mapping[str, str] = field(default_factory=dict)
    is_commanded: bool = False
    scheme: str = "http"
    _log: IO[bytes] = field(default_factory=tempfile.TemporaryFile, init=False)
    _process: subprocess.Popen[bytes] = field(init=False)

    @property
    def endpoint(self) -> str:
        return f"{self.scheme}://{HOST}:{self.port}"

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

    def new_bucket(self, scratch: Path) -> Place:
        """Makes a bucket, of somebody who may do everything.

        Args:
            scratch: An empty local folder.
        """
        return bucket(self.endpoint, "any", "any", scratch)

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

    def new_bucket(self, scratch: Path) -> Place:
        """Makes a bucket of the root user's.

        Args:
            scratch: An empty local folder.
        """
        made = bucket(self.endpoint, self.access_key_id, self.secret_access_key, scratch)
        return replace(made, copy_bucket=self.copy_bucket)

    def aws(self, **others: Any) -> Aws:
        """Returns the settings that reach it as the root user.

        Args:
            others: Settings to add, or to put in place of these.
        """
        settings = {
            "access_key_id": self.access_key_id,
            "secret_access_key": SecretStr(self.secret_access_key),
            "region": REGION,
            "endpoint_url": self.endpoint,
        }
        return Aws(**{**settings, **others})

    def copy_bucket(self, name: str, copy: str) -> None:
        """Copies all objects of a bucket into another, where each has the same ETag.

        Args:
            name: The bucket's.
            copy: The other's.
        """
        for store in self.stores:
            if (store / name).is_dir():
                shutil.copytree(store / name, store / copy, dirs_exist_ok=True)


@dataclass
class ForwardProxy(Server):
    """Leads clients that ask for any host to one server; see `stedi_assets_tests.support.forward_proxy`."""

    is_commanded: bool = True

    def hosts(self) -> set[str]:
        """Returns the hosts that were asked for since the last call."""
        return set(self.tell("hosts", None))


@dataclass
class FaultyProxy(Server):
    """Passes requests and answers on, or fails them; see `stedi_assets_tests.support.faulty_proxy`."""

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
def moto_server(certificate: Certificate | None = None) -> Iterator[MotoServer]:
    """Runs moto.

    Args:
        certificate: With which it speaks TLS.

    Yields:
        It, empty.
    """
    with free_port() as port:
        command = [str(PROGRAMS / "moto_server"), "-H", HOST, "-p", str(port)]
        if certificate:
            command += ["--ssl", "--ssl-cert", str(certificate.chain), "--ssl-key", str(certificate.key)]
        server = MotoServer(command, port, scheme="https" if certificate else "http")
        with running(server):
            yield server


@contextmanager
def versitygw(
    folder: Path,
    certificate: Certificate | None = None,
    virtual_domain: str | None = None,
    region: str = REGION,
) -> Iterator[Versitygw]:
    """Runs Versity's gateway.

    Args:
        folder: An existing one, for its buckets and users. Two gateways may share it.
        certificate: With which it speaks TLS.
        virtual_domain: The host before which a bucket's name may stand.
        region: Its region.

    Yields:
        It, with what the folder held.
    """
    buckets, users, sidecar = (folder / name for name in ("buckets", "users", "sidecar"))
    for each in (buckets, users, sidecar):
        each.mkdir(exist_ok=True)
    attributes = [] if _has_extended_attributes(folder) else ["--sidecar", str(sidecar)]
    tls = ["--cert", str(certificate.chain), "--key", str(certificate.key)] if certificate else []
    virtual_hosts = ["--virtual-domain", virtual_domain] if virtual_domain else []
    with free_port() as port:
        command = [
            *(_versitygw_program(), "--port", f"{HOST}:{port}", "--quiet", "--keep-alive", "--iam-dir", str(users)),
            *(*tls, *virtual_hosts, "--region", region, "posix", *attributes, str(buckets)),
        ]
        server = Versitygw(command, port, stores=(buckets, sidecar), scheme="https" if certificate else "http")
        server.variables = {"ROOT_ACCESS_KEY": server.access_key_id, "ROOT_SECRET_KEY": server.secret_access_key}
        with running(server):
            yield server


@contextmanager
def faulty_proxy(endpoint: str) -> Iterator[FaultyProxy]:
    """Runs a proxy that can fail.

    Args:
        endpoint: The URL of the server behind it.

    Yields:
        The proxy, with no fault yet.
    """
    with free_port() as port:
        proxy = [sys.executable, "-m", "stedi_assets_tests.support.faulty_proxy", "--port", str(port)]
        command = [*proxy, "--server", urlsplit(endpoint).netloc]
        server = FaultyProxy(command, port, {"PYTHONPATH": str(PROJECT)})
        with running(server):
            yield server


@contextmanager
def forward_proxy(server: Server) -> Iterator[ForwardProxy]:
    """Runs a proxy that leads to a server whatever host is asked for.

    Args:
        server: Where it leads.

    Yields:
        The proxy.
    """
    with free_port() as port:
        program = [sys.executable, "-m", "stedi_assets_tests.support.forward_proxy"]
        command = [*program, "--port", str(port), "--server", str(server.port)]
        proxy = ForwardProxy(command, port, {"PYTHONPATH": str(PROJECT)})
        with running(proxy):
            yield proxy


@contextmanager
def running(server: Server) -> Iterator[None]:
    server.start()
    try:
        yield
    finally:
        server.kill()


@contextmanager
def free_port() -> Iterator[int]:
    """Holds a port for a server that comes and goes: nobody else is given it, and none but a listener may share it."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind((HOST, 0))
        yield holder.getsockname()[1]


def _has_extended_attributes(folder: Path) -> bool:
    try:
        os.setxattr(folder, "user.stedi_assets_tests", b"")
    except (AttributeError, OSError):
        return False
    return True


def _versitygw_program() -> str:
    """Finds the program that `make test-buckets` installs."""
    program = shutil.which("versitygw", path=os.pathsep.join([str(PROGRAMS), os.environ["PATH"]]))
    if program is None:
        pytest.fail("versitygw is not installed: `make test-buckets` installs it with Go.", pytrace=False)
    return program
