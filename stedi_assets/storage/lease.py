"""The lease of a lakehouse: whoever changes tables holds it, so that one run at a time reads its inputs and publishes.

On local disk it is a lock that the kernel takes from a process that dies. In a bucket it is an object that its holder
renews, and that others take over when it was not renewed for a while.
"""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol
from weakref import WeakValueDictionary

from stedi_assets.errors import StediError
from stedi_assets.storage.holder import Holder
from stedi_assets.storage.lease_in_bucket import BucketLock
from stedi_assets.storage.lease_on_disk import DiskLock
from stedi_assets.storage.location import Location

WAIT_TIMEOUT_SECONDS = 600
"""How long a run waits for a lakehouse that another one holds."""

LOG = logging.getLogger(__name__)


class Lock(Protocol):
    """What only one process can have."""

    poll_seconds: float

    def take(self) -> bool:
        """Takes the lock if it is free.

        Returns:
            Whether it is this process's now.

        Raises:
            StediError: The lakehouse cannot be written.
        """
        ...

    def holder(self) -> Holder | None:
        """Returns who holds the lock; None where that cannot be read, because it just changes hands."""
        ...

    def confirm(self) -> None:
        """Makes sure that the lock is still this process's.

        Raises:
            StediError: Another process has taken it over.
        """
        ...

    def release(self) -> None:
        """Gives the lock back. One that was lost stays with whoever has it."""
        ...


class Lease:
    """A lease that is held.

    Attributes:
        users: How many have taken it, and not released it yet.
    """

    def __init__(self, lock: Lock) -> None:
        self._lock = lock
        self.users = 1

    def confirm(self) -> None:
        """Makes sure that the lease is still held.

        Raises:
            StediError: Another process has taken it over.
        """
        self._lock.confirm()

    def release(self) -> None:
        """Gives the lease back when its last user does."""
        with _HELD_GUARD:
            self.users -= 1
            if self.users:
                return
            for key in [key for key, lease in _HELD.items() if lease is self]:
                del _HELD[key]
        self._lock.release()


_HELD: WeakValueDictionary[tuple[Location, str], Lease] = WeakValueDictionary()
"""The leases of this process. A run may have an I/O manager of each engine, which would wait for one another."""

_HELD_GUARD = threading.Lock()


def take_lease(lakehouse: Location, name: str, timeout: float) -> Lease:
    """Takes the lease of a lakehouse, and waits where it is held. What a process has under the same name is shared.

    Args:
        lakehouse: The root of the tables; a local one is created where it does not exist.
        name: Who takes it, as others are told: the run, or the command.
        timeout: How many seconds to wait.

    Returns:
        The lease. Whoever took it releases it.

    Raises:
        StediError: It was not free in time, with who holds it; or the lakehouse cannot be written.
    """
    key = (lakehouse, name)
    with _HELD_GUARD:
        held = _HELD.get(key)
        if held is not None:
            held.users += 1
            return held
    lock: Lock = BucketLock(lakehouse, Holder.here(name)) if lakehouse.aws else DiskLock(lakehouse, Holder.here(name))
    _wait_for(lock, lakehouse, timeout)
    lease = Lease(lock)
    with _HELD_GUARD:
        _HELD[key] = lease
    return lease


@contextmanager
def lease_held(lakehouse: Location, name: str, timeout: float) -> Iterator[Lease]:
    """Holds the lease of a lakehouse while the block is on.

    Args:
        lakehouse: See `take_lease`, as for the others.
        name: Who takes it.
        timeout: How many seconds to wait.

    Yields:
        The lease.

    Raises:
        StediError: See `take_lease`.
    """
    lease = take_lease(lakehouse, name, timeout)
    try:
        yield lease
    finally:
        lease.release()


def _wait_for(lock: Lock, lakehouse: Location, timeout: float) -> None:
    last_moment = time.monotonic() + timeout
    is_told = False
    while not lock.take():
        if time.monotonic() >= last_moment:
            raise StediError(
                f"The lakehouse at {lakehouse} is held by {lock.holder() or 'another run'}, and was not free within "
                f"{timeout:g} seconds.",
                "Try again when that has ended, or end it; STEDI_LEASE_WAIT_TIMEOUT says how long to wait.",
            )
        if not is_told:
            is_told = True
            LOG.warning("Waiting for the lakehouse at %s, held by %s.", lakehouse, lock.holder() or "another run")
        time.sleep(lock.poll_seconds)
