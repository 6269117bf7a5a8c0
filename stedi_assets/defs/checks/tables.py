"""The checks of each table: the functions that make the checks which several tables share, and `SPECIFIC_CHECKS`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from stedi_assets.contract import SOURCE_FILE, SOURCES, TABLES, Source, Table
from stedi_assets.defs.checks.check import nothing, row_count
from stedi_assets.defs.checks.specific import SPECIFIC_CHECKS
from stedi_assets.errors import StediError
from stedi_assets.lakehouse.check import Check, Checks, Findings
from stedi_assets.settings import Settings, read_expected_counts

if TYPE_CHECKING:
    from stedi_assets.lakehouse.lakehouse import Lakehouse

OTHER_FILES = {"expected_counts_are_of": "other landing files"}
"""The finding that the check of the expected rows adds where other landing files were counted."""

NAMES_SHOWN = 20
"""How many file names a check shows."""


def expected_rows(table: str, expected: int, landing_files: str | None = None) -> Check:
    """Makes the check that a table has the expected number of rows.

    Args:
        table: The table's name.
        expected: Number of rows.
        landing_files: The digest of the landing files that give so many rows: with other files, a failure is a warning.
            None where any files should give them.
    """

    def find(lakehouse: Lakehouse) -> Findings:
        found: dict[str, int | str] = {"actual": row_count(lakehouse, table), "expected": expected}
        if found["actual"] == expected or landing_files is None:
            return found
        # Imported here: a process that only loads the definitions lists no files.
        from stedi_assets.landing.files import landing_digest  # noqa: PLC0415

        return found if landing_files == landing_digest(lakehouse.landing) else found | OTHER_FILES

    return Check(
        "has_expected_rows",
        f"Has exactly {expected} rows. If the landing files differ on purpose, correct or remove the expected counts.",
        True,
        find,
        lambda findings: findings["actual"] == findings["expected"],
        is_excused=lambda findings: OTHER_FILES.keys() <= findings.keys(),
    )


def contract_schema(table: Table) -> Check:
    """Makes the check that a stored table has the columns and types of the contract.

    Args:
        table: The table.
    """
    expected = {column.name: column.delta_type for column in table.columns}

    def find(lakehouse: Lakehouse) -> Findings:
        actual = lakehouse.columns(table.name)
        return {
            "missing": ", ".join(expected.keys() - actual.keys()),
            "unexpected": ", ".join(actual.keys() - expected.keys()),
            "of_another_type": ", ".join(
                name for name, kind in actual.items() if name in expected and kind != expected[name]
            ),
        }

    return Check(
        "has_contract_columns",
        "Has the columns and types of stedi_assets/contract.py. After a change of the contract, materialize the tables "
        "upstream and then this one. If the check still fails, correct the SELECT or the contract.",
        True,
        find,
        nothing,
    )


def required_values(table: Table) -> Check:
    """Makes the check that required columns hold a value in every row.

    Args:
        table: The table.
    """

    def find(lakehouse: Lakehouse) -> Findings:
        content = lakehouse.content(table.name)
        nulls = {name: content.nulls(name) for name in table.required_columns}
        if None in nulls.values():
            counted = ", ".join(f"count(*) - count(stored.{name}) AS {name}" for name in nulls)
            (nulls,) = lakehouse.rows(f"SELECT {counted} FROM {table.name} AS stored")
        return {f"null_{name}": int(count or 0) for name, count in nulls.items()}

    return Check(
        "has_required_values",
        f"Every row has {' and '.join(table.required_columns)}. Ask the source to correct the files with such records.",
        True,
        find,
        nothing,
    )


def every_byte_accounted_for(source: Source) -> Check:
    """Makes the check that the landing table and its quarantine hold every byte of the raw files.

    A strict reader that accepts a whole file proves it. The exact reader counts the bytes of the other files.

    Args:
        source: The kind of record.
    """

    def find(lakehouse: Lakehouse) -> Findings:
        ledger = lakehouse.ledger(source.landing)
        rows = _rows_by_file(lakehouse, source.landing)
        quarantined = _rows_by_file(lakehouse, source.quarantine)
        uncounted = [
            entry.name
            for entry in ledger.values()
            if entry.bytes_total != entry.bytes_in_rows + entry.bytes_quarantined + entry.bytes_between
        ]
        return {
            "files_with_other_rows": _names(name for name, entry in ledger.items() if rows.get(name, 0) != entry.rows),
            "files_with_other_quarantine": _names(
                name for name, entry in ledger.items() if quarantined.get(name, 0) != entry.quarantined
            ),
            "files_with_uncounted_bytes": _names(uncounted),
            "files_not_in_the_ledger": _names((rows.keys() | quarantined.keys()) - ledger.keys()),
        }

    return Check(
        "has_every_byte_counted",
        "Every record of a raw file is a row or in the quarantine, and every byte belongs to a record or lies between "
        "records. Materialize the landing table with full_refresh.",
        True,
        find,
        nothing,
        [_count_by_file(source.landing), _count_by_file(source.quarantine)],
    )


def few_quarantined(source: Source, limit: float) -> Check:
    """Makes the check that the quarantine holds at most a fraction of the records.

    Args:
        source: The kind of record.
        limit: The fraction, from 0 to 1.
    """

    def find(lakehouse: Lakehouse) -> Findings:
        entries = lakehouse.ledger(source.landing).values()
        return {
            "rows": sum(entry.rows for entry in entries),
            "quarantined": sum(entry.quarantined for entry in entries),
        }

    def passes(findings: Findings) -> bool:
        rows, quarantined = int(findings["rows"]), int(findings["quarantined"])
        return quarantined <= limit * (rows + quarantined)

    return Check(
        "has_few_quarantined",
        f"At most {limit:.2%} of the records are in the quarantine: a damaged delivery must not pass as a small one. "
        "Read the reasons in the quarantine, or raise STEDI_MAX_QUARANTINED.",
        True,
        find,
        passes,
    )


def no_equal_files(source: Source) -> Check:
    """Makes the warning that raw files have equal contents.

    Args:
        source: The kind of record.
    """

    def find(lakehouse: Lakehouse) -> Findings:
        entries = [entry for entry in lakehouse.ledger(source.landing).values() if entry.digest]
        copies = Counter(entry.digest for entry in entries)
        return {"files_with_equal_contents": _names(entry.name for entry in entries if copies[entry.digest] > 1)}

    return Check(
        "has_no_equal_files",
        "No two raw files have the same content. The table keeps the rows of both: ask the source whether it delivered "
        "one file twice.",
        False,
        find,
        nothing,
    )


def every_file_read(source: Source) -> Check:
    """Makes the warning that the landing folder holds entries that a run does not read, by reason.

    Args:
        source: The kind of record.
    """

    def find(lakehouse: Lakehouse) -> Findings:
        passed_over = lakehouse.passed_over(source)
        return {
            f"not read, because {reason}": _names(name for name, why in passed_over.items() if why == reason)
            for reason in sorted(set(passed_over.values()))
        }

    return Check(
        "has_every_file_read",
        "The landing folder holds nothing but files that a run reads. Rename, replace or remove the others.",
        False,
        find,
        nothing,
    )


def nothing_quarantined(source: Source) -> Check:
    """Makes the warning that something is in the quarantine, by reason and by file.

    Args:
        source: The kind of record.
    """
    statement = (
        f"SELECT {SOURCE_FILE.name}, reasonCode, count(*) AS found FROM {source.quarantine} "
        f"GROUP BY {SOURCE_FILE.name}, reasonCode"
    )

    def find(lakehouse: Lakehouse) -> Findings:
        counted = lakehouse.rows(statement)
        by_reason: Counter[str] = Counter()
        by_file: Counter[str] = Counter()
        for row in counted:
            by_reason[row["reasonCode"]] += row["found"]
            by_file[row[SOURCE_FILE.name]] += row["found"]
        return {
            **{f"reason: {reason}": found for reason, found in by_reason.most_common()},
            **{f"file: {name}": found for name, found in by_file.most_common(NAMES_SHOWN)},
        }

    return Check(
        "has_none_quarantined",
        "Every record of the raw files is a row. Ask the source to correct the files: this table has the offsets and "
        "the reasons.",
        False,
        find,
        nothing,
        [statement],
    )


def _count_by_file(table: str) -> str:
    return f"SELECT {SOURCE_FILE.name}, count(*) AS found FROM {table} GROUP BY {SOURCE_FILE.name}"


def _rows_by_file(lakehouse: Lakehouse, table: str) -> dict[str, int]:
    return {row[SOURCE_FILE.name]: row["found"] for row in lakehouse.rows(_count_by_file(table))}


def _names(names: Iterable[str]) -> str:
    shown = sorted(names)
    more = f" and {len(shown) - NAMES_SHOWN} more" if len(shown) > NAMES_SHOWN else ""
    return ", ".join(shown[:NAMES_SHOWN]) + more


def table_checks(
    table: Table, expected_counts: Mapping[str, int], max_quarantined: float, landing_files: str | None = None
) -> list[Check]:
    """Returns all checks of a table.

    Args:
        table: The table.
        expected_counts: From table name to expected rows. A table without an entry gets no such check.
        max_quarantined: The largest fraction of a source's records that may be in the quarantine, from 0 to 1.
        landing_files: See `expected_rows`.
    """
    quarantines = {source.quarantine: source for source in SOURCES.values()}
    if table.name in quarantines:
        return [nothing_quarantined(quarantines[table.name])]
    counted = [expected_counts[table.name]] if table.name in expected_counts else []
    expected = [expected_rows(table.name, count, landing_files) for count in counted]
    landing = [
        check
        for source in SOURCES.values()
        if source.landing == table.name
        for check in (
            every_byte_accounted_for(source),
            few_quarantined(source, max_quarantined),
            no_equal_files(source),
            every_file_read(source),
        )
    ]
    required = [required_values(table)] if table.required_columns else []
    return [*expected, contract_schema(table), *required, *landing, *SPECIFIC_CHECKS.get(table.name, ())]


def all_checks(settings: Settings) -> Checks:
    """Returns the checks of every table.

    Raises:
        StediError: The expected counts cannot be read, or there are checks of a table that the contract does not have.
    """
    for name in SPECIFIC_CHECKS.keys() - TABLES.keys():
        raise StediError(
            f"{name} has checks, and is not a table of the contract.",
            "Remove them from stedi_assets/defs/checks/specific.py, or add the table to stedi_assets/contract.py.",
        )
    expected = read_expected_counts(settings)
    return {
        table.name: table_checks(table, expected.rows, settings.max_quarantined, expected.landing_files)
        for table in TABLES.values()
    }
