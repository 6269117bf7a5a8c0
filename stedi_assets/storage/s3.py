"""Files in a bucket: the operations of `Files`, and those that only a bucket has."""

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO

from stedi_assets.errors import GoneError
from stedi_assets.storage.aws import ATTEMPTS, Aws
from stedi_assets.storage.listing import IS_HIDDEN, Listing, StoredFile, is_hidden
from stedi_assets.storage.refusals import refusal, refusals_explained

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from botocore.paginate import PageIterator
    from botocore.response import StreamingBody
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ListObjectsV2OutputTypeDef, ObjectIdentifierTypeDef

DELETED_AT_ONCE = 1_000
"""The most objects that one request may delete."""

UNMET_CONDITIONS = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"})
"""A store's error codes for a conditional put of an object that has changed, is being changed, or is gone."""

ARCHIVES = frozenset({"GLACIER", "DEEP_ARCHIVE"})
"""The storage classes whose objects cannot be read before they are restored."""

IS_RESTORED = 'ongoing-request="false"'
"""In the Restore header of an archived object that can be read for some days."""


class S3Files:
    """Files in a bucket; see `Files`.

    Args:
        aws: The settings and credentials.
    """

    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    def _s3(self, bucket: str) -> "S3Client":
        return self._aws.bucket(bucket).s3

    def list(self, folder: str, root: str, after: str, *, follows_links: bool) -> Listing:
        """See `Files`; a bucket has no links."""
        del root, follows_links
        files: list[StoredFile] = []
        passed_over: dict[str, str] = {}
        for file, storage_class in self._entries(folder, after):
            name = file.path.removeprefix(f"{folder}/")
            # Consoles mark an empty folder by an object whose key ends with a slash.
            if not file.name or (is_hidden(name) and not file.size):
                continue
            if is_hidden(name):
                passed_over[name] = IS_HIDDEN
                continue
            if storage_class in ARCHIVES:
                self._refuse_archived(file)
            files.append(replace(file, name=name))
        return Listing(files, passed_over)

    def folders(self, folder: str) -> Sequence[str]:
        """See `Files`."""
        with refusals_explained(folder, "s3:ListBucket"):
            pages = self._pages(f"{folder}/", Delimiter="/")
            found = [common["Prefix"] for page in pages for common in page.get("CommonPrefixes", [])]
        return sorted(prefix.removesuffix("/").rpartition("/")[2] for prefix in found)

    def open(self, file: StoredFile) -> io.RawIOBase:
        """See `Files`."""
        return S3Object(self._aws, file)

    def walk(self, folder: str, *, follows_links: bool = False) -> Iterator[StoredFile]:
        """See `Files`; a bucket has no links."""
        del follows_links
        return (file for file, _ in self._entries(folder))

    def _pages(self, prefix: str, **options: Any) -> "PageIterator[ListObjectsV2OutputTypeDef]":
        bucket, key = split_path(prefix)
        return self._s3(bucket).get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key, **options)

    def _entries(self, folder: str, after: str = "") -> Iterator[tuple[StoredFile, str]]:
        """Yields the objects below a folder, those after a name in it, with their storage class."""
        bucket, key = split_path(f"{folder}/")
        # A bucket lists its keys in the order of their UTF-8 bytes, which is that of their code points.
        options = {"StartAfter": f"{key}{after}"} if after else {}
        with refusals_explained(folder, "s3:ListBucket"):
            for page in self._pages(f"{folder}/", **options):
                for entry in page.get("Contents", []):
                    path, name = f"s3://{bucket}/{entry['Key']}", entry["Key"].rpartition("/")[2]
                    file = StoredFile(path, name, entry["Size"], entry["ETag"].strip('"'))
                    yield file, entry.get("StorageClass", "STANDARD")

    def _refuse_archived(self, file: StoredFile) -> None:
        # Refused here, because an engine that reads an archived object does not say why it cannot.
        bucket, key = split_path(file.path)
        with refusals_explained(file.path, "s3:GetObject"):
            restored = self._s3(bucket).head_object(Bucket=bucket, Key=key).get("Restore", "")
        if IS_RESTORED not in restored:
            raise refusal("InvalidObjectState", file.path, "s3:GetObject")

    def replace(self, file: StoredFile, content: BinaryIO) -> None:
        """See `Files`."""
        bucket, key = split_path(file.path)
        with refusals_explained(file.path, "s3:PutObject"):
            self._s3(bucket).put_object(Bucket=bucket, Key=key, Body=content, IfMatch=file.modified)

    def write(self, path: str, content: bytes) -> None:
        """See `Files`."""
        bucket, key = split_path(path)
        with refusals_explained(path, "s3:PutObject"):
            self._s3(bucket).put_object(Bucket=bucket, Key=key, Body=content)

    def read(self, path: str) -> bytes | None:
        """See `Files`."""
        found = self.read_tagged(path)
        return found and found[0]

    def read_tagged(self, path: str) -> tuple[bytes, str] | None:
        """Returns the content and the ETag of a small object; None where it does not exist.

        Raises:
            StediError: The store refuses.
        """
        from botocore.exceptions import ClientError  # noqa: PLC0415

        bucket, key = split_path(path)
        with refusals_explained(path, "s3:GetObject"):
            try:
                answer = self._s3(bucket).get_object(Bucket=bucket, Key=key)
            except ClientError as error:
                if error.response["Error"]["Code"] != "NoSuchKey":
                    raise
                return None
            return answer["Body"].read(), answer["ETag"]

    def ask_for(self, path: str) -> None:
        """Requests the first byte of an object, to learn why the store refuses it.

        Raises:
            StediError: The store refuses.
        """
        bucket, key = split_path(path)
        with refusals_explained(path, "s3:GetObject"):
            self._s3(bucket).get_object(Bucket=bucket, Key=key, Range="bytes=0-0")["Body"].close()

    def write_tagged(self, path: str, content: bytes, tag: str | None) -> str | None:
        """Writes a small object by a conditional put.

        Args:
            path: The object's path.
            content: The new content.
            tag: The ETag that the object must have; None where it must not exist.

        Returns:
            The new ETag; None where the condition is not met, and nothing was written.

        Raises:
            StediError: The store refuses.
        """
        from botocore.exceptions import ClientError  # noqa: PLC0415

        bucket, key = split_path(path)
        condition: Any = {"IfNoneMatch": "*"} if tag is None else {"IfMatch": tag}
        with refusals_explained(path, "s3:PutObject"):
            try:
                return self._s3(bucket).put_object(Bucket=bucket, Key=key, Body=content, **condition)["ETag"]
            except ClientError as error:
                if error.response["Error"]["Code"] not in UNMET_CONDITIONS:
                    raise
                return None

    def old_versions(self, folder: str) -> Sequence[tuple[str, str]]:
        """Lists the versions that a bucket with versioning keeps of replaced and deleted objects below a folder.

        Returns:
            The key and the version ID of each; none where versioning is off.

        Raises:
            StediError: The store refuses.
        """
        bucket, prefix = split_path(f"{folder}/")
        with refusals_explained(folder, "s3:ListBucketVersions"):
            if not self._s3(bucket).get_bucket_versioning(Bucket=bucket).get("Status"):
                return []
            paginator = self._s3(bucket).get_paginator("list_object_versions")
            pages = paginator.paginate(Bucket=bucket, Prefix=prefix)
            found = [entry for page in pages for entry in (*page.get("Versions", []), *page.get("DeleteMarkers", []))]
        return [(entry["Key"], entry["VersionId"]) for entry in found if not entry["IsLatest"] or "Size" not in entry]

    def delete_versions(self, folder: str, versions: Sequence[tuple[str, str]]) -> None:
        """Deletes old versions of objects for good.

        Args:
            folder: Any folder of their bucket.
            versions: As `old_versions` lists them.

        Raises:
            StediError: The store refuses.
        """
        bucket, _ = split_path(folder)
        with refusals_explained(folder, "s3:DeleteObjectVersion"):
            for start in range(0, len(versions), DELETED_AT_ONCE):
                keys: list[ObjectIdentifierTypeDef] = [
                    {"Key": key, "VersionId": version} for key, version in versions[start : start + DELETED_AT_ONCE]
                ]
                self._delete(bucket, keys)

    def _delete(self, bucket: str, keys: "Sequence[ObjectIdentifierTypeDef]") -> None:
        answer = self._s3(bucket).delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True})
        for error in answer.get("Errors", []):
            raise refusal(error.get("Code", ""), f"s3://{bucket}/{error.get('Key')}", "s3:DeleteObject")

    def make_folder(self, folder: str) -> None:
        """See `Files`. Does nothing: a bucket has no folders, only keys with slashes."""

    def delete(self, folder: str, prefix: str) -> None:
        """See `Files`."""
        bucket, _ = split_path(folder)
        with refusals_explained(folder, "s3:DeleteObject"):
            for page in self._pages(f"{folder}/{prefix}", PaginationConfig={"PageSize": DELETED_AT_ONCE}):
                keys: list[ObjectIdentifierTypeDef] = [{"Key": entry["Key"]} for entry in page.get("Contents", [])]
                if keys:
                    self._delete(bucket, keys)

    def delete_files(self, folder: str, names: Iterable[str]) -> None:
        """See `Files`."""
        bucket, prefix = split_path(f"{folder}/")
        remaining = iter(names)
        with refusals_explained(folder, "s3:DeleteObject"):
            while some := list(islice(remaining, DELETED_AT_ONCE)):
                self._delete(bucket, [{"Key": f"{prefix}{name}"} for name in some])


class S3Object(io.RawIOBase):
    """The content of a listed object, read once from beginning to end.

    A read that fails is resumed at its offset. The object must still have its listed ETag then.

    Args:
        aws: The settings and credentials.
        file: The object as it was listed.

    Raises:
        StediError: The store refuses.
    """

    def __init__(self, aws: Aws, file: StoredFile) -> None:
        self._aws = aws
        self._file = file
        self._offset = 0
        self._body: StreamingBody | io.BytesIO = self._requested() if file.size else io.BytesIO()

    def readable(self) -> bool:
        """Returns True."""
        return True

    def close(self) -> None:
        """Closes the connection."""
        self._body.close()
        super().close()

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Reads the next bytes into a buffer.

        Returns:
            The number of bytes read; 0 at the end.

        Raises:
            StediError: The store stays unreachable, or the object has changed since it was listed.
        """
        from botocore.exceptions import BotoCoreError  # noqa: PLC0415

        if self._offset == self._file.size:
            return 0
        view = memoryview(buffer).cast("B")
        for _ in range(ATTEMPTS):
            try:
                # botocore's method fills a buffer. The stubs declare a file instead.
                size = self._body.readinto(view)  # type: ignore[arg-type]
            except BotoCoreError:
                self._body = self._requested()
                continue
            self._offset += size
            return size
        raise refusal("no whole answer", self._file.path, "s3:GetObject")

    def _requested(self) -> "StreamingBody":
        bucket, key = split_path(self._file.path)
        s3 = self._aws.bucket(bucket).s3
        wanted = f"bytes={self._offset}-"
        with refusals_explained(self._file.path, "s3:GetObject"):
            try:
                answer = s3.get_object(Bucket=bucket, Key=key, IfMatch=self._file.modified, Range=wanted)
            except s3.exceptions.NoSuchKey:
                raise GoneError(f"The file {self._file.path} was removed after it was listed.", "Try again.") from None
            return answer["Body"]


def split_path(path: str) -> tuple[str, str]:
    """Splits s3://bucket/key into the bucket and the key, which is empty for the bucket's root."""
    bucket, _, key = path.removeprefix("s3://").partition("/")
    return bucket, key
