"""Erasing a customer: from the raw files, from every table and every version of it, and for good.

Tables are what the raw files hold. So the customer's records are taken out of the raw files first, the tables are built
again from those, and then every file goes that no current version needs. What knows the serial numbers goes last, and
a tombstone is written before it: wherever an erasure breaks off, the next one finds what is left and completes.
"""

import gzip
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import BinaryIO, cast

from stedi_assets.assets import TABLE_ASSETS
from stedi_assets.errors import StediError
from stedi_assets.lakehouse import Lakehouse
from stedi_assets.landing.files import LandingFile, list_landing_files
from stedi_assets.landing.redaction import Person, Redaction, copy_without, find_records
from stedi_assets.storage import delta
from stedi_assets.storage.s3 import S3Files
from stedi_assets.storage.tombstones import read_tombstones, write_tombstones
from stedi_assets.tables import SOURCES, TABLES, Source
from stedi_assets.tombstones import tombstone_hash
from stedi_assets.verification import files_that_name

READINGS_FIRST = ("step_trainer_files", "accelerometer_files", "customer_files")
"""The sources, the one that knows who has which serial number last."""

ADDRESS = re.compile(r'(?:"(?:[^"\\\x00-\x1f\x7f]|\\[^\x00-\x1f\x7f])*"|[^\s"@\x00-\x1f\x7f]+)@[^\s"@\x00-\x1f\x7f]+')
"""An addr-spec of RFC 5322 or more: letters beyond ASCII and characters that mail servers refuse are records' all the
same."""

SHORTEST_SERIAL_NUMBER = 6
"""Characters. A shorter text is in other customers' records by chance."""

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Customer:
    """A customer as the data knows them.

    Attributes:
        email: Theirs.
        serial_numbers: Those of their devices that no other customer's record carries.
        shared_serial_numbers: How many others their records carry: readings of those have no known owner, and stay.
    """

    email: str
    serial_numbers: tuple[str, ...]
    shared_serial_numbers: int

    @property
    def person(self) -> Person:
        """What names them."""
        return Person((self.email, *self.serial_numbers))


@dataclass
class Certificate:
    """What an erasure did.

    Attributes:
        customer: The keyed hash of the email.
        requested_by: Who asked.
        begun: When, in UTC.
        records_by_file: The records taken out of each raw file.
        rows_by_table: How many rows each table has less.
        files_deleted: How many files of old versions were deleted.
        object_versions_deleted: How many old versions of objects.
        object_versions_left: How many the bucket still keeps.
        shared_serial_numbers: How many serial numbers are others' too, and so were left.
        still_named_in: The files that name the customer still: none, where the erasure is complete.
    """

    customer: str
    requested_by: str
    begun: str
    records_by_file: dict[str, int] = field(default_factory=dict)
    rows_by_table: dict[str, int] = field(default_factory=dict)
    files_deleted: int = 0
    object_versions_deleted: int = 0
    object_versions_left: int = 0
    shared_serial_numbers: int = 0
    still_named_in: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The certificate as it is read."""
        removed = [
            *(f"{records} records out of {path}" for path, records in self.records_by_file.items()),
            *(f"{rows} rows out of {table}" for table, rows in self.rows_by_table.items() if rows),
        ]
        return "\n".join(
            [
                f"Erasure of the customer {self.customer}",
                f"requested by {self.requested_by}, begun {self.begun}",
                "Removed: " + ("; ".join(removed) or "nothing, it was gone already"),
                f"Files of old versions deleted: {self.files_deleted}",
                f"Serial numbers that other customers' records carry too, whose readings stay: "
                f"{self.shared_serial_numbers}",
                f"Old versions of objects deleted: {self.object_versions_deleted}; left: {self.object_versions_left}"
                + (" (--all-object-versions removes them)" if self.object_versions_left else ""),
                "Verified, byte for byte, in every file that is left: "
                + (", ".join(self.still_named_in) + " name the customer still" if self.still_named_in else "no name"),
            ]
        )

    @property
    def is_complete(self) -> bool:
        """Whether nothing names the customer any more."""
        return not self.still_named_in and not self.object_versions_left


def keyed_hash(lakehouse: Lakehouse, email: str) -> str:
    """Returns what an email is called where it must not be named.

    Args:
        lakehouse: Holds the key.
        email: The customer's.

    Raises:
        StediError: No key is set.
    """
    if not lakehouse.pseudonyms.is_linkable:
        raise StediError(
            "An erasure needs STEDI_PSEUDONYM_KEY: under that key it remembers who must stay out.",
            "Set it to 32 random bytes or more in hexadecimal, and keep it.",
        )
    return tombstone_hash(lakehouse.pseudonyms, email)


def find_customer(lakehouse: Lakehouse, email: str) -> Customer:
    """Finds out what names a customer.

    Args:
        lakehouse: The tables.
        email: The customer's; its case does not matter.

    Returns:
        The customer, with no serial number where no record of theirs is left.

    Raises:
        StediError: No key is set; the text is no address; no record and no tombstone has it; or a serial number of
            the customer is so short that others' records would be taken for theirs.
    """
    keyed_hash(lakehouse, email)
    if not ADDRESS.fullmatch(email):
        raise StediError(
            "This is not an email address: an erasure takes one address, without spaces around it.",
            "Give the address as the customer's record has it, such as ada@example.com.",
        )
    owners: dict[str, set[str]] = {}
    if delta.open_table(lakehouse.root / TABLES["customer_landing"].path):
        sql = "SELECT DISTINCT customer.email, customer.serialNumber FROM customer_landing AS customer"
        for row in lakehouse.rows(sql):
            owners.setdefault(row["serialNumber"], set()).add(row["email"].lower())
    theirs = {serial for serial, emails in owners.items() if email.lower() in emails}
    own = sorted(serial for serial in theirs if len(owners[serial]) == 1)
    if any(len(serial.strip()) < SHORTEST_SERIAL_NUMBER for serial in own):
        raise StediError(
            f"A serial number of this customer has fewer than {SHORTEST_SERIAL_NUMBER} characters: a search for it "
            "would find other customers' readings. Nothing was changed.",
            "Have the customer's record corrected at its source, and land it again.",
        )
    customer = Customer(email, tuple(own), len(theirs) - len(own))
    if not theirs and not was_erased(lakehouse, email) and not _is_named_in_raw_files(lakehouse, customer):
        raise StediError(
            "No record and no tombstone has this address. Nothing was changed.",
            "Check the address, STEDI_LANDING and STEDI_LAKEHOUSE.",
        )
    return customer


def _is_named_in_raw_files(lakehouse: Lakehouse, customer: Customer) -> bool:
    return any(_redaction(file, source, customer.person).records for source, file in _landing_files(lakehouse))


def find_email(lakehouse: Lakehouse, customer: str) -> str:
    """Finds the email that a keyed hash stands for.

    Args:
        lakehouse: The tables.
        customer: What `keyed_hash` returned.

    Raises:
        StediError: No customer in the tables has it.
    """
    emails = lakehouse.rows("SELECT DISTINCT customer.email FROM customer_landing AS customer")
    for row in emails:
        if tombstone_hash(lakehouse.pseudonyms, row["email"]) == customer:
            return str(row["email"])
    raise StediError(
        "No customer in customer_landing has this keyed hash.",
        "Ask for it with stedi erase EMAIL, under the same STEDI_PSEUDONYM_KEY.",
    )


def plan(lakehouse: Lakehouse, customer: Customer) -> dict[str, int]:
    """Counts what an erasure would take out of the raw files, and changes nothing.

    Args:
        lakehouse: The tables and the raw files.
        customer: Whose records.

    Returns:
        From the path of each raw file that names the customer to its records and broken stretches that do.
    """
    found = {}
    for source, file in _landing_files(lakehouse):
        redaction = _redaction(file, source, customer.person)
        if redaction.records:
            found[file.path] = redaction.records
    return found


def erase(
    lakehouse: Lakehouse,
    customer: Customer,
    requested_by: str,
    run_id: str,
    *,
    all_object_versions: bool = False,
    progress: Progress = lambda step: None,
) -> Certificate:
    """Erases a customer. No run may write the lakehouse meanwhile.

    Args:
        lakehouse: The tables and the raw files.
        customer: Whom; found before anything was erased.
        requested_by: Who asked, kept with the tombstones.
        run_id: The run, kept with the commits.
        all_object_versions: Whether a bucket with versioning is to forget old versions of objects.
        progress: Told each step before it begins.

    Returns:
        What was done, and whether anything names the customer still.

    Raises:
        StediError: Something that a user can put right. What was erased until then stays erased; erasing again
            completes.
    """
    begun = datetime.now(UTC).isoformat(timespec="seconds")
    certificate = Certificate(keyed_hash(lakehouse, customer.email), requested_by, begun)
    certificate.shared_serial_numbers = customer.shared_serial_numbers
    reason = {"requested_by": requested_by, "at": begun}
    _redact(lakehouse, customer.person, READINGS_FIRST[:-1], certificate, progress)
    progress("tombstones")
    write_tombstones(lakehouse.root, lakehouse.pseudonyms, customer.person.names, reason)
    _redact(lakehouse, customer.person, READINGS_FIRST[-1:], certificate, progress)
    _rebuild(lakehouse, run_id, certificate, progress)
    for table in lakehouse.folders():
        progress(f"vacuum {table}")
        certificate.files_deleted += len(delta.vacuum(lakehouse.root / table, timedelta(0)))
    progress("old versions of objects")
    _forget_object_versions(lakehouse, certificate, delete=all_object_versions)
    progress("verification")
    certificate.still_named_in = files_that_name(customer.person, [lakehouse.root, lakehouse.landing])
    return certificate


def was_erased(lakehouse: Lakehouse, email: str) -> bool:
    """Whether an erasure of a customer was begun before.

    Args:
        lakehouse: The tables.
        email: The customer's.
    """
    return email in read_tombstones(lakehouse.root, lakehouse.pseudonyms)


def _landing_files(lakehouse: Lakehouse) -> Iterator[tuple[Source, LandingFile]]:
    for name in READINGS_FIRST:
        for file in list_landing_files(lakehouse.landing, SOURCES[name]):
            yield SOURCES[name], file


def _redact(
    lakehouse: Lakehouse, person: Person, sources: Sequence[str], certificate: Certificate, progress: Progress
) -> None:
    for source, file in _landing_files(lakehouse):
        if source.name not in sources:
            continue
        with _seekable_where_named(file, person) as content:
            redaction = find_records(content, source.columns, person) if content else Redaction(0, [])
            if content is None or not redaction.records:
                continue
            progress(f"file {file.name}")
            with tempfile.TemporaryFile() as rewritten:
                _write_without(content, redaction, rewritten, is_compressed=file.is_compressed)
                rewritten.seek(0)
                lakehouse.landing.files.replace(file, cast("BinaryIO", rewritten))
            certificate.records_by_file[file.path] = redaction.records


def _redaction(file: LandingFile, source: Source, person: Person) -> Redaction:
    with _seekable_where_named(file, person) as content:
        return find_records(content, source.columns, person) if content else Redaction(0, [])


@contextmanager
def _seekable_where_named(file: LandingFile, person: Person) -> Iterator[BinaryIO | None]:
    """Gives a file's decompressed content, which can seek, if it may name the person at all."""
    with file.open() as content:
        is_candidate = person.may_be_named_in(content)
    if not is_candidate:
        yield None
        return
    with file.open() as content, tempfile.TemporaryFile() as copy:
        while block := content.read(1 << 22):
            copy.write(block)
        copy.seek(0)
        yield cast("BinaryIO", copy)


def _write_without(content: BinaryIO, redaction: Redaction, target: BinaryIO, *, is_compressed: bool) -> None:
    if not is_compressed:
        copy_without(content, redaction.removed, target)
        return
    with gzip.GzipFile(fileobj=target, mode="wb", mtime=0) as compressed:
        copy_without(content, redaction.removed, cast("BinaryIO", compressed))


def _rebuild(lakehouse: Lakehouse, run_id: str, certificate: Certificate, progress: Progress) -> None:
    sources = {source.landing: source for source in SOURCES.values()}
    for asset in TABLE_ASSETS:
        before = _row_counts(lakehouse, asset.name, sources)
        if before is None:
            continue
        progress(f"table {asset.name}")
        if asset.name in sources:
            lakehouse.land(sources[asset.name], asset.query, run_id, full_refresh=False)
        else:
            lakehouse.store(asset.name, asset.query, run_id)
        after = _row_counts(lakehouse, asset.name, sources) or {}
        certificate.rows_by_table |= {name: rows - after.get(name, 0) for name, rows in before.items()}


def _row_counts(lakehouse: Lakehouse, name: str, sources: dict[str, Source]) -> dict[str, int] | None:
    """Counts the rows of a table, and of its quarantine, by the log; None where the table does not exist."""
    names = [name, sources[name].quarantine] if name in sources else [name]
    found = {each: delta.open_table(lakehouse.root / TABLES[each].path) for each in names}
    if found[name] is None:
        return None
    return {each: sum(file.rows for file in delta.current_files(table)) for each, table in found.items() if table}


def _forget_object_versions(lakehouse: Lakehouse, certificate: Certificate, *, delete: bool) -> None:
    sources = [lakehouse.landing / source.path for source in SOURCES.values()]
    for folder in [*sources, *(lakehouse.root / table.path for table in TABLES.values())]:
        if not isinstance(folder.files, S3Files):
            continue
        versions = folder.files.old_versions(str(folder))
        if delete:
            folder.files.delete_versions(str(folder), versions)
            certificate.object_versions_deleted += len(versions)
        else:
            certificate.object_versions_left += len(versions)
