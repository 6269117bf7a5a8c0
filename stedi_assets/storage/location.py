"""Locations: validated paths of folders on local disk or in a bucket."""

import os
import re
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Self
from urllib.parse import unquote, urlsplit

from stedi_assets.errors import StediError
from stedi_assets.storage.aws import Aws
from stedi_assets.storage.files import Files, LocalFiles
from stedi_assets.storage.s3 import S3Files, split_path

S3_SCHEME = "s3://"
S3_LOCATION = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[^/]+)*/*")

UNUSABLE = re.compile(r"%[0-9a-fA-F]{2}|[\\\x00-\x1f\x7f-\x9f]")
"""Parts of a path that deltalake misreads: it decodes %XX, splits at a backslash, and drops control characters."""

UNUSABLE_IN_BUCKET = re.compile(rf"{UNUSABLE.pattern}|[?#\[\]^|]|(?<=/)\.\.?(?=/|$)")
"""The same in a bucket, where ? and # begin a query and a fragment, and deltalake refuses the other characters."""

ACCESS_POINT = "s3://arn:"

EXPRESS_BUCKET = re.compile(r"s3://[^/]+--x-s3(/|$)")


@dataclass(frozen=True)
class Location:
    """A folder on local disk or in a bucket.

    Attributes:
        path: The absolute, normalized path, or `s3://bucket/prefix` without a slash at the end.
        aws: The settings and credentials for a bucket; None for local disk.
        follows_links: Whether a landing root may hold links that lead out of it.
    """

    path: str
    aws: Aws | None = field(default=None, repr=False, compare=False)
    follows_links: bool = field(default=False, repr=False, compare=False)

    @classmethod
    def parse(cls, text: str, aws: Aws | None = None) -> Self:
        """Parses a location as a user writes it. Symbolic links are resolved, so that equal folders compare equal.

        Args:
            text: A path, absolute or relative to the current folder, a file:// URI, or s3://bucket/prefix.
            aws: The settings and credentials for a bucket; by default those of the environment.

        Raises:
            ValueError: The text is empty, names neither a local folder nor a bucket, or has a character that the path
                of a Delta table cannot have. The message is a clause about the text.
        """
        if not text.strip():
            raise ValueError("it is empty; give a folder")
        scheme, _, rest = text.partition("://")
        if not rest:
            return cls(_usable(Path(text).expanduser()))
        if EXPRESS_BUCKET.match(text):
            raise ValueError("it is a directory bucket of S3 Express, which DuckDB does not read; use another bucket")
        if S3_LOCATION.fullmatch(text):
            path, access = text.rstrip("/"), aws or Aws()
            # Makes the bucket known to `aws`: DuckDB and Spark get credentials for all known buckets when they start.
            access.bucket(split_path(path)[0])
            return cls(path, access)
        if text.startswith(ACCESS_POINT):
            raise ValueError("it is the ARN of an access point, which only boto3 knows; use the access point's alias")
        uri = urlsplit(text)
        if scheme != "file" or uri.netloc not in ("", "localhost") or not uri.path:
            raise ValueError("it is neither a folder, nor file:///folder, nor s3://bucket/prefix")
        return cls(_usable(Path(unquote(uri.path))))

    def __truediv__(self, relative: str) -> Self:
        """Returns the location of a folder below this one."""
        return replace(self, path=f"{self.path.rstrip('/')}/{relative}")

    def __str__(self) -> str:
        return self.path

    @property
    def is_local(self) -> bool:
        """Whether it is a folder on local disk."""
        return not self.path.startswith(S3_SCHEME)

    @property
    def files(self) -> Files:
        """The operations on the files of this location."""
        return S3Files(self.aws) if self.aws else LocalFiles()

    @property
    def delta_options(self) -> dict[str, str] | None:
        """The storage options of deltalake; None for local disk."""
        return self.aws.bucket(split_path(self.path)[0]).delta_options() if self.aws else None

    @property
    def local_path(self) -> Path:
        """The path of a local folder."""
        return Path(self.path)

    @property
    def uri(self) -> str:
        """The location as a URI."""
        return self.local_path.as_uri() if self.is_local else self.path

    def refuse_links(self) -> None:
        """Refuses a folder that lies behind a symbolic link, which libraries may resolve differently from this program.

        The root itself may be a link, because `parse` resolves it.

        Raises:
            StediError: The folder, or one above it, is a link.
        """
        real = os.path.realpath(self.path) if self.is_local else self.path
        if real != self.path:
            raise StediError(
                f"The folder {self} is a symbolic link, or lies below one: it is {real}.",
                "Move the folder itself there, or set STEDI_LAKEHOUSE to the folder that has the tables.",
            )

    def refuse_unusable_for_tables(self) -> None:
        """Refuses a prefix of a bucket in which the libraries would not find the same tables.

        Raises:
            ValueError: The prefix has a character or a folder name that libraries read in different ways.
        """
        if not self.is_local:
            _refuse(UNUSABLE_IN_BUCKET, self.path)

    def overlaps(self, other: Self) -> bool:
        """Whether the two folders are the same, or one lies in the other."""
        mine, others = PurePosixPath(self.path), PurePosixPath(other.path)
        return mine.is_relative_to(others) or others.is_relative_to(mine)


def _usable(folder: Path) -> str:
    path = os.path.realpath(folder)
    _refuse(UNUSABLE, path)
    return path


def _refuse(unusable: re.Pattern[str], path: str) -> None:
    if found := unusable.search(path):
        raise ValueError(
            f"its path has {found[0]!r}, which Delta tables cannot have in theirs; rename the folder or choose another"
        )
