"""The lock of a lakehouse in a bucket: an object that its holder renews by conditional puts.

No process compares its clock with another machine's. A process that waits takes the object over when its ETag has
stayed the same for `LEASE_SECONDS` of the process's own monotonic clock. The next put of the old holder then fails.
"""

import threading
import time
import weakref
from contextlib import suppress

from stedi_assets.errors import ConflictError, StediError
from stedi_assets.storage.aws import Aws
from stedi_assets.storage.holder import LEASE_NAME, Holder
from stedi_assets.storage.location import Location
from stedi_assets.storage.s3 import S3Files

LEASE_SECONDS = 60.0
"""How long a lease lasts without a renewal."""

RENEWALS_IN_A_LEASE = 4
"""The number of renewals in `LEASE_SECONDS`: after a failed request, the next one still comes in time."""

FREE = "is_free"
"""The key of the object's JSON that marks a released lease."""


class BucketLock:
    """See `Lock`.

    Args:
        lakehouse: The root of the tables.
        holder: This process.
    """

    poll_seconds = 1.0

    def __init__(self, lakehouse: Location, holder: Holder) -> None:
        self._lakehouse = lakehouse
        self._files = S3Files(lakehouse.aws or Aws())
        self._path = str(lakehouse / LEASE_NAME)
        self._holder = holder
        self._tag: str | None = None
        self._tag_since = time.monotonic()
        self._puts = 0
        self._guard = threading.Lock()
        self._is_released = threading.Event()

    def take(self) -> bool:
        """See `Lock`."""
        asked = time.monotonic()
        content, tag = self._files.read_tagged(self._path) or (b"", None)
        if tag != self._tag:
            self._tag, self._tag_since = tag, time.monotonic()
        is_held = tag is not None and not _says_free(content)
        # Measured from before the request, because the answer may be as old as that.
        if is_held and asked - self._tag_since < LEASE_SECONDS:
            return False
        if not self._is_written():
            return False
        seconds = LEASE_SECONDS / RENEWALS_IN_A_LEASE
        arguments = (weakref.ref(self), self._is_released, seconds)
        threading.Thread(target=_renew, args=arguments, name="lease", daemon=True).start()
        return True

    def holder(self) -> Holder | None:
        """See `Lock`."""
        stored = self._files.read_tagged(self._path)
        return None if stored is None or _says_free(stored[0]) else Holder.from_json(stored[0])

    def confirm(self) -> None:
        """See `Lock`."""
        with self._guard:
            if self._is_written():
                return
        raise ConflictError(
            f"The lease of the lakehouse at {self._lakehouse} was lost to {self.holder() or 'another run'}: "
            f"{self._holder} did not renew it for {LEASE_SECONDS:g} seconds, and stores nothing more.",
            "Materialize again.",
            folder=str(self._lakehouse),
        )

    def release(self) -> None:
        """See `Lock`."""
        self._is_released.set()
        # A marker instead of a deletion, because not every store deletes conditionally. If the put fails, the lease
        # expires.
        with self._guard, suppress(StediError):
            self._files.write_tagged(self._path, self._holder.to_json(**{FREE: True}), self._tag)

    def _is_written(self) -> bool:
        """Takes or renews the object if its ETag has not changed, and returns whether this process has it now."""
        # The counter changes the content at each put: the same content would have the same ETag, and a renewal would
        # look like none.
        self._puts += 1
        content = self._holder.to_json(puts=self._puts)
        tag = self._files.write_tagged(self._path, content, self._tag)
        if tag is None:
            # boto3 repeats a put whose answer was lost, and the store refuses the repetition because the first put has
            # changed the object. The object has this put's content then.
            stored = self._files.read_tagged(self._path)
            tag = stored[1] if stored and stored[0] == content else None
        if tag is None:
            return False
        self._tag = tag
        return True


def _says_free(content: bytes) -> bool:
    return f'"{FREE}": true'.encode() in content


def _renew(lock: "weakref.ref[BucketLock]", is_released: threading.Event, seconds: float) -> None:
    # The weak reference ends the renewals of a lock that was dropped without being released.
    while not is_released.wait(seconds) and (held := lock()) is not None:
        # The next renewal may reach the store again. A lease that is lost fails the next commit, which confirms it.
        with suppress(StediError):
            held.confirm()
        del held
