"""Who holds the lease of a lakehouse, as the lease itself says."""

import json
import os
import socket
import uuid
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Self

LEASE_NAME = ".lease"
"""The name of the lease's file or object in the lakehouse."""


@dataclass(frozen=True)
class Holder:
    """A process that holds a lease, or asks for it.

    Attributes:
        name: The run or the command.
        host: Its machine.
        process: Its process id.
        since: When it asked for the lease, in UTC.
        token: Its own, and no other's.
    """

    name: str
    host: str
    process: int
    since: str
    token: str = field(default_factory=lambda: uuid.uuid4().hex)

    @classmethod
    def here(cls, name: str) -> Self:
        """Describes this process.

        Args:
            name: The run or the command.
        """
        return cls(name, socket.gethostname(), os.getpid(), datetime.now(UTC).isoformat(timespec="seconds"))

    @classmethod
    def from_json(cls, content: bytes) -> Self | None:
        """Reads who holds a lease.

        Args:
            content: What the lease holds.

        Returns:
            The holder; None where the content does not say, because somebody writes it just now.
        """
        with suppress(ValueError, TypeError, KeyError):
            stored = json.loads(content)
            return cls(**{name: stored[name] for name in cls.__dataclass_fields__})
        return None

    def to_json(self, **others: int | bool) -> bytes:
        """Returns what the lease holds.

        Args:
            others: What the lease says besides.
        """
        return json.dumps({**asdict(self), **others}).encode()

    def __str__(self) -> str:
        return f"{self.name} (process {self.process} on {self.host}, since {self.since})"
