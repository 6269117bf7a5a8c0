"""A real PostgreSQL on loopback, Debian's, run by a user without rights."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy

from stedi_assets_tests.support.processes import POSTGRES_FOLDERS, ended_with_us
from stedi_assets_tests.support.servers import HOST, PATIENCE_SECONDS, Server, free_port

USER = "dagster"

PASSWORD = "secret-of-the-tests"

WITHOUT_RIGHTS = "nobody"
"""The user as whom root runs the server, which refuses to be root's."""

FAST = ("-c", "fsync=off", "-c", "full_page_writes=off")
"""The server need not survive a power cut of the tests' machine."""


@dataclass
class Postgres(Server):
    """A PostgreSQL server with one database, `postgres`."""

    @property
    def url(self) -> str:
        """The URL as everyone writes it."""
        return f"postgresql://{USER}:{PASSWORD}@{HOST}:{self.port}/postgres"

    def wait(self) -> None:
        """Waits until it executes statements.

        Raises:
            RuntimeError: It has ended, or does not for a long time.
        """
        super().wait()
        last_moment = time.monotonic() + PATIENCE_SECONDS
        while not self._executes():
            if time.monotonic() > last_moment:
                self.kill()
                raise RuntimeError(f"PostgreSQL executes nothing:\n{self.last_output()}")
            time.sleep(0.05)

    def restart(self) -> None:
        """Ends it with every connection, and starts it again."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(timeout=PATIENCE_SECONDS)
        self.start()

    def query(self, statement: str) -> list[Any]:
        """Executes a SELECT."""
        engine = sqlalchemy.create_engine(self.url, poolclass=sqlalchemy.NullPool)
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(sqlalchemy.text(statement))]

    def _executes(self) -> bool:
        try:
            return bool(self.query("SELECT 1"))
        except sqlalchemy.exc.OperationalError:
            return False


@contextmanager
def postgresql() -> Iterator[Postgres]:
    """Runs a PostgreSQL server in a folder of its own.

    Yields:
        The server, with an empty database.
    """
    # Not pytest's folder, in which another user than its own may not even look.
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder, free_port() as port:
        data = Path(folder) / "data"
        password = Path(folder) / "password"
        password.write_text(PASSWORD)
        if os.geteuid() == 0:
            for path in (Path(folder), password):
                shutil.chown(path, WITHOUT_RIGHTS, pwd.getpwnam(WITHOUT_RIGHTS).pw_gid)
        created = ("--pgdata", str(data), "--username", USER, "--pwfile", str(password), "--auth", "scram-sha-256")
        program = (*_as_a_user(), _program("initdb"), *created, "--encoding", "UTF8", "--no-locale", "--no-sync")
        subprocess.run(program, check=True, capture_output=True, cwd=folder)
        listens = ("-p", str(port), "-c", f"listen_addresses={HOST}", "-c", f"unix_socket_directories={folder}")
        # Whoever changes its user loses the signal that ends it with us, so that it is asked for afterwards again.
        command = [*_as_a_user(), *ended_with_us(), _program("postgres"), "-D", str(data), *listens, *FAST]
        server = Postgres(command, port)
        server.start()
        try:
            yield server
        finally:
            server.kill()


def _as_a_user() -> Sequence[str]:
    if os.geteuid() != 0:
        return []
    group = pwd.getpwnam(WITHOUT_RIGHTS).pw_gid
    return ["setpriv", f"--reuid={WITHOUT_RIGHTS}", f"--regid={group}", "--clear-groups", "--"]


def _program(name: str) -> str:
    found = shutil.which(name, path=os.pathsep.join([*POSTGRES_FOLDERS, os.environ["PATH"]]))
    assert found, f"{name} is not installed: install postgresql."
    return found
