"""Plans an erasure: the customer's records in each raw file, and warnings about anything unusual."""

import os
import re
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import BinaryIO, cast

from stedi_assets.contract import CUSTOMERS, EMAIL, SOURCES, TABLES, Identifier, Source, table_path
from stedi_assets.erasure.archived import archived_files
from stedi_assets.erasure.person import Person
from stedi_assets.erasure.redaction import COPIED_BYTES, Redaction, decoded_records, find_records
from stedi_assets.errors import StediError
from stedi_assets.lakehouse.lakehouse import Lakehouse
from stedi_assets.landing.files import LandingFile
from stedi_assets.landing.ledger import Ledger
from stedi_assets.privacy.tombstones import email_tombstone
from stedi_assets.salvage.content import Content
from stedi_assets.storage import delta
from stedi_assets.storage.tombstones import read_tombstones

CUSTOMERS_LAST = (*(source for source in SOURCES.values() if source != CUSTOMERS), CUSTOMERS)
"""The sources in the order of rewriting. The source of customers comes last: its records alone tell the identifiers by
which those of the other sources are found."""

IDENTIFYING = {column.name: column.identifies for column in CUSTOMERS.columns if column.identifies}
"""From each column by which a customer's record identifies the customer to the identifier."""

(CUSTOMER_EMAIL,) = (name for name, identifier in IDENTIFYING.items() if identifier == EMAIL)
"""The column of a customer's record with the email."""

ADDRESS = re.compile(r'(?:"(?:[^"\\\x00-\x1f\x7f]|\\[^\x00-\x1f\x7f])*"|[^\s"@\x00-\x1f\x7f]+)@[^\s"@\x00-\x1f\x7f]+')
"""An addr-spec of RFC 5322, or more: records also have letters beyond ASCII and characters that mail servers refuse."""

LARGEST_SHARE = 0.5
"""An erasure of a larger fraction of a source's records is unusual."""


@dataclass(frozen=True)
class Customer:
    """A customer, as the tables and the raw files know them.

    Attributes:
        person: The email and the other identifiers.
        spellings: The distinct emails of the customer's records, which differ in case; empty if no record is left.
    """

    person: Person
    spellings: frozenset[str]


@dataclass(frozen=True)
class ErasurePlan:
    """The records that an erasure would remove.

    Attributes:
        customer: The customer to erase.
        files: From each raw file that names the customer to its source and its redaction.
        unusual: Sentences that warn of an unusual erasure. `refuse_unusual` turns them into an error.
        not_seen: The paths of archived raw files. Their rows are erased; the files themselves are out of reach.
    """

    customer: Customer
    files: Mapping[LandingFile, tuple[Source, Redaction]]
    unusual: Sequence[str] = field(default_factory=list)
    not_seen: Sequence[str] = ()

    @property
    def records_by_file(self) -> dict[str, int]:
        """From the path of each raw file to the number of records, unreadable ones included, that name the customer."""
        return {file.path: redaction.records for file, (_, redaction) in self.files.items()}


def plan_erasure(lakehouse: Lakehouse, email: str) -> ErasurePlan:
    """Returns the plan of an erasure, and changes nothing.

    Args:
        lakehouse: The tables and the raw files.
        email: The customer's email, in any case.

    Raises:
        StediError: No key is set, the text is not an address, no record and no tombstone has the address, or a file
            cannot be read.
    """
    # Raises early where no key is set.
    customer_hash(lakehouse, email)
    if not email.isprintable() or not ADDRESS.fullmatch(email):
        raise StediError(
            "This is not an email address. An erasure takes one address, without spaces around it.",
            "Give the address as the customer's record has it, such as ada@example.com.",
        )
    not_seen = archived_files(lakehouse)
    customer = find_customer(lakehouse, email)
    files: dict[LandingFile, tuple[Source, Redaction]] = {}
    unusual = _unusual_spellings(customer)
    for source in CUSTOMERS_LAST:
        listed = _without_aliases(lakehouse.raw_files(source).files)
        found = {file: redaction for file in listed if (redaction := _redaction(file, source, customer.person)).records}
        files |= {file: (source, redaction) for file, redaction in found.items()}
        unusual += _unusual_share(source, listed, found, _ledger(lakehouse, source))
        unusual += [
            f"The compressed file {file.path} is damaged: what follows the damage is lost when the file is rewritten."
            for file, redaction in found.items()
            if redaction.is_damaged
        ]
    if not customer.spellings and not files and not was_erased(lakehouse, email):
        raise StediError(
            "No record and no tombstone has this address, so nothing was changed.",
            "Check the address, STEDI_LANDING and STEDI_LAKEHOUSE.",
        )
    return ErasurePlan(customer, files, unusual, not_seen)


def refuse_unusual(plan: ErasurePlan) -> None:
    """Refuses a plan with warnings.

    Raises:
        StediError: The plan has warnings; the message quotes them.
    """
    if plan.unusual:
        raise StediError(
            f"{' '.join(plan.unusual)} Nothing was changed.",
            "Look at the counts of stedi erase without --yes. If they are right, add --force.",
        )


def customer_hash(lakehouse: Lakehouse, email: str) -> str:
    """Returns the keyed hash of an email, which stands for the customer in certificates and in a run's configuration.

    Raises:
        StediError: No key is set.
    """
    if not lakehouse.pseudonyms.is_linkable:
        raise StediError(
            "An erasure needs STEDI_PSEUDONYM_KEY: a hash under this key keeps the customer out of later runs.",
            "Set it to 32 random bytes or more in hexadecimal, and keep it.",
        )
    return email_tombstone(lakehouse.pseudonyms, email)


def find_email(lakehouse: Lakehouse, customer: str) -> str:
    """Returns the email of which `customer_hash` is a given hash.

    Args:
        lakehouse: The tables.
        customer: The hash.

    Raises:
        StediError: No customer in the customers' landing table has it.
    """
    emails = lakehouse.rows(f"SELECT DISTINCT customer.{CUSTOMER_EMAIL} AS email FROM {CUSTOMERS.landing} AS customer")
    for row in emails:
        if email_tombstone(lakehouse.pseudonyms, row["email"]) == customer:
            return str(row["email"])
    raise StediError(
        f"No customer in {CUSTOMERS.landing} has this keyed hash.",
        "stedi erase EMAIL prints it, under the same STEDI_PSEUDONYM_KEY.",
    )


def find_customer(lakehouse: Lakehouse, email: str) -> Customer:
    """Returns a customer's identifiers, from the customers' landing table and from raw files that it does not cover.

    An identifier is shared if another customer's record has it, or if an erased customer shared it.

    Args:
        lakehouse: The tables and the raw files.
        email: The customer's email, in any case.

    Returns:
        The customer, without other identifiers than the email if none of their records is left.

    Raises:
        StediError: A raw file cannot be read.
    """
    owners: defaultdict[tuple[Identifier, str], set[str]] = defaultdict(set)
    spellings: set[str] = set()
    for owner, others in {*_stored_owners(lakehouse), *_owners_in_raw_files(lakehouse)}:
        for other in others:
            owners[other].add(owner.lower())
        if owner.lower() == email.lower():
            spellings.add(owner)
    tombstones = read_tombstones(lakehouse.root, lakehouse.pseudonyms)
    own: defaultdict[Identifier, list[str]] = defaultdict(list)
    shared: defaultdict[Identifier, list[str]] = defaultdict(list)
    for (identifier, value), emails in sorted(owners.items(), key=lambda item: item[0][1]):
        if email.lower() in emails:
            is_shared = len(emails) > 1 or tombstones.has_shared(value)
            (shared if is_shared else own)[identifier].append(value)
    return Customer(Person(email, own, shared), frozenset(spellings))


def was_erased(lakehouse: Lakehouse, email: str) -> bool:
    """Whether an earlier erasure wrote the customer's tombstone, completed or not."""
    return email_tombstone(lakehouse.pseudonyms, email) in read_tombstones(lakehouse.root, lakehouse.pseudonyms).hashes


@contextmanager
def seekable_copy(file: LandingFile) -> Iterator[tuple[BinaryIO, Content]]:
    """Copies a raw file, decompressed and in UTF-8, to a temporary file that can seek.

    Yields:
        The copy and the original content, which knows its compression and encoding. The copy has no name on disk, so
        nothing of it remains if the process is killed.
    """
    with file.open() as content, tempfile.TemporaryFile() as copy:
        while block := content.read(COPIED_BYTES):
            copy.write(block)
        copy.seek(0)
        yield cast("BinaryIO", copy), content


def _redaction(file: LandingFile, source: Source, person: Person) -> Redaction:
    with file.open() as content:
        if not person.may_be_in_content(content):
            return Redaction()
    with seekable_copy(file) as (copy, content):
        return replace(find_records(copy, source.columns, person), is_damaged=content.is_damaged)


Owner = tuple[str, tuple[tuple[Identifier, str], ...]]
"""The email of a customer's record, and its other identifiers."""


def _stored_owners(lakehouse: Lakehouse) -> Iterable[Owner]:
    if not delta.open_table(lakehouse.root / table_path(CUSTOMERS.landing)):
        return []
    columns = ", ".join(f"customer.{name}" for name in IDENTIFYING)
    rows = lakehouse.rows(f"SELECT DISTINCT {columns} FROM {CUSTOMERS.landing} AS customer")
    return [owner for row in rows for owner in _owner(row.items())]


def _owners_in_raw_files(lakehouse: Lakehouse) -> Iterator[Owner]:
    """Yields the owner of each record in the files of which the table does not hold every record."""
    ledger = _ledger(lakehouse, CUSTOMERS)
    for file in lakehouse.raw_files(CUSTOMERS).files:
        entry = ledger.get(file.name)
        if entry and (entry.size, entry.modified) == (file.size, file.modified) and not entry.quarantined:
            continue
        with file.open() as content:
            for record in decoded_records(content, CUSTOMERS.columns):
                yield from _owner(record)


def _owner(record: Iterable[tuple[str, object]]) -> Iterator[Owner]:
    """Yields the owner of a customer's record, if its email is a text."""
    named = {key.lower(): value for key, value in record if isinstance(value, str)}
    email = named.get(CUSTOMER_EMAIL.lower())
    if email is not None:
        others = ((kind, named.get(name.lower())) for name, kind in IDENTIFYING.items() if kind != EMAIL)
        yield email, tuple((kind, value) for kind, value in others if value is not None)


def _without_aliases(files: Sequence[LandingFile]) -> list[LandingFile]:
    """Returns one file for each target: a symbolic link and its target are rewritten once."""
    by_target = {file.path if file.path.startswith("s3://") else os.path.realpath(file.path): file for file in files}
    return list(by_target.values())


def _ledger(lakehouse: Lakehouse, source: Source) -> Ledger:
    if not delta.open_table(lakehouse.root / table_path(source.landing)):
        return {}
    return lakehouse.ledger(source.landing)


def count_rows(lakehouse: Lakehouse, person: Person) -> dict[str, int]:
    """Returns how many rows of each table name a person; the records in a quarantine are counted in the raw files.

    Returns:
        From each table with such rows to their number.

    Raises:
        StediError: A table cannot be read.
    """
    rows = {}
    for name, table in TABLES.items():
        naming = table.naming_columns
        if not naming or not delta.open_table(lakehouse.root / table_path(table.name)):
            continue
        columns = ", ".join(f"stored.{column}" for column in naming)
        grouped = lakehouse.rows(f"SELECT {columns}, count(*) AS found FROM {name} AS stored GROUP BY {columns}")
        named = (row["found"] for row in grouped if any(person.is_named_by(column, row[column]) for column in naming))
        rows[name] = sum(named)
    return {name: count for name, count in rows.items() if count}


def _unusual_spellings(customer: Customer) -> list[str]:
    if len(customer.spellings) <= 1:
        return []
    count = len(customer.spellings)
    return [f"Customer records spell the address in {count} ways, which may be different customers."]


def _unusual_share(
    source: Source, listed: Sequence[LandingFile], found: Mapping[LandingFile, Redaction], ledger: Ledger
) -> list[str]:
    if not found:
        return []
    counted = Counter(
        {file.name: entry.rows + entry.quarantined for file in listed if (entry := ledger.get(file.name))}
    )
    counted |= Counter({file.name: redaction.found for file, redaction in found.items()})
    records = sum(redaction.records for redaction in found.values())
    if records <= LARGEST_SHARE * counted.total():
        return []
    return [f"The customer has {records} of the {counted.total()} records of {source.path}."]
