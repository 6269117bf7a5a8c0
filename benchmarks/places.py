"""Where landing files and lakehouses are kept while runs are measured: folders on local disk, or buckets."""

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.bench_peers import make_empty

if TYPE_CHECKING:
    from stedi_assets_tests.support.servers import Versitygw

IN_BUCKET = "root"
"""The prefix of all objects in a bucket."""


class Places:
    """Folders on local disk, by name.

    Args:
        folder: An existing folder for them.

    Attributes:
        environment: The variables by which a command reaches them.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.environment: Mapping[str, str] = {}

    def location(self, name: str) -> str:
        """Returns a place as the settings of this project name it."""
        return str(self.folder(name))

    def folder(self, name: str) -> Path:
        """Returns the folder on this machine that holds the files of a place."""
        return self._folder / name

    def clear(self, name: str) -> None:
        """Makes a place empty, and creates it if need be."""
        make_empty(self.folder(name))

    def copy(self, name: str, copy: str) -> None:
        """Makes a place a copy of another, with the times of its files."""
        self.clear(copy)
        shutil.copytree(self.folder(name), self.folder(copy), dirs_exist_ok=True)

    def put(self, name: str, files: Mapping[str, Path]) -> None:
        """Adds raw files to a place, from the path below it to the file. No command may write to them."""
        for path, file in files.items():
            target = self.folder(name) / path
            target.parent.mkdir(parents=True, exist_ok=True)
            # A link has the time of its file, and so counts as the same delivery in every landing root.
            os.link(file, target)

    def remove(self, name: str, paths: Iterable[str]) -> None:
        """Removes raw files from a place, by their paths below it."""
        for path in paths:
            (self.folder(name) / path).unlink()

    def sizes(self, name: str) -> dict[str, tuple[int, int]]:
        """Returns the size and the time of every file of a place, by its path."""
        files = [path for path in self.folder(name).rglob("*") if path.is_file()]
        return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in files}


class Buckets(Places):
    """Buckets on versitygw, by name.

    Args:
        server: The server.
        client: A client of boto3.
    """

    def __init__(self, server: "Versitygw", client: Any) -> None:
        # The server keeps each bucket in a folder, and each object in a file with the object's bytes.
        super().__init__(server.stores[0])
        self._server = server
        self._client = client
        self.environment = {
            "AWS_ACCESS_KEY_ID": server.access_key_id,
            "AWS_SECRET_ACCESS_KEY": server.secret_access_key,
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": server.endpoint,
        }

    def location(self, name: str) -> str:
        """See `Places`."""
        return f"s3://{name}/{IN_BUCKET}"

    def folder(self, name: str) -> Path:
        """See `Places`."""
        return super().folder(name) / IN_BUCKET

    def clear(self, name: str) -> None:
        """See `Places`."""
        for store in self._server.stores:
            shutil.rmtree(store / name, ignore_errors=True)
        self._client.create_bucket(Bucket=name)

    def copy(self, name: str, copy: str) -> None:
        """See `Places`."""
        self.clear(copy)
        self._server.copy_bucket(name, copy)

    def put(self, name: str, files: Mapping[str, Path]) -> None:
        """See `Places`."""
        for path, file in files.items():
            self._client.upload_file(str(file), name, f"{IN_BUCKET}/{path}")

    def remove(self, name: str, paths: Iterable[str]) -> None:
        """See `Places`."""
        for path in paths:
            self._client.delete_object(Bucket=name, Key=f"{IN_BUCKET}/{path}")


@contextmanager
def opened_places(kind: str, folder: Path) -> Iterator[Places]:
    """Yields places with nothing in them.

    Args:
        kind: disk, or bucket for a server that runs until the end of the block.
        folder: An empty folder.
    """
    if kind == "disk":
        yield Places(folder)
        return
    # Only the extras of `make test-buckets` have these.
    import boto3

    from stedi_assets_tests.support.servers import versitygw

    with versitygw(folder) as server:
        client = boto3.client(
            "s3",
            endpoint_url=server.endpoint,
            region_name="us-east-1",
            aws_access_key_id=server.access_key_id,
            aws_secret_access_key=server.secret_access_key,
        )
        yield Buckets(server, client)
