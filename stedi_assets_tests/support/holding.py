"""A process that holds the lease of a lakehouse, to be paused or killed."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from stedi_assets_tests.support.checkout import PROJECT
from stedi_assets_tests.support.commands import environment
from stedi_assets_tests.support.places import Place
from stedi_assets_tests.support.processes import ended_with_us

HOLDING = """
import sys

from stedi_assets.errors import StediError
from stedi_assets.settings import read_settings
from stedi_assets.storage import lease_in_bucket
from stedi_assets.storage.lease import take_lease
from stedi_assets.storage.location import Location

lease_in_bucket.LEASE_SECONDS = float(sys.argv[2])
lease = take_lease(Location.parse(sys.argv[1], read_settings().aws), "run 1", 60)
print("held", flush=True)
for line in sys.stdin:
    try:
        lease.confirm()
        print("confirmed", flush=True)
    except StediError as error:
        print(error.message, flush=True)
"""
"""Holds a lease, and confirms it for each line that it reads."""


@dataclass
class Holding:
    """The program above at work."""

    process: subprocess.Popen[str]

    def confirm(self) -> str:
        """What comes of a confirmation: confirmed, or the error."""
        assert self.process.stdin
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.answer()

    def answer(self) -> str:
        """The next line that it writes."""
        assert self.process.stdout
        return self.process.stdout.readline().rstrip()

    def pause(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def holding(place: Place, lakehouse: str, lease_seconds: float = 60) -> Iterator[Holding]:
    """Holds a lease in a process of its own, as run 1, until the block ends.

    Args:
        place: Where the lakehouse is.
        lakehouse: Its root.
        lease_seconds: How long a lease in a bucket lasts.

    Yields:
        The process, once it holds the lease.
    """
    command = [*ended_with_us(), sys.executable, "-c", HOLDING, lakehouse, str(lease_seconds)]
    variables = environment({**place.variables, "PYTHONPATH": str(PROJECT)})
    with subprocess.Popen(command, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        holder = Holding(process)
        try:
            assert holder.answer() == "held"
            yield holder
        finally:
            holder.kill()
