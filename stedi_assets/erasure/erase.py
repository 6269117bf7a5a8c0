"""The erasure itself.

Tables are what the raw files hold. So the customer's records are taken out of the raw files first, the tables are built
again from those, and then every file goes that no current version needs. What knows the serial numbers goes last, and
a tombstone is written before it: wherever an erasure breaks off, the next one finds what is left and completes.
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import BinaryIO, cast

from stedi_assets.contract import SOURCES, TABLES, Source
from stedi_assets.defs.assets import TABLE_ASSETS
from stedi_assets.erasure.certificate import Certificate
from stedi_assets.erasure.person import Person
from stedi_assets.erasure.plan import CUSTOMERS, READINGS_FIRST, ErasurePlan, keyed_hash, seekable
from stedi_assets.erasure.redaction import write_without
from stedi_assets.erasure.verification import verify
from stedi_assets.lakehouse.lakehouse import Lakehouse
from stedi_assets.privacy.pseudonyms import FUNCTION
from stedi_assets.privacy.tombstones import email_tombstone, serial_number_tombstone, shared_serial_number_tombstone
from stedi_assets.storage import delta
from stedi_assets.storage.s3 import S3Files
from stedi_assets.storage.tombstones import write_tombstones

Progress = Callable[[str], None]


def erase(
    lakehouse: Lakehouse,
    plan: ErasurePlan,
    requested_by: str,
    run_id: str,
    *,
    all_object_versions: bool = False,
    progress: Progress = lambda step: None,
) -> Certificate:
    """Erases a customer. Other runs wait meanwhile, until the lakehouse is closed.

    Args:
        lakehouse: The tables and the raw files.
        plan: What to take out; found before anything was erased.
        requested_by: Who asked, kept with the tombstones.
        run_id: The run, kept with the commits.
        all_object_versions: Whether a bucket with versioning is to forget old versions of objects.
        progress: Called with the name of each step before the step begins.

    Returns:
        What was done, and whether anything names the customer still.

    Raises:
        StediError: Something that a user can put right. What was erased until then stays erased; erasing again
            completes.
    """
    lakehouse.hold(f"run {run_id}")
    # Before anything is erased: a table that cannot be vacuumed at the end would keep the customer.
    lakehouse.folders()
    person = plan.customer.person
    begun = datetime.now(UTC).isoformat(timespec="seconds")
    certificate = Certificate(keyed_hash(lakehouse, person.email), requested_by, begun)
    certificate.shared_serial_numbers = len(person.shared_serial_numbers)
    described = _describing_values(lakehouse, plan)
    _redact(lakehouse, plan, READINGS_FIRST[:-1], certificate, progress)
    progress("tombstones")
    _write_tombstones(lakehouse, person, {"requested_by": requested_by, "at": begun})
    _redact(lakehouse, plan, READINGS_FIRST[-1:], certificate, progress)
    _rebuild(lakehouse, run_id, certificate, progress)
    for table in lakehouse.folders():
        progress(f"vacuum {table}")
        lakehouse.hold(f"run {run_id}")
        certificate.files_deleted += len(delta.vacuum(lakehouse.root / table, timedelta(0)))
    progress("old versions of objects")
    _forget_object_versions(lakehouse, certificate, delete=all_object_versions)
    progress("verification")
    certificate.may_be_theirs = _shared_values(lakehouse, described)
    verify(lakehouse, person, certificate)
    return certificate


def _write_tombstones(lakehouse: Lakehouse, person: Person, reason: Mapping[str, str]) -> None:
    pseudonyms = lakehouse.pseudonyms
    hashes = [
        email_tombstone(pseudonyms, person.email),
        *(serial_number_tombstone(pseudonyms, number) for number in person.serial_numbers),
        *(shared_serial_number_tombstone(pseudonyms, number) for number in person.shared_serial_numbers),
    ]
    write_tombstones(lakehouse.root, pseudonyms, hashes, dict(reason))


def _redact(
    lakehouse: Lakehouse, plan: ErasurePlan, sources: Sequence[str], certificate: Certificate, progress: Progress
) -> None:
    for file, (source, redaction) in plan.files.items():
        if source.name not in sources:
            continue
        progress(f"file {file.name}")
        with seekable(file) as (copy, content), tempfile.TemporaryFile() as rewritten:
            write_without(copy, redaction.removed, content, cast("BinaryIO", rewritten))
            rewritten.seek(0)
            lakehouse.landing.files.replace(file, cast("BinaryIO", rewritten))
        certificate.records_by_file[file.path] = redaction.records


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


def _row_counts(lakehouse: Lakehouse, name: str, sources: Mapping[str, Source]) -> dict[str, int] | None:
    """Counts the rows of a table, and of its quarantine, by the log; None where the table does not exist."""
    names = [name, sources[name].quarantine] if name in sources else [name]
    found = {each: delta.open_table(lakehouse.root / TABLES[each].path) for each in names}
    if found[name] is None:
        return None
    return {each: sum(file.rows for file in delta.current_files(table)) for each, table in found.items() if table}


def _describing_values(lakehouse: Lakehouse, plan: ErasurePlan) -> Mapping[str, Sequence[str]]:
    """Returns the hashes of the customer's name, telephone number and the like, by column."""
    describing = [column.name for column in CUSTOMERS.columns if column.personal and not column.names_customer]
    if not plan.customer.spellings or delta.open_table(lakehouse.root / TABLES[CUSTOMERS.landing].path) is None:
        return {}
    emails = _texts(map(lakehouse.pseudonyms, sorted(plan.customer.spellings)))
    columns = ", ".join(f"{FUNCTION}(customer.{name}) AS {name}" for name in describing)
    rows = lakehouse.rows(
        f"SELECT DISTINCT {columns} FROM {CUSTOMERS.landing} AS customer WHERE {FUNCTION}(customer.email) IN ({emails})"
    )
    return {name: sorted({row[name] for row in rows if row[name]}) for name in describing}


def _shared_values(lakehouse: Lakehouse, described: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Counts the records of other customers that have one of the values, by column."""
    counted = ", ".join(
        f"coalesce(sum(CASE WHEN {FUNCTION}(customer.{name}) IN ({_texts(hashes)}) THEN 1 END), 0) AS {name}"
        for name, hashes in described.items()
        if hashes
    )
    if not counted:
        return {}
    (row,) = lakehouse.rows(f"SELECT {counted} FROM {CUSTOMERS.landing} AS customer")
    return {name: int(found) for name, found in row.items() if found}


def _texts(hashes: "Sequence[str] | map[str]") -> str:
    return ", ".join(f"'{keyed}'" for keyed in hashes)


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
