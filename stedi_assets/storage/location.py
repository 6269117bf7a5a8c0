"""Locations: a folder, joined and validated."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import unquote, urlsplit


@dataclass(frozen=True)
class Location:
    """A folder.

    Attributes:
        path: Its absolute, normalized path.
    """

    path: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads a location as a user writes it.

        Args:
            text: A path, relative to the current folder or absolute, or a file:// URI.

        Returns:
            The location, absolute, with symbolic links resolved so that equal folders compare equal.

        Raises:
            ValueError: The text is empty, or names something other than a local folder.
        """
        if not text.strip():
            raise ValueError("it is empty; give a folder")
        scheme, _, rest = text.partition("://")
        if not rest:
            return cls(os.path.realpath(Path(text).expanduser()))
        uri = urlsplit(text)
        if scheme != "file" or uri.netloc not in ("", "localhost") or not uri.path:
            raise ValueError("it is neither a folder nor a file:///folder")
        return cls(os.path.realpath(unquote(uri.path)))

    def __truediv__(self, relative: str) -> Self:
        """Returns the location of a folder below this one."""
        return type(self)(f"{self.path.rstrip('/')}/{relative}")

    def __str__(self) -> str:
        return self.path

    @property
    def local_path(self) -> Path:
        """The folder as a path."""
        return Path(self.path)

    @property
    def uri(self) -> str:
        """The location as a URI."""
        return self.local_path.as_uri()

    def overlaps(self, other: Self) -> bool:
        """Whether the two folders are the same or one lies in the other."""
        return self.local_path.is_relative_to(other.local_path) or other.local_path.is_relative_to(self.local_path)
