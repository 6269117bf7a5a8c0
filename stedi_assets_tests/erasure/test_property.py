"""Erasing one of any customers leaves a lakehouse as one that was built without them."""

import gzip
import json
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stedi_assets.contract import SOURCES
from stedi_assets.defs.assets import TABLE_ASSETS
from stedi_assets.engines.engine import Engine
from stedi_assets.lakehouse.build import Builder
from stedi_assets.lakehouse.lakehouse import Lakehouse
from stedi_assets.lakehouse.land import land
from stedi_assets.privacy.pseudonyms import Pseudonyms
from stedi_assets.storage.location import Location
from stedi_assets_tests.support.engines import KEY
from stedi_assets_tests.support.erasing import erased
from stedi_assets_tests.support.grid import on_both_engines
from stedi_assets_tests.support.raw_files import SHAPES
from stedi_assets_tests.support.records import Record, customer

pytestmark = on_both_engines

EMAILS = (
    *("ada@example.com", "x/ada@example.com", "éada@example.com", "x!ada@example.com", "o'ada@example.com"),
    *("ada@example.com.au", "İda@example.com", "ÄDA@example.com", '"a da"@example.com', "a\\b@example.com"),
    *("email@user", "5@5", "{}@[]", "ſtraße@example.com"),
)
"""Each a part of another, or hidden by an escape, or equal to what is no name."""

SERIAL_NUMBERS = (
    "",
    " ",
    "5",
    "55",
    5,
    55,
    "-0",
    "1.0",
    "y",
    "serial",
    "SERIAL",
    'a"b',
    "ä\\",
    "ada@example.com",
    "user",
)

EXAMPLES_TO_ONE = 10
"""How many examples of another property cost as much as one here, which builds every table twice."""


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[str, list[Record], list[Record], list[Record]]:
    """Whom to erase, and records of customers, phones and devices."""
    emails = draw(st.lists(st.sampled_from(EMAILS), min_size=2, max_size=5, unique=True))
    customers = [
        customer("x", research=draw(st.sampled_from([None, 1])), email=email, serialNumber=serial_number)
        for email in emails
        for serial_number in draw(st.lists(st.sampled_from(SERIAL_NUMBERS), min_size=1, max_size=2))
    ]
    instants = st.integers(1, 4)
    phones = [
        {"user": draw(st.sampled_from(EMAILS)), "timestamp": draw(instants), "x": 0.5, "y": 5.0, "z": 1.5}
        for _ in range(draw(st.integers(1, 6)))
    ]
    devices = [
        {
            "sensorReadingTime": draw(instants),
            "serialNumber": draw(st.sampled_from(SERIAL_NUMBERS)),
            "distanceFromObject": 5,
        }
        for _ in range(draw(st.integers(1, 6)))
    ]
    return draw(st.sampled_from(emails)), customers, phones, devices


def without(
    email: str, customers: list[Record], phones: list[Record], devices: list[Record]
) -> tuple[list[Record], list[Record], list[Record]]:
    """The records that are left, by the rules as a reader of the documentation would apply them."""
    owners: dict[str, set[str]] = {}
    for record in customers:
        owners.setdefault(str(record["serialNumber"]), set()).add(record["email"])
    own = {serial_number for serial_number, emails in owners.items() if emails == {email}}
    shared = {serial_number for serial_number, emails in owners.items() if email in emails} - own
    # Somebody who does not consent keeps a shared serial number from having one owner.
    strangers = [customer("nobody", serialNumber=serial_number) for serial_number in sorted(shared)]
    return (
        [record for record in customers if record["email"] != email] + strangers,
        [record for record in phones if record["user"] != email],
        [record for record in devices if str(record["serialNumber"]) not in own],
    )


def built(folder: Path, engine: Engine, deliveries: Sequence[list[Record]], files: Sequence[Any]) -> Lakehouse:
    """Every table of some raw files."""
    for source, records, (shape, encoding, is_compressed, escapes) in zip(
        SOURCES.values(), deliveries, files, strict=True
    ):
        raw = folder / "landing" / source.path
        raw.mkdir(parents=True)
        texts = [json.dumps(record, ensure_ascii=escapes) for record in records]
        content = shape([text.encode() for text in texts]).decode().encode(encoding)
        (raw / "records").write_bytes(gzip.compress(content) if is_compressed else content)
        (raw / "always.json").write_bytes(b"")
    root, landing = Location(str(folder / "lakehouse")), Location(str(folder / "landing"))
    lakehouse = Lakehouse(root, landing, engine, pseudonyms=Pseudonyms(KEY))
    builder = Builder(lakehouse)
    sources = {source.landing: source for source in SOURCES.values()}
    for asset in TABLE_ASSETS:
        if asset.name in sources:
            land(builder, sources[asset.name], asset.query, {}, "a run", full_refresh=False)
        else:
            builder.build(asset.name, asset.query, (), "a run", full_refresh=False)
    return lakehouse


def rows(lakehouse: Lakehouse, table: str) -> Counter[str]:
    """A table's rows, without those of the customer who was made up to keep a serial number shared."""
    found = lakehouse.rows(f"SELECT * FROM {table}")
    return Counter(repr(sorted(row.items())) for row in found if row.get("email") != "nobody@example.com")


FILES = st.tuples(
    st.sampled_from(SHAPES), st.sampled_from(["utf-8", "utf-16", "utf-32-be"]), st.booleans(), st.booleans()
)


@settings(
    max_examples=max(settings.default.max_examples // EXAMPLES_TO_ONE, 1),  # type: ignore[union-attr]
    # An engine defines each table anew.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(delivered=deliveries(), files=st.tuples(FILES, FILES, FILES))
def test_everybody_elses_rows_are_those_of_a_build_without_the_customer(
    computing: Engine, delivered: tuple[str, list[Record], list[Record], list[Record]], files: Sequence[Any]
) -> None:
    email, *records = delivered
    with tempfile.TemporaryDirectory() as folder:
        lakehouse = built(Path(folder) / "erased", computing, records, files)
        certificate = erased(lakehouse, email)
        left = {asset.name: rows(lakehouse, asset.name) for asset in TABLE_ASSETS}
        with closing(built(Path(folder) / "fresh", computing, without(email, *records), files)) as fresh:
            assert left == {asset.name: rows(fresh, asset.name) for asset in TABLE_ASSETS}
        assert not certificate.still_named_in
