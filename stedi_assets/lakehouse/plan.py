"""The plan of a table: nothing to do, a part of its instants, or all of it, and why. It reads logs, not rows."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Container, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Literal

from stedi_assets.contract import TABLES
from stedi_assets.lakehouse.content import Content, content_of
from stedi_assets.landing.digest import has_columns
from stedi_assets.privacy.pseudonyms import FUNCTION
from stedi_assets.privacy.tombstones import SHARED_FUNCTION
from stedi_assets.storage import delta
from stedi_assets.storage.same_rows import changed_at, unchanged_until

if TYPE_CHECKING:
    from stedi_assets.lakehouse.lakehouse import Lakehouse
    from stedi_assets.query import Query
    from stedi_assets.storage.location import Location

BUILT_FROM_KEY = "stedi.built_from"
"""The key of a commit's metadata that says what the version was computed from."""

RULES = 1
"""The version of the rules by which parts are computed. Raise it with every change of the rules: each table is then
computed anew."""

RANDOM_KEY = "random"

Kind = Literal["nothing", "part", "all"]


@dataclass(frozen=True)
class BuiltFrom:
    """What the rows of a version follow from.

    Attributes:
        inputs: From each table that the SELECT reads to the identity of its version.
        query: The digest of the SELECT, and of the table's columns and event time.
        key: A keyed digest of the key of the pseudonyms; `RANDOM_KEY` without a given key, empty without pseudonyms.
        tombstones: The digest of the tombstones of erased customers; empty where the SELECT does not depend on them.
    """

    inputs: Mapping[str, str]
    query: str
    key: str = ""
    tombstones: str = ""

    def to_json(self) -> str:
        """Returns the text that `from_json` reads."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> BuiltFrom | None:
        """Returns what `to_json` wrote; None where another release of this program wrote something else."""
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError):
            return None


@dataclass(frozen=True)
class Plan:
    """What a run does with a table.

    Attributes:
        kind: How much of the table is computed.
        reason: Why, as a clause.
        since: What the current version was computed from, where nothing but the inputs has changed.
    """

    kind: Kind
    reason: str
    since: BuiltFrom | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return f"{self.kind}: {self.reason}"


def identity(lakehouse: Lakehouse, name: str) -> str:
    """Returns a text that is the same for versions with the same rows: the table's id, and the version that made them.

    Raises:
        MissingTableError: The table does not exist.
    """
    table = lakehouse.table(name)
    table_id = table.metadata().id
    return f"{table_id}:{_changed_at(lakehouse.folder(name), table_id, table.version())}"


@functools.lru_cache(maxsize=1_000)
def _changed_at(folder: Location, table_id: str, version: int) -> int:
    del table_id  # Another table may come to the same folder.
    return changed_at(folder, version)


def version_of(identity: str) -> int:
    """Returns the number of the version in its identity."""
    return int(identity.rpartition(":")[2])


def content_at(lakehouse: Lakehouse, name: str, since: str) -> Content | None:
    """Returns the content of an earlier version of a table; None where its log no longer holds it.

    Args:
        lakehouse: The tables.
        name: The table's name.
        since: The identity of the version.
    """
    current = identity(lakehouse, name)
    if since == current:
        return lakehouse.published(name)
    if since.rpartition(":")[0] != current.rpartition(":")[0] or version_of(since) > version_of(current):
        return None
    folder = lakehouse.folder(name)
    # A version whose files were joined shares files with those after it.
    table = delta.open_version(folder, unchanged_until(folder, version_of(since)))
    return None if table is None else content_of(folder, table)


def built_from(lakehouse: Lakehouse, name: str, query: Query) -> BuiltFrom:
    """Returns what a table would be computed from now.

    Args:
        lakehouse: The tables.
        name: The table's name.
        query: Its SELECT.

    Raises:
        MissingTableError: An input does not exist.
        StediError: The tombstones were written with another key.
    """
    return BuiltFrom(
        {each: identity(lakehouse, each) for each in sorted(query.tables)},
        query_digest(name, query),
        _key_digest(lakehouse) if f"{FUNCTION}(" in query.sql else "",
        tombstones_digest(lakehouse) if SHARED_FUNCTION in query.sql else "",
    )


def query_digest(name: str, query: Query) -> str:
    """Returns a digest, 64 hex digits, of everything in the code that determines a table's rows."""
    table = TABLES[name]
    columns = [[column.name, column.type] for column in table.columns]
    return hashlib.sha256(json.dumps([RULES, query.sql, columns, table.event_time]).encode()).hexdigest()


def tombstones_digest(lakehouse: Lakehouse) -> str:
    """Returns a digest of the tombstones; empty where there are none."""
    hashes = lakehouse.tombstones().hashes
    return hashlib.sha256(json.dumps(sorted(hashes)).encode()).hexdigest() if hashes else ""


def _key_digest(lakehouse: Lakehouse) -> str:
    pseudonyms = lakehouse.pseudonyms
    return pseudonyms("the key of a table's pseudonyms") if pseudonyms.is_linkable else RANDOM_KEY


def plan_table(
    lakehouse: Lakehouse,
    name: str,
    now: BuiltFrom,
    before: BuiltFrom | None,
    known: Container[tuple[str, str]] = (),
    upcoming: Container[str] = (),
    *,
    full_refresh: bool,
) -> Plan:
    """Returns the plan of a table that is no landing table.

    Args:
        lakehouse: The tables.
        name: The table's name.
        now: What it would be computed from now.
        before: What its current version was computed from; None where that is not known.
        known: The names of tables with the identity of an earlier version, between which and now the changed instants
            are known.
        upcoming: The names of tables that the run is about to change.
        full_refresh: Whether to compute all of it whatever has changed.
    """
    table = lakehouse.find(name)
    whole = _reason_for_all(name, now, before, is_stored=table is not None, full_refresh=full_refresh)
    if whole is None and table is not None and not has_columns(table.schema(), TABLES[name].columns):
        whole = "the stored columns are not those of the contract"
    if whole is not None or before is None:
        return Plan("all", whole or "")
    changed = [each for each, version in now.inputs.items() if before.inputs[each] != version]
    about_to_change = [each for each in now.inputs if each in upcoming and each not in changed]
    if not changed and not about_to_change:
        return Plan("nothing", "its inputs are as they were")
    reason = " and ".join(
        [
            *(_change(each, before.inputs[each], now.inputs[each]) for each in changed),
            *(f"{each} is about to change" for each in about_to_change),
        ]
    )
    if TABLES[name].event_time is None:
        return Plan("all", f"{reason}; a table without an event time is computed whole", before)
    for each in changed:
        if (each, before.inputs[each]) in known:
            continue
        if obstacle := _obstacle(lakehouse, each, before.inputs[each], now):
            return Plan("all", obstacle)
    return Plan("part", reason, before)


def _reason_for_all(
    name: str, now: BuiltFrom, before: BuiltFrom | None, *, is_stored: bool, full_refresh: bool
) -> str | None:
    if not is_stored:
        return "the table does not exist"
    if full_refresh:
        return "a full refresh was asked for"
    if before is None:
        return "its last commit does not say what it was computed from: another program wrote the table"
    if before.query != now.query or before.inputs.keys() != now.inputs.keys():
        return "its SELECT or its columns were edited"
    if now.key == RANDOM_KEY:
        return "without STEDI_PSEUDONYM_KEY, every build makes new pseudonyms"
    if before.key != now.key:
        return "the key of the pseudonyms is another one"
    if before.tombstones != now.tombstones:
        return "customers were erased"
    return None


def _change(name: str, before: str, now: str) -> str:
    if before.rpartition(":")[0] != now.rpartition(":")[0]:
        return f"{name} was created anew"
    return f"{name} is at version {version_of(now)}, after {version_of(before)}"


def _obstacle(lakehouse: Lakehouse, changed: str, since: str, now: BuiltFrom) -> str | None:
    """Returns why the instants that a changed input affects cannot be found; None where they can."""
    kind = TABLES.get(changed)
    if kind is None:
        return f"{changed} is not a table of the contract"
    if since.rpartition(":")[0] != now.inputs[changed].rpartition(":")[0]:
        return f"{changed} was created anew"
    old = content_at(lakehouse, changed, since)
    if old is None:
        return f"the log of {changed} no longer reaches back to version {version_of(since)}"
    if kind.event_time is None:
        readings = [TABLES[each] for each in now.inputs if each in TABLES and TABLES[each].event_time]
        if not kind.naming_columns or not any(each.naming_columns for each in readings):
            return f"{changed} changed, whose rows name no customer of a reading"
        return None
    is_anew = is_mostly_new(old, lakehouse.content(changed))
    return f"most of {changed} was written anew" if is_anew else None


def is_mostly_new(old: Content, new: Content) -> bool:
    """Whether more than half of the rows of an older version are in files that a newer one no longer has.

    Comparing the files then costs more than computing from all of them.
    """
    kept = {file.path for file in old.files} & {file.path for file in new.files}
    gone = sum(file.rows or 0 for file in old.files if file.path not in kept)
    return gone * 2 > sum(file.rows or 0 for file in old.files)
