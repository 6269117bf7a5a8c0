"""Files in a bucket."""

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO

from stedi_assets.errors import GoneError, StediError
from stedi_assets.storage.aws import ATTEMPTS, Aws
from stedi_assets.storage.aws_errors import unreachable, untrusted
from stedi_assets.storage.listing import IS_HIDDEN, Listing, StoredFile, is_hidden

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from botocore.response import StreamingBody
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef

DELETED_AT_ONCE = 1_000
"""How many objects one request may delete."""

REFUSALS = {
    "NoSuchBucket": ("The bucket does not exist", "Create it, or correct STEDI_LANDING and STEDI_LAKEHOUSE"),
    "AccessDenied": ("Access was denied", "Allow the action, or use other credentials"),
    "InvalidAccessKeyId": ("The access key is not known", "Correct AWS_ACCESS_KEY_ID or AWS_PROFILE"),
    "SignatureDoesNotMatch": ("The secret key is wrong", "Correct AWS_SECRET_ACCESS_KEY or AWS_PROFILE"),
    "ExpiredToken": ("The session has expired", "Sign in again"),
    "PreconditionFailed": ("The file has changed since it was listed", "Materialize the asset again"),
    "403": ("Access was denied", "Allow the action, or use other credentials"),
    "404": ("It does not exist", "Correct STEDI_LANDING and STEDI_LAKEHOUSE"),
}
"""From a store's error code to what is wrong and what to do."""

UNMET_CONDITIONS = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"})
"""A store's error codes for a conditional put of an object that is not as it was, changes just now, or is gone."""

REQUEST = re.compile(r"performing (GET|HEAD|PUT|POST|DELETE) (\S+)")
ERROR_CODE = re.compile(r"<Code>(\w+)</Code>")
STATUS = re.compile(r"\b([45]\d\d) [A-Z]")

UNTRUSTED = "invalid peer certificate"

ACTIONS = {"GET": "s3:GetObject", "HEAD": "s3:GetObject", "DELETE": "s3:DeleteObject"}


def refusal(code: str, path: str, action: str) -> StediError:
    """Says why a store refused, naming the bucket and the action.

    Args:
        code: The store's error code, or the HTTP status.
        path: The bucket, folder or object.
        action: Which permission is needed, such as s3:ListBucket.
    """
    what, remedy = REFUSALS.get(code, (f"The store answered {code}", "Try again, or see the store's own log"))
    return StediError(f"{what}: {action} on {path}.", f"{remedy}.")


def refusal_told(text: str, path: str) -> StediError:
    """Says why a store refused deltalake, which passes on what the store said.

    Args:
        text: Its message.
        path: The table's folder.
    """
    if UNTRUSTED in text:
        return untrusted(path)
    request = REQUEST.search(text)
    code = ERROR_CODE.search(text) or STATUS.search(text)
    if request is None or code is None:
        what = text.splitlines()[0].removesuffix(".")
        return StediError(f"The store of {path} could not be reached: {what}.", "Check the network, and try again.")
    method, target = request.groups()
    action = "s3:ListBucket" if "list-type" in target else ACTIONS.get(method, "s3:PutObject")
    return refusal(code[1], path, action)


class S3Files:
    """Files in a bucket; see `Files`.

    Args:
        aws: How the bucket is reached.
    """

    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    def _s3(self, bucket: str) -> "S3Client":
        return self._aws.bucket(bucket).s3

    def list(self, folder: str, root: str, limit: int | None = None, *, follows_links: bool = False) -> Listing:
        """See `Files`; a bucket has no links."""
        del root, follows_links
        files: list[StoredFile] = []
        passed_over: dict[str, str] = {}
        for file in self.walk(folder):
            name = file.path.removeprefix(f"{folder.rstrip('/')}/")
            # A key that ends with a slash stands for a folder.
            if not file.name or (is_hidden(name) and not file.size):
                continue
            if is_hidden(name):
                passed_over[name] = IS_HIDDEN
                continue
            if len(files) == limit:
                return Listing(files, passed_over, is_cut=True)
            files.append(replace(file, name=name))
        return Listing(files, passed_over)

    def open(self, file: StoredFile) -> io.RawIOBase:
        """See `Files`."""
        return S3Object(self._aws, file)

    def walk(self, folder: str, *, follows_links: bool = False) -> Iterator[StoredFile]:
        """See `Files`; a bucket has no links."""
        del follows_links
        bucket, prefix = split_path(folder)
        with refusals_explained(folder, "s3:ListBucket"):
            pages = (
                self._s3(bucket)
                .get_paginator("list_objects_v2")
                .paginate(Bucket=bucket, Prefix=f"{prefix}/".lstrip("/"))
            )
            for page in pages:
                for entry in page.get("Contents", []):
                    path, name = f"s3://{bucket}/{entry['Key']}", entry["Key"].rpartition("/")[2]
                    yield StoredFile(path, name, entry["Size"], entry["ETag"].strip('"'))

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

    def read_tagged(self, path: str) -> tuple[bytes, str] | None:
        """Reads a small object.

        Args:
            path: Its whole path.

        Returns:
            Its content and its ETag; None where it does not exist.

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

    def write_tagged(self, path: str, content: bytes, tag: str | None) -> str | None:
        """Writes a small object if it is still as it was.

        Args:
            path: Its whole path.
            content: All of it.
            tag: The ETag that it has; None where it must not exist.

        Returns:
            Its new ETag; None where it is no longer as it was, and nothing was written.

        Raises:
            StediError: The store refuses.
        """
        from botocore.exceptions import ClientError  # noqa: PLC0415

        bucket, key = split_path(path)
        with refusals_explained(path, "s3:PutObject"):
            try:
                if tag is None:
                    return self._s3(bucket).put_object(Bucket=bucket, Key=key, Body=content, IfNoneMatch="*")["ETag"]
                return self._s3(bucket).put_object(Bucket=bucket, Key=key, Body=content, IfMatch=tag)["ETag"]
            except ClientError as error:
                if error.response["Error"]["Code"] not in UNMET_CONDITIONS:
                    raise
                return None

    def old_versions(self, folder: str) -> Sequence[tuple[str, str]]:
        """Finds what a bucket with versioning keeps of objects that were replaced or deleted.

        Args:
            folder: Its path.

        Returns:
            The key and the version of each; none where versioning is off.

        Raises:
            StediError: The store refuses.
        """
        bucket, prefix = split_path(folder)
        with refusals_explained(folder, "s3:ListBucketVersions"):
            if not self._s3(bucket).get_bucket_versioning(Bucket=bucket).get("Status"):
                return []
            pages = (
                self._s3(bucket)
                .get_paginator("list_object_versions")
                .paginate(Bucket=bucket, Prefix=f"{prefix}/".lstrip("/"))
            )
            found = [entry for page in pages for entry in (*page.get("Versions", []), *page.get("DeleteMarkers", []))]
        return [(entry["Key"], entry["VersionId"]) for entry in found if not entry["IsLatest"] or "Size" not in entry]

    def delete_versions(self, folder: str, versions: Sequence[tuple[str, str]]) -> None:
        """Deletes old versions of objects for good.

        Args:
            folder: A folder of the bucket.
            versions: As `old_versions` found them.

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
        """See `Files`; a bucket has no folders that could be made."""

    def delete(self, folder: str, prefix: str) -> None:
        """See `Files`."""
        bucket, parent = split_path(folder)
        with refusals_explained(folder, "s3:DeleteObject"):
            pages = (
                self._s3(bucket)
                .get_paginator("list_objects_v2")
                .paginate(
                    Bucket=bucket,
                    Prefix=f"{parent}/{prefix}".lstrip("/"),
                    PaginationConfig={"PageSize": DELETED_AT_ONCE},
                )
            )
            for page in pages:
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
    """An object's content, read once from its beginning to its end; a connection that breaks is taken up again."""

    def __init__(self, aws: Aws, file: StoredFile) -> None:
        """Opens the object.

        Args:
            aws: How the bucket is reached.
            file: The object as it was listed.

        Raises:
            StediError: The store refuses.
        """
        self._aws = aws
        self._file = file
        self._position = 0
        self._body: StreamingBody | io.BytesIO = self._requested() if file.size else io.BytesIO()

    def readable(self) -> bool:
        """Returns True."""
        return True

    def close(self) -> None:
        """Closes the connection."""
        self._body.close()
        super().close()

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Reads into a buffer.

        Args:
            buffer: Filled as far as content is at hand.

        Returns:
            The bytes read; 0 at the end.

        Raises:
            StediError: The store is gone for long, or the object has changed meanwhile.
        """
        from botocore.exceptions import BotoCoreError  # noqa: PLC0415

        if self._position == self._file.size:
            return 0
        view = memoryview(buffer).cast("B")
        for _ in range(ATTEMPTS):
            try:
                # The stubs ask for a file, where botocore itself fills a buffer.
                size = self._body.readinto(view)  # type: ignore[arg-type]
            except BotoCoreError:
                self._body = self._requested()
                continue
            self._position += size
            return size
        raise refusal("no whole answer", self._file.path, "s3:GetObject")

    def _requested(self) -> "StreamingBody":
        bucket, key = split_path(self._file.path)
        s3 = self._aws.bucket(bucket).s3
        wanted = f"bytes={self._position}-"
        with refusals_explained(self._file.path, "s3:GetObject"):
            try:
                answer = s3.get_object(Bucket=bucket, Key=key, IfMatch=self._file.modified, Range=wanted)
            except s3.exceptions.NoSuchKey:
                raise GoneError(f"The file {self._file.path} is gone since it was listed.", "Try again.") from None
            return answer["Body"]


@contextmanager
def refusals_explained(path: str, action: str) -> Iterator[None]:
    """Explains why a store refuses what the block asks of it.

    Args:
        path: The bucket, folder or object.
        action: Which permission is needed, such as s3:ListBucket.

    Raises:
        StediError: The store refuses, or cannot be reached.
    """
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    try:
        yield
    except ClientError as error:
        raise refusal(error.response["Error"]["Code"], path, action) from None
    except BotoCoreError as error:
        raise unreachable(error, path) from None


def split_path(path: str) -> tuple[str, str]:
    """Returns the bucket and the key of a path.

    Args:
        path: s3://bucket/key.
    """
    bucket, _, key = path.removeprefix("s3://").partition("/")
    return bucket, key
