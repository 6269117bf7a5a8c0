"""The lock of a lakehouse in a bucket: an object that its holder renews, always by a conditional put.

No clock is compared with another machine's: whoever waits takes the object over when its ETag stayed the same for
`LEASE_SECONDS` of its own monotonic clock. A holder that was paused for so long finds out by its next put.
"""

import threading
import time
import weakref
from contextlib import suppress

from stedi_assets.errors import StediError
from stedi_assets.storage.aws import Aws
from stedi_assets.storage.holder import LEASE_NAME, Holder
from stedi_assets.storage.location import Location
from stedi_assets.storage.s3 import S3Files

LEASE_SECONDS = 60.0
"""How long a lease lasts that is not renewed."""

RENEWALS_IN_A_LEASE = 4
"""How often it is renewed in that time: a request may fail, and the next one comes in time."""

FREE = "is_free"


class BucketLock:
    """See `Lock`.

    Args:
        lakehouse: The root of the tables.
        holder: Who asks for the lock.
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
        # Since before the request: what it answers may be as old as that.
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
        raise StediError(
            f"The lease of the lakehouse at {self._lakehouse} was lost to {self.holder() or 'another run'}: "
            f"{self._holder} did not renew it for {LEASE_SECONDS:g} seconds, and stores nothing more.",
            "Materialize again.",
        )

    def release(self) -> None:
        """See `Lock`."""
        self._is_released.set()
        # A marker, for not every store deletes conditionally. Where it fails, the lease ends by itself.
        with self._guard, suppress(StediError):
            self._files.write_tagged(self._path, self._holder.to_json(**{FREE: True}), self._tag)

    def _is_written(self) -> bool:
        """Makes the object this holder's, or renews it, if it is as it was."""
        # Counted, because an equal content would have an equal ETag, and nobody would see that it was renewed.
        self._puts += 1
        content = self._holder.to_json(puts=self._puts)
        tag = self._files.write_tagged(self._path, content, self._tag)
        if tag is None:
            # A put whose answer was lost is sent again, and refused, for the object is no longer as it was: it is ours.
            stored = self._files.read_tagged(self._path)
            tag = stored[1] if stored and stored[0] == content else None
        if tag is None:
            return False
        self._tag = tag
        return True


def _says_free(content: bytes) -> bool:
    return f'"{FREE}": true'.encode() in content


def _renew(lock: "weakref.ref[BucketLock]", is_released: threading.Event, seconds: float) -> None:
    # A lock that nobody refers to any more was not released, and must end all the same.
    while not is_released.wait(seconds) and (held := lock()) is not None:
        # Where the store cannot be reached, the next renewal may; and whoever commits is told of what was lost.
        with suppress(StediError):
            held.confirm()
        del held
