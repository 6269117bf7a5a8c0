"""Locations: a folder on local disk or in a bucket, joined and validated."""

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
"""What deltalake takes for something else in a path: an escaped character, a separator of folders, or nothing."""

UNUSABLE_IN_BUCKET = re.compile(rf"{UNUSABLE.pattern}|[?#\[\]^|]|(?<=/)\.\.?(?=/|$)")
"""The same in a bucket: also where a query or a fragment of a URL begins, and what deltalake does not start with."""

ACCESS_POINT = "s3://arn:"

EXPRESS_BUCKET = re.compile(r"s3://[^/]+--x-s3(/|$)")


@dataclass(frozen=True)
class Location:
    """A folder on local disk or in a bucket.

    Attributes:
        path: Its absolute, normalized path, or `s3://bucket/prefix`.
        aws: How a bucket is reached.
        follows_links: Whether a link in it that leads out of it is followed, where raw files are listed.
    """

    path: str
    aws: Aws | None = field(default=None, repr=False, compare=False)
    follows_links: bool = field(default=False, repr=False, compare=False)

    @classmethod
    def parse(cls, text: str, aws: Aws | None = None) -> Self:
        """Reads a location as a user writes it.

        Args:
            text: A path, relative to the current folder or absolute, a file:// URI, or s3://bucket/prefix.
            aws: How a bucket is reached; by what the environment says where it is not given.

        Returns:
            The location; a path is absolute, with symbolic links resolved so that equal folders compare equal.

        Raises:
            ValueError: The text is empty, names neither a local folder nor a bucket, or a folder with a character that
                Delta tables cannot have in their path.
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
            # DuckDB and Spark are given what they need for every bucket that is known when they begin.
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
        """What lists, opens and deletes its files."""
        return S3Files(self.aws) if self.aws else LocalFiles()

    @property
    def delta_options(self) -> dict[str, str] | None:
        """What deltalake needs to reach it."""
        return self.aws.bucket(split_path(self.path)[0]).delta_options() if self.aws else None

    @property
    def local_path(self) -> Path:
        """The folder as a path, where it is local."""
        return Path(self.path)

    @property
    def uri(self) -> str:
        """The location as a URI."""
        return self.local_path.as_uri() if self.is_local else self.path

    def refuse_links(self) -> None:
        """Refuses a folder that a symbolic link leads to, for a library may see another folder there than this program.

        The root itself may be a link: `parse` resolves it.

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
        """Refuses a prefix of a bucket under which the libraries would not find the same tables.

        Raises:
            ValueError: It has a character or a step that they read in different ways.
        """
        if not self.is_local:
            _refuse(UNUSABLE_IN_BUCKET, self.path)

    def overlaps(self, other: Self) -> bool:
        """Whether the two folders are the same or one lies in the other."""
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
