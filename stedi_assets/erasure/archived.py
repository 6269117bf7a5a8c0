"""Erases a person from the rows whose raw files are archived, and which no run can read again."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from stedi_assets.contract import SOURCE_FILE, SOURCES, Source
from stedi_assets.erasure.person import QUARANTINED_TEXT, Mention, Person
from stedi_assets.lakehouse.archive import GONE_FILES_KEY, KEPT, ledger_with_archive, refuse_to_remove
from stedi_assets.lakehouse.build import Builder, Staged, Step
from stedi_assets.lakehouse.lakehouse import Lakehouse
from stedi_assets.lakehouse.landing import QUARANTINE_KEY, quarantine_id
from stedi_assets.lakehouse.plan import Plan
from stedi_assets.lakehouse.state import read_state
from stedi_assets.lakehouse.stopwatch import Stopwatch
from stedi_assets.landing.digest import CONTRACT_KEY
from stedi_assets.landing.ledger_files import Part, write_ledger
from stedi_assets.privacy.pseudonyms import has_one_of
from stedi_assets.query import Query
from stedi_assets.storage import delta
from stedi_assets.storage.attempt import LEDGER_KEY

AN_ERASURE = Plan("all", "an erasure removes rows of archived raw files")


def archived_files(lakehouse: Lakehouse) -> list[str]:
    """Returns the paths of the raw files that are gone and whose rows are in the tables.

    Args:
        lakehouse: The tables and the raw files.

    Raises:
        StediError: Rows of archived files are kept, and nothing tells which files those are; or the tables have such
            rows, which the next run would remove.
    """
    return [
        f"{lakehouse.landing / source.path}/{name}"
        for source in SOURCES.values()
        for name in _archived(lakehouse, source)
    ]


def erase_archived(builder: Builder, source: Source, person: Person, run_id: str) -> None:
    """Removes a person's rows and quarantined records of archived raw files from a landing table and its quarantine.

    The landing table is up to date: what it still has of the person is of archived files.

    Args:
        builder: Builds the tables.
        source: The kind of record.
        person: The erased person.
        run_id: The run; stored with the commits.

    Raises:
        ConflictError: Another writer changed a table first.
        StediError: A table cannot be read, written or committed.
    """
    lakehouse = builder.lakehouse
    lakehouse.begin(run_id)
    last_commit = delta.newest_metadata(lakehouse.table(source.landing))
    kept = {key: last_commit[key] for key in (CONTRACT_KEY, LEDGER_KEY)}
    in_quarantine = _condition(lakehouse, source.quarantine, [QUARANTINED_TEXT], partial(_is_theirs, person, source))
    in_rows = _condition(lakehouse, source.landing, _naming_columns(source), person.is_named_by)
    quarantined, rows = (
        _found(lakehouse, name, condition)
        for name, condition in ((source.quarantine, in_quarantine), (source.landing, in_rows))
    )
    if quarantined:
        _publish(builder, source.quarantine, _without(lakehouse, source.quarantine, in_quarantine), run_id, kept)
    if quarantined or rows:
        staged = _without(lakehouse, source.landing, in_rows) if rows else Staged([], [])
        metadata = {
            **kept,
            LEDGER_KEY: _ledger_without(lakehouse, source, kept[LEDGER_KEY], rows, quarantined),
            QUARANTINE_KEY: quarantine_id(lakehouse.table(source.quarantine)),
            GONE_FILES_KEY: KEPT,
        }
        _publish(builder, source.landing, staged, run_id, metadata)


def _archived(lakehouse: Lakehouse, source: Source) -> list[str]:
    landing = lakehouse.find(source.landing)
    if landing is None:
        return []
    listed = {file.name for file in lakehouse.raw_files(source).files}
    folder, last_commit = lakehouse.folder(source.landing), delta.newest_metadata(landing)
    if not lakehouse.keeps_gone_files:
        refuse_to_remove(folder, last_commit, listed)
        return []
    ledger = ledger_with_archive(folder, last_commit, listed)
    return sorted((ledger or {}).keys() - listed)


def _naming_columns(source: Source) -> list[str]:
    return [column.name for column in source.columns if column.names_customer]


def _is_theirs(person: Person, source: Source, _column: str, text: str) -> bool:
    return person.mention_in_record(text, source.columns) is Mention.CERTAIN


def _condition(lakehouse: Lakehouse, name: str, columns: Sequence[str], is_theirs: Callable[[str, str], bool]) -> str:
    """Returns the condition for a row of theirs; FALSE if there is none."""
    conditions = []
    for column in columns:
        values = lakehouse.rows(f"SELECT DISTINCT stored.{column} AS value FROM {name} AS stored")
        theirs = [row["value"] for row in values if row["value"] is not None and is_theirs(column, row["value"])]
        conditions += [has_one_of(f"stored.{column}", map(lakehouse.pseudonyms, sorted(theirs)))] if theirs else []
    return " OR ".join(conditions) or "FALSE"


def _found(lakehouse: Lakehouse, name: str, condition: str) -> dict[str, int]:
    """Returns the number of rows for which a condition is true, by their raw file."""
    if condition == "FALSE":
        return {}
    file = f"stored.{SOURCE_FILE.name}"
    rows = lakehouse.rows(
        f"SELECT {file} AS file, count(*) AS found FROM {name} AS stored WHERE {condition} GROUP BY {file}"
    )
    return {row["file"]: row["found"] for row in rows}


def _without(lakehouse: Lakehouse, name: str, condition: str) -> Staged:
    """Stages all rows of a table but those for which a condition is true."""
    query = Query(f"SELECT * FROM {name} AS stored WHERE ({condition}) IS NOT TRUE")
    return Staged(lakehouse.write(name, query).files, lakehouse.content(name).files, is_whole=True)


def _ledger_without(
    lakehouse: Lakehouse, source: Source, parts: str, rows: Mapping[str, int], quarantined: Mapping[str, int]
) -> str:
    ledger = lakehouse.ledger(source.landing)
    changed = {
        name: replace(
            ledger[name],
            rows=ledger[name].rows - rows.get(name, 0),
            quarantined=ledger[name].quarantined - quarantined.get(name, 0),
        )
        for name in sorted({*rows, *quarantined})
    }
    ledger = {**ledger, **changed}
    lakehouse.take_reading(source, ledger, lakehouse.passed_over(source))
    return write_ledger(lakehouse.folder(source.landing), parts, ledger, Part(list(changed.values()), ()))


def _publish(builder: Builder, name: str, staged: Staged, run_id: str, metadata: Mapping[str, str]) -> None:
    state = read_state(builder.lakehouse, name)
    builder.publish(Step(name, AN_ERASURE, state, (), run_id, Stopwatch(), metadata=metadata), staged)
