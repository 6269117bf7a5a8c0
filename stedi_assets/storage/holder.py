"""The holder of a lease, as the lease's file or object names it."""

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
    """A process that holds a lease or asks for it.

    Attributes:
        name: The run or the command.
        host: The name of the process's machine.
        process: The process ID.
        since: The time at which the process asked for the lease, in ISO 8601 and UTC.
        token: A random value, which makes every holder unique.
    """

    name: str
    host: str
    process: int
    since: str
    token: str = field(default_factory=lambda: uuid.uuid4().hex)

    @classmethod
    def here(cls, name: str) -> Self:
        """Returns this process as a holder."""
        return cls(name, socket.gethostname(), os.getpid(), datetime.now(UTC).isoformat(timespec="seconds"))

    @classmethod
    def from_json(cls, content: bytes) -> Self | None:
        """Reads the holder from a lease's content; None where a process is just writing it."""
        with suppress(ValueError, TypeError, KeyError):
            stored = json.loads(content)
            return cls(**{name: stored[name] for name in cls.__dataclass_fields__})
        return None

    def to_json(self, **others: int | bool) -> bytes:
        """Returns the lease's content, with further values that are not about the holder."""
        return json.dumps({**asdict(self), **others}).encode()

    def __str__(self) -> str:
        return f"{self.name} (process {self.process} on {self.host}, since {self.since})"
