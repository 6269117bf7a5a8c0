"""Putting local landing files into a bucket, from which a run then reads them."""

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from stedi_assets.contract import SOURCES
from stedi_assets.errors import StediError
from stedi_assets.landing.files import LandingFile, list_landing_files
from stedi_assets.storage.aws import Aws
from stedi_assets.storage.aws_errors import unreachable
from stedi_assets.storage.location import Location
from stedi_assets.storage.refusals import error_code, refusal
from stedi_assets.storage.s3 import split_path

if TYPE_CHECKING:
    from boto3.s3.transfer import S3Transfer

PART_BYTES = 16 << 20
"""A file of so many bytes or more is sent in parts of as many. A store makes the ETag of an object of the digests of
its parts, so that what an object's ETag would be can be told only where the size of the parts never changes."""

REQUESTS_AT_ONCE = 10
"""As many as boto3 keeps connections for."""

Progress = Callable[[int], object]
"""Is told how many bytes more are done; fewer than none where some are sent again."""


@dataclass(frozen=True)
class Delivery:
    """A landing file and the object that it becomes.

    Attributes:
        file: The local file.
        target: The object's path.
        etag: The ETag of the object that is there; None where there is none, or one of another size.
    """

    file: LandingFile
    target: str
    etag: str | None


@dataclass(frozen=True)
class Uploaded:
    """What an upload did.

    Attributes:
        uploaded: The paths of the objects that were written.
        skipped: How many files were in the bucket already.
        bytes: The size of those that were written.
        seconds: How long it took.
    """

    uploaded: Sequence[str]
    skipped: int
    bytes: int
    seconds: float


def plan_upload(folder: Location, target: Location) -> list[Delivery]:
    """Finds the landing files of a folder, and what the bucket has of them.

    Args:
        folder: A local landing root; it need not hold files of every source.
        target: The landing root in a bucket.

    Returns:
        A delivery for every file that a run would read.

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
            there = present.get(target_path)
            etag = there.modified if there and there.size == file.size else None
            deliveries.append(Delivery(file, target_path, etag))
    if not deliveries:
        paths = ", ".join(source.path for source in SOURCES.values())
        raise StediError(
            f"There are no landing files in {folder}.", f"Give the folder that holds {paths} with raw files."
        )
    return deliveries


def upload_files(deliveries: Sequence[Delivery], aws: Aws, progress: Progress) -> Uploaded:
    """Uploads the files that a bucket does not have yet.

    A file is skipped where its object has the ETag that the upload would give it; so an upload that broke off goes on
    where it stopped, with whole files. Where a store makes ETags otherwise, such as with keys of AWS's key management,
    every file is sent again.

    Args:
        deliveries: The files, as planned.
        aws: How the bucket is reached.
        progress: Is told the bytes that are done.

    Returns:
        What was done.

    Raises:
        StediError: A file cannot be read or the store refuses it. What was uploaded before stays.
    """
    from boto3.s3.transfer import S3Transfer, TransferConfig, create_transfer_manager  # noqa: PLC0415

    started = time.perf_counter()
    configuration = TransferConfig(
        multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES, max_concurrency=REQUESTS_AT_ONCE
    )
    # All of them go to one bucket.
    bucket, _ = split_path(deliveries[0].target)
    transfer = S3Transfer(manager=create_transfer_manager(aws.bucket(bucket).s3, configuration))
    with _cancelled_on_failure(ThreadPoolExecutor(max_workers=REQUESTS_AT_ONCE)) as pool, transfer:
        is_sent = list(pool.map(partial(_deliver, transfer, progress), deliveries))
    sent = [delivery for delivery, it_was in zip(deliveries, is_sent, strict=True) if it_was]
    return Uploaded(
        uploaded=[delivery.target for delivery in sent],
        skipped=len(deliveries) - len(sent),
        bytes=sum(delivery.file.size for delivery in sent),
        seconds=time.perf_counter() - started,
    )


def object_etag(file: Path, size: int) -> str:
    """Computes the ETag that a store gives a file uploaded by this module.

    Args:
        file: The file.
        size: Its bytes.

    Returns:
        The MD5 of the content, or, for a file that is sent in parts, the MD5 of the parts' MD5s with their number.
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
    """Uploads a file, unless the bucket has it; returns whether it was uploaded."""
    from boto3.exceptions import S3UploadFailedError  # noqa: PLC0415
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    file = delivery.file
    bucket, key = split_path(delivery.target)
    try:
        if delivery.etag is not None and delivery.etag == object_etag(Path(file.path), file.size):
            progress(file.size)
            return False
        transfer.upload_file(file.path, bucket, key, callback=progress)
    except S3UploadFailedError as error:
        # boto3 puts what the store said into a text, and keeps it beside.
        cause = error.__context__
        code = error_code(cause) if isinstance(cause, ClientError) else str(error)
        raise refusal(code, delivery.target, "s3:PutObject") from None
    except BotoCoreError as error:
        raise unreachable(error, delivery.target) from None
    except OSError as error:
        raise StediError(f"The file {file.path} cannot be read: {error.strerror}.", "Make it readable.") from None
    return True


@contextmanager
def _cancelled_on_failure(pool: ThreadPoolExecutor) -> Iterator[ThreadPoolExecutor]:
    # Otherwise an interrupted upload would go on with all files that are still waiting.
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
