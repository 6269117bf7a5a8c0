"""Uploads local landing files to a bucket, where runs read them."""

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING

from stedi_assets.contract import SOURCES, folders_in_words
from stedi_assets.errors import StediError
from stedi_assets.landing.files import LandingFile, list_landing_files
from stedi_assets.storage.aws import Aws
from stedi_assets.storage.location import Location
from stedi_assets.storage.refusals import refusals_explained
from stedi_assets.storage.s3 import split_path

if TYPE_CHECKING:
    from boto3.s3.transfer import S3Transfer

PART_BYTES = 16 << 20
"""The size of a part; a file of this size or more is sent in parts.

A store computes an object's ETag from the digests of its parts. An ETag is therefore predictable only while the size of
the parts stays the same."""

REQUESTS_AT_ONCE = 10
"""The number of connections that boto3 keeps open."""

Progress = Callable[[int], object]
"""A function that takes the number of bytes done since its last call: negative where boto3 sends some again."""


@dataclass(frozen=True)
class Delivery:
    """A landing file and its object in the bucket.

    Attributes:
        file: The local file.
        target: The object's path.
        etag: The ETag of the existing object; None where there is none, or its size is another.
    """

    file: LandingFile
    target: str
    etag: str | None


@dataclass(frozen=True)
class Uploaded:
    """The result of an upload.

    Attributes:
        uploaded: The paths of the written objects.
        skipped: How many files the bucket had already.
        bytes: The total size of the written objects.
        seconds: The duration of the upload.
    """

    uploaded: Sequence[str]
    skipped: int
    bytes: int
    seconds: float


def plan_upload(folder: Location, target: Location) -> list[Delivery]:
    """Returns a delivery for every landing file in a folder that a run would read.

    Args:
        folder: A local landing root, not necessarily with files of every source.
        target: The landing root in a bucket.

    Raises:
        StediError: There are no landing files, or the bucket cannot be listed.
    """
    deliveries: list[Delivery] = []
    for source in SOURCES.values():
        if not (folder / source.path).local_path.is_dir():
            continue
        raw_folder = target / source.path
        present = {file.path: file for file in raw_folder.files.walk(raw_folder.path)}
        for file in list_landing_files(folder, source).files:
            target_path = f"{raw_folder}/{file.name}"
            existing = present.get(target_path)
            etag = existing.modified if existing and existing.size == file.size else None
            deliveries.append(Delivery(file, target_path, etag))
    if not deliveries:
        raise StediError(
            f"There are no landing files in {folder}.",
            f"Give the folder that holds {folders_in_words()} with raw files.",
        )
    return deliveries


def upload_files(deliveries: Sequence[Delivery], aws: Aws, progress: Progress) -> Uploaded:
    """Uploads the files that a bucket does not have yet.

    A file is skipped where its object has the ETag that the upload would give it. An interrupted upload therefore
    continues with the first file that is not whole. Where a store computes ETags otherwise, such as with AWS KMS, every
    file is sent again.

    Args:
        deliveries: The deliveries of `plan_upload`, all to one bucket.
        aws: The settings and credentials.
        progress: Called with the bytes done, from several threads.

    Raises:
        StediError: A file cannot be read, or the store refuses it. The objects that were written before stay.
    """
    from boto3.s3.transfer import S3Transfer, TransferConfig, create_transfer_manager  # noqa: PLC0415

    started = time.perf_counter()
    configuration = TransferConfig(
        multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES, max_concurrency=REQUESTS_AT_ONCE
    )
    bucket, _ = split_path(deliveries[0].target)
    transfer = S3Transfer(manager=create_transfer_manager(aws.bucket(bucket).s3, configuration))
    with _cancelled_on_failure(ThreadPoolExecutor(max_workers=REQUESTS_AT_ONCE)) as pool, transfer:
        is_sent = list(pool.map(partial(_deliver, transfer, progress), deliveries))
    sent = list(compress(deliveries, is_sent))
    return Uploaded(
        uploaded=[delivery.target for delivery in sent],
        skipped=len(deliveries) - len(sent),
        bytes=sum(delivery.file.size for delivery in sent),
        seconds=time.perf_counter() - started,
    )


def object_etag(file: Path, size: int) -> str:
    """Computes the ETag that a store gives a file uploaded by this module.

    Returns:
        The MD5 of the content in hexadecimal. For a file that is sent in parts: the MD5 of the parts' MD5s, a hyphen,
        and the number of parts.
    """
    digests = []
    with file.open("rb") as content:
        while part := content.read(PART_BYTES):
            digests.append(hashlib.md5(part, usedforsecurity=False))
    if size < PART_BYTES:
        return digests[0].hexdigest() if digests else hashlib.md5(b"", usedforsecurity=False).hexdigest()
    whole = hashlib.md5(b"".join(digest.digest() for digest in digests), usedforsecurity=False)
    return f"{whole.hexdigest()}-{len(digests)}"


def _deliver(transfer: "S3Transfer", progress: Progress, delivery: Delivery) -> bool:
    """Uploads a file unless the bucket has it, and returns whether it was uploaded."""
    file = delivery.file
    bucket, key = split_path(delivery.target)
    try:
        if delivery.etag is not None and delivery.etag == object_etag(Path(file.path), file.size):
            progress(file.size)
            return False
        with refusals_explained(delivery.target, "s3:PutObject"), _refusals_of_transfer():
            transfer.upload_file(file.path, bucket, key, callback=progress)
    except OSError as error:
        raise StediError(f"The file {file.path} cannot be read: {error.strerror}.", "Make it readable.") from None
    return True


@contextmanager
def _refusals_of_transfer() -> Iterator[None]:
    """Raises the `ClientError` that a transfer of boto3 replaces by a text of its own."""
    from boto3.exceptions import S3UploadFailedError  # noqa: PLC0415

    try:
        yield
    except S3UploadFailedError as error:
        raise (error.__context__ or error) from None


@contextmanager
def _cancelled_on_failure(pool: ThreadPoolExecutor) -> Iterator[ThreadPoolExecutor]:
    # Otherwise an interrupted upload would still send all files in the queue.
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
