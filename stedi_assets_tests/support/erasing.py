"""An erasure, and the search for what it should have removed."""

import gzip
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePath

from stedi_assets.defs.assets import QUERIES
from stedi_assets.engines.engine import Engine
from stedi_assets.erasure.certificate import Certificate
from stedi_assets.erasure.erase import erase
from stedi_assets.erasure.plan import plan_erasure
from stedi_assets.lakehouse.lakehouse import Lakehouse
from stedi_assets.privacy.pseudonyms import Pseudonyms
from stedi_assets_tests.support.engines import KEY
from stedi_assets_tests.support.projects import Project

EMAIL = "ada@example.com"


SERIAL_NUMBER = "serial-ada"


def opened(project: Project, engine: Engine, key: bytes = KEY) -> Lakehouse:
    landing = type(project.location())  # The same kind of location for the raw files.
    root = project.location()
    return Lakehouse(
        landing(str(project.lakehouse), root.aws),
        landing(str(project.landing), root.aws),
        engine,
        pseudonyms=Pseudonyms(key),
    )


def erased(lakehouse: Lakehouse, email: str = EMAIL) -> Certificate:
    with closing(lakehouse):
        return erase(lakehouse, plan_erasure(lakehouse, email), QUERIES, "the data protection officer", "a run")


def all_bytes(folder: Path) -> Iterator[tuple[PurePath, bytes]]:
    for path, content in stored_bytes(folder):
        yield path, gzip.decompress(content) if path.name.endswith(".gz") else content


def stored_bytes(folder: Path) -> Iterator[tuple[PurePath, bytes]]:
    if isinstance(folder, Path):
        yield from ((path, path.read_bytes()) for path in folder.rglob("*") if path.is_file())
        return
    # One request an object, where a path of the bucket makes five.
    for stored in folder.client.s3.Bucket(folder.bucket).objects.filter(Prefix=f"{folder.key}/"):
        yield PurePath(stored.key), stored.get()["Body"].read()


def naming(project: Project) -> list[str]:
    """The files that name the customer, and the tables that do in any of their Parquet files."""
    import io

    import pyarrow.parquet as pq

    named = []
    for folder in (project.landing, project.lakehouse):
        for path, content in all_bytes(folder):
            text = content
            if path.name.endswith(".parquet"):
                text += str(pq.read_table(io.BytesIO(content)).to_pylist()).encode()
            if EMAIL.encode() in text or SERIAL_NUMBER.encode() in text:
                named.append(path.name)
    return named


@dataclass(frozen=True)
class Erased:
    """A project before and after an erasure."""

    before: Project
    after: Project
    certificate: Certificate
