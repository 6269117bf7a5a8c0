"""The lease of a lakehouse: a process that changes tables holds it, so that only one run at a time does.

On local disk the lease is a lock, which the kernel frees when its process dies. In a bucket it is an object that its
holder renews. Another process takes the object over when nobody has renewed it for `LEASE_SECONDS`.
"""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol
from weakref import WeakValueDictionary

from stedi_assets.errors import ConflictError
from stedi_assets.storage.holder import Holder
from stedi_assets.storage.lease_in_bucket import BucketLock
from stedi_assets.storage.lease_on_disk import DiskLock
from stedi_assets.storage.location import Location

WAIT_TIMEOUT_SECONDS = 600
"""How long a run waits by default for a lakehouse that another run holds."""

LOG = logging.getLogger(__name__)


class Lock(Protocol):
    """A lock that one process at a time can have, on local disk or in a bucket.

    Attributes:
        poll_seconds: How long to wait between two attempts to take the lock.
    """

    poll_seconds: float

    def take(self) -> bool:
        """Takes the lock if it is free, and returns whether this process has it now.

        Raises:
            StediError: The lakehouse cannot be written.
        """
        ...

    def holder(self) -> Holder | None:
        """Returns the holder of the lock; None where it cannot be read, because the lock is changing hands."""
        ...

    def confirm(self) -> None:
        """Checks that this process still has the lock.

        Raises:
            ConflictError: Another process has taken the lock over.
            StediError: Somebody has removed the lock's file.
        """
        ...

    def release(self) -> None:
        """Releases the lock. A lock that was lost stays with the process that has it."""
        ...


class Lease:
    """A lease that this process holds.

    Attributes:
        users: How many callers have taken the lease and not released it yet.
    """

    def __init__(self, lock: Lock) -> None:
        self._lock = lock
        self.users = 1

    def confirm(self) -> None:
        """Checks that this process still holds the lease.

        Raises:
            ConflictError: Another process has taken the lease over.
            StediError: Somebody has removed the lease's file.
        """
        self._lock.confirm()

    def release(self) -> None:
        """Releases the lease once all its users have."""
        with _HELD_GUARD:
            self.users -= 1
            if self.users:
                return
            for key in [key for key, lease in _HELD.items() if lease is self]:
                del _HELD[key]
        self._lock.release()


_HELD: WeakValueDictionary[tuple[Location, str], Lease] = WeakValueDictionary()
"""The leases of this process, which its threads share: the I/O managers of two engines would wait for each other."""

_HELD_GUARD = threading.Lock()


def take_lease(lakehouse: Location, name: str, timeout: float) -> Lease:
    """Takes the lease of a lakehouse, and waits while another process or name holds it.

    Callers in one process that give the same name share one lease.

    Args:
        lakehouse: The root of the tables; a local one is created where it does not exist.
        name: The run or the command, for the messages of processes that wait.
        timeout: How many seconds to wait.

    Returns:
        The lease, which the caller has to release.

    Raises:
        ConflictError: Another process held the lease all the time. The message names it.
        StediError: The lakehouse cannot be written.
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
    """Holds the lease of a lakehouse during the block; arguments and errors are those of `take_lease`."""
    lease = take_lease(lakehouse, name, timeout)
    try:
        yield lease
    finally:
        lease.release()


def _wait_for(lock: Lock, lakehouse: Location, timeout: float) -> None:
    last_moment = time.monotonic() + timeout
    has_warned = False
    while not lock.take():
        if time.monotonic() >= last_moment:
            raise ConflictError(
                f"The lakehouse at {lakehouse} is held by {lock.holder() or 'another run'}, and was not free within "
                f"{timeout:g} seconds.",
                "Try again when that has ended, or end it; STEDI_LEASE_WAIT_TIMEOUT says how long to wait.",
                folder=str(lakehouse),
            )
        if not has_warned:
            has_warned = True
            LOG.warning("Waiting for the lakehouse at %s, held by %s.", lakehouse, lock.holder() or "another run")
        time.sleep(lock.poll_seconds)
