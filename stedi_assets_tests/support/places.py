"""Where a test keeps its files: a folder on local disk or in a bucket."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from stedi_assets.storage.aws import Aws
from stedi_assets.storage.location import Location


@dataclass(frozen=True)
class Place:
    """A folder of a test's own, on local disk or in a bucket.

    Attributes:
        root: The folder. In a bucket it is an `S3Path`, which offers what a `Path` does.
        aws: How the bucket is reached.
        variables: The environment variables that say so.
        copy_bucket: Copies a bucket into another by their names, where the server can.
    """

    root: Path
    aws: Aws
    variables: Mapping[str, str]
    copy_bucket: Callable[[str, str], None] | None = field(default=None, compare=False)

    def __truediv__(self, name: str) -> "Place":
        """A folder of this one."""
        return replace(self, root=self.root / name)

    def copy_to(self, other: "Place") -> None:
        """Copies everything to another place of the same kind, where a raw file counts as the same file."""
        if isinstance(self.root, Path):
            shutil.copytree(self.root, other.root, dirs_exist_ok=True)
            return
        bucket, copy = (str(root).removeprefix("s3://") for root in (self.root, other.root))
        if self.copy_bucket:
            self.copy_bucket(bucket, copy)
            return
        listed = self.aws.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        for key in [entry["Key"] for page in listed for entry in page.get("Contents", [])]:
            self.aws.s3.copy_object(Bucket=copy, Key=key, CopySource={"Bucket": bucket, "Key": key})

    def location(self, path: str) -> Location:
        """A folder of this one, as the program knows it."""
        return Location.parse(str(self.root), self.aws) / path


NewPlace = Callable[[str, Path], Place]
"""Makes a place with nothing in it, of a kind, given an empty local folder."""
