"""Erases a customer, in an order that an interrupted erasure can resume.

The steps: remove the customer's records from the raw files, rebuild the tables from those files, delete every file that
only old table versions need, and verify. The customers' own files, which alone lead to the records of other sources,
are rewritten last, after the tombstones are written. Wherever an erasure is interrupted, the next one finds the rest
and completes it.
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import BinaryIO, cast

from stedi_assets.contract import CUSTOMERS, SOURCES, TABLES, Source, table_path
from stedi_assets.erasure.archived import erase_archived
from stedi_assets.erasure.certificate import Certificate
from stedi_assets.erasure.person import Person
from stedi_assets.erasure.plan import CUSTOMER_EMAIL, CUSTOMERS_LAST, ErasurePlan, customer_hash, seekable_copy
from stedi_assets.erasure.redaction import write_without
from stedi_assets.erasure.verification import is_named_in_log, verify
from stedi_assets.lakehouse.build import Builder
from stedi_assets.lakehouse.folders import table_folders
from stedi_assets.lakehouse.lakehouse import Lakehouse
from stedi_assets.lakehouse.land import land
from stedi_assets.privacy.pseudonyms import FUNCTION, has_one_of
from stedi_assets.privacy.tombstones import email_tombstone, other_tombstone, shared_tombstones
from stedi_assets.query import Query
from stedi_assets.storage import delta
from stedi_assets.storage.location import Location
from stedi_assets.storage.s3 import S3Files
from stedi_assets.storage.tombstones import write_tombstones
from stedi_assets.storage.vacuum import vacuum

OnStep = Callable[[str], None]
"""Called with the name of a step before the step begins."""


def erase(
    lakehouse: Lakehouse,
    plan: ErasurePlan,
    queries: Mapping[str, Query],
    requested_by: str,
    run_id: str,
    *,
    all_object_versions: bool = False,
    progress: OnStep = lambda step: None,
) -> Certificate:
    """Erases a customer and verifies the erasure. Other runs wait until the lakehouse is closed.

    Args:
        lakehouse: The tables and the raw files.
        plan: What to remove; made before anything was erased.
        queries: From each table to the query that rebuilds it, inputs before the tables that read them.
        requested_by: Who asked for the erasure; stored with the tombstones.
        run_id: The run; stored with the commits.
        all_object_versions: Whether to delete noncurrent versions of objects from a bucket with versioning.
        progress: Called with the name of each step before the step begins.

    Returns:
        What was removed, and whether any file still names the customer.

    Raises:
        StediError: A step failed in a way that a user can correct. Everything erased so far stays erased; another
            erasure completes the rest.
    """
    lakehouse.hold(f"run {run_id}")
    # Raises before anything is erased: a table that cannot be vacuumed at the end would keep the customer.
    table_folders(lakehouse.root)
    person = plan.customer.person
    begun = datetime.now(UTC).isoformat(timespec="seconds")
    certificate = Certificate(customer_hash(lakehouse, person.email), requested_by, begun)
    certificate.shared_identifiers = len(person.shared_others)
    certificate.not_seen = list(plan.not_seen)
    value_hashes = _value_hashes(lakehouse, plan)
    _redact(lakehouse, plan, CUSTOMERS_LAST[:-1], certificate, progress)
    progress("tombstones")
    _write_tombstones(lakehouse, person, {"requested_by": requested_by, "at": begun})
    _redact(lakehouse, plan, CUSTOMERS_LAST[-1:], certificate, progress)
    _rebuild(lakehouse, queries, plan, run_id, certificate, progress)
    for table in table_folders(lakehouse.root):
        progress(f"vacuum {table}")
        lakehouse.hold(f"run {run_id}")
        certificate.files_deleted += _delete_old_versions(lakehouse.root / table, person)
    progress("old versions of objects")
    _handle_object_versions(lakehouse, certificate, delete=all_object_versions)
    progress("verification")
    certificate.may_be_theirs = _count_shared_values(lakehouse, value_hashes)
    verify(lakehouse, person, certificate)
    return certificate


def _write_tombstones(lakehouse: Lakehouse, person: Person, reason: Mapping[str, str]) -> None:
    pseudonyms = lakehouse.pseudonyms
    hashes = [
        email_tombstone(pseudonyms, person.email),
        *(
            other_tombstone(pseudonyms, identifier, value)
            for identifier, values in person.others.items()
            for value in values
        ),
        *(hashed for value in person.shared_others for hashed in shared_tombstones(pseudonyms, value)),
    ]
    write_tombstones(lakehouse.root, pseudonyms, hashes, dict(reason))


def _redact(
    lakehouse: Lakehouse, plan: ErasurePlan, sources: Sequence[Source], certificate: Certificate, progress: OnStep
) -> None:
    for file, (source, redaction) in plan.files.items():
        if source not in sources:
            continue
        progress(f"file {file.name}")
        with seekable_copy(file) as (copy, content), tempfile.TemporaryFile() as rewritten:
            write_without(copy, redaction.removed_ranges, content, cast("BinaryIO", rewritten))
            rewritten.seek(0)
            lakehouse.landing.files.replace(file, cast("BinaryIO", rewritten))
        certificate.records_by_file[file.path] = redaction.records


def _rebuild(
    lakehouse: Lakehouse,
    queries: Mapping[str, Query],
    plan: ErasurePlan,
    run_id: str,
    certificate: Certificate,
    progress: OnStep,
) -> None:
    sources = {source.landing: source for source in SOURCES.values()}
    builder = Builder(lakehouse)
    for table, query in queries.items():
        before = _row_counts(lakehouse, table, sources)
        if before is None:
            continue
        progress(f"table {table}")
        if table in sources:
            land(builder, sources[table], query, {}, run_id, full_refresh=False)
            if plan.not_seen:
                erase_archived(builder, sources[table], plan.customer.person, run_id)
        else:
            # All of it, and without an audit: an erasure ends whatever the checks find, and the next run tells.
            builder.build(table, query, (), run_id, full_refresh=True)
        after = _row_counts(lakehouse, table, sources) or {}
        certificate.rows_by_table |= {name: rows - after.get(name, 0) for name, rows in before.items()}


def _delete_old_versions(table: Location, person: Person) -> int:
    """Deletes what only old versions of a table need, and returns how many files those were."""
    if is_named_in_log(table, person) and (current := delta.open_table(table)):
        # The vacuum then deletes the log's earlier files.
        delta.write_checkpoint(table, current)
    return len(vacuum(table, timedelta(0)))


def _row_counts(lakehouse: Lakehouse, name: str, sources: Mapping[str, Source]) -> dict[str, int] | None:
    """Returns the rows of a table, and of its quarantine, by their logs; None where the table does not exist."""
    names = [name, sources[name].quarantine] if name in sources else [name]
    found = {each: delta.open_table(lakehouse.root / table_path(each)) for each in names}
    if found[name] is None:
        return None
    return {each: sum(file.rows for file in delta.current_files(table)) for each, table in found.items() if table}


def _value_hashes(lakehouse: Lakehouse, plan: ErasurePlan) -> Mapping[str, Sequence[str]]:
    """Returns the hashes of the customer's personal values but the identifiers, such as the name, by column.

    Pseudonyms, so that the values themselves never leave the engine.
    """
    describing = [column.name for column in CUSTOMERS.columns if column.personal and not column.names_customer]
    if not plan.customer.spellings or delta.open_table(lakehouse.root / table_path(CUSTOMERS.landing)) is None:
        return {}
    is_theirs = has_one_of(f"customer.{CUSTOMER_EMAIL}", map(lakehouse.pseudonyms, sorted(plan.customer.spellings)))
    columns = ", ".join(f"{FUNCTION}(customer.{name}) AS {name}" for name in describing)
    rows = lakehouse.rows(f"SELECT DISTINCT {columns} FROM {CUSTOMERS.landing} AS customer WHERE {is_theirs}")
    return {name: sorted({row[name] for row in rows if row[name]}) for name in describing}


def _count_shared_values(lakehouse: Lakehouse, value_hashes: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Returns how many records of other customers have one of the values, by column."""
    counted = ", ".join(
        f"coalesce(sum(CASE WHEN {has_one_of(f'customer.{name}', hashes)} THEN 1 END), 0) AS {name}"
        for name, hashes in value_hashes.items()
        if hashes
    )
    if not counted:
        return {}
    (row,) = lakehouse.rows(f"SELECT {counted} FROM {CUSTOMERS.landing} AS customer")
    return {name: int(found) for name, found in row.items() if found}


def _handle_object_versions(lakehouse: Lakehouse, certificate: Certificate, *, delete: bool) -> None:
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
