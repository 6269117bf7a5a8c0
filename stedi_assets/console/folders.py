"""Lists the subfolders of a folder, on local disk or in a bucket."""

from collections.abc import Iterator

from stedi_assets.errors import StediError
from stedi_assets.storage.aws import Aws
from stedi_assets.storage.location import Location
from stedi_assets.storage.refusals import refusals_explained
from stedi_assets.storage.s3 import split_path


def folder_names(folder: Location) -> list[str]:
    """Returns the sorted names of the direct subfolders; none if the folder does not exist.

    Raises:
        StediError: The folder cannot be read.
    """
    return sorted(_in_bucket(folder.aws, folder.path) if folder.aws else _on_disk(folder))


def _on_disk(folder: Location) -> Iterator[str]:
    try:
        yield from (path.name for path in folder.local_path.iterdir() if path.is_dir())
    except FileNotFoundError:
        return
    except OSError as error:
        raise StediError(f"The folder {folder} cannot be read: {error.strerror}.", "Make it readable.") from None


def _in_bucket(aws: Aws, path: str) -> Iterator[str]:
    bucket, prefix = split_path(path)
    with refusals_explained(path, "s3:ListBucket"):
        pages = (
            aws.bucket(bucket)
            .s3.get_paginator("list_objects_v2")
            .paginate(Bucket=bucket, Prefix=f"{prefix}/", Delimiter="/")
        )
        for page in pages:
            for found in page.get("CommonPrefixes", []):
                yield found["Prefix"].removesuffix("/").rpartition("/")[2]
