"""The instants that changes of the inputs affect, as a kept table: the part of a table that is computed.

A change of readings affects their own instants. A change of customers' records affects the instants of the readings
with an identifier, such as the email, of a record that came or went.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stedi_assets.contract import TABLES
from stedi_assets.lakehouse.content import Content, Cut, View
from stedi_assets.lakehouse.plan import content_at, is_mostly_new

if TYPE_CHECKING:
    from stedi_assets.lakehouse.lakehouse import Lakehouse

DAY = 86_400_000
"""The span of instants, in milliseconds, that are looked up together in the statistics of files."""


@dataclass(frozen=True)
class Part:
    """A set of instants.

    Attributes:
        instants: The name of a kept table with the distinct instants in the column `instant`.
        count: The number of instants.
        ranges: The least and the greatest instant of each day that has some, in order.
    """

    instants: str
    count: int
    ranges: Sequence[tuple[int, int]]

    def __bool__(self) -> bool:
        """Whether there are any instants."""
        return self.count > 0

    def overlapping(self, content: Content, event_time: str) -> list[str]:
        """Returns the paths of the files that, by their statistics, may hold rows at these instants."""
        return [
            path
            for path, file in zip(content.paths, content.files, strict=True)
            if file.rows != 0 and self._overlaps(*(file.statistics[each].get(event_time) for each in BOUNDS))
        ]

    def _overlaps(self, least: float | None, greatest: float | None) -> bool:
        if least is None or greatest is None:
            return True
        return any(first <= greatest and last >= least for first, last in self.ranges)


BOUNDS = ("minValues", "maxValues")


class Changes:
    """Finds the instants that changes of tables affect, each change once in a run.

    Args:
        lakehouse: The tables.
    """

    def __init__(self, lakehouse: Lakehouse) -> None:
        self._lakehouse = lakehouse
        self._known: dict[tuple[str, str], str] = {}
        self._parts: dict[tuple[str, ...], Part] = {}
        self._lookups: dict[tuple[str, Content], str] = {}
        self._cuts: dict[tuple[str, Content], Cut] = {}
        self._scenes: dict[tuple[object, ...], Mapping[str, View]] = {}

    def __contains__(self, change: object) -> bool:
        """Whether the changed instants of a table since a version are known, given as the name and the identity."""
        return change in self._known

    def know(self, table: str, since: str, part: Part) -> None:
        """Notes that a table has changed, since a version, at no other instants than those of a part."""
        self._known[table, since] = f"SELECT instant FROM {part.instants}"

    def part(self, since: Mapping[str, str], readings: Iterable[str]) -> Part:
        """Returns the instants that changes affect.

        Args:
            since: From the name of each table that changed to the identity of the version that it is compared with.
            readings: The tables of readings in which the customers of changed records are looked up.

        Raises:
            LookupError: An earlier version is no longer in the log, or has little in common with the current one.
            StediError: Files of an earlier version are gone.
        """
        selects = [
            select
            for name, version in sorted(since.items())
            for select in (
                [self._changed_instants(name, version)]
                if TABLES[name].event_time
                else self._instants_of_customers(name, version, sorted(readings))
            )
        ]
        key = tuple(selects)
        if key not in self._parts:
            self._parts[key] = self._kept(selects)
        return self._parts[key]

    def scene(self, part: Part, contents: Mapping[str, Content], *, cuts_customers: bool) -> Mapping[str, View]:
        """Returns contents cut down to the rows that decide on a part, for `Lakehouse.reading`.

        Args:
            part: The instants.
            contents: From the name of each table to its rows.
            cuts_customers: Whether to leave out customers without a reading at these instants.
        """
        key = (part.instants, cuts_customers, *sorted(contents.items(), key=lambda item: item[0]))
        if key not in self._scenes:
            readings = {name: content for name, content in contents.items() if TABLES[name].event_time}
            scene: dict[str, View] = {name: self._at_instants(part, name, each) for name, each in readings.items()}
            if cuts_customers and any(TABLES[name].naming_columns for name in readings):
                others = {name: content for name, content in contents.items() if name not in readings}
                scene |= self._of_customers(scene, others)
            self._scenes[key] = {**contents, **scene}
        return self._scenes[key]

    def _at_instants(self, part: Part, name: str, content: Content) -> Cut:
        if (part.instants, content) not in self._cuts:
            event_time = TABLES[name].event_time or ""
            paths = set(part.overlapping(content, event_time))
            files = [file for path, file in zip(content.paths, content.files, strict=True) if path in paths]
            whole = self._lakehouse.define(Content(content.folder, files, content.schema))
            rows = f"SELECT * FROM {whole} AS whole WHERE whole.{event_time} IN (SELECT instant FROM {part.instants})"
            self._cuts[part.instants, content] = Cut(content, rows)
        return self._cuts[part.instants, content]

    def _of_customers(self, scene: Mapping[str, View], customers: Mapping[str, Content]) -> dict[str, View]:
        """Returns the records that have an identifier of a reading."""
        named = " UNION ".join(
            f"SELECT reading.{column} AS named FROM {name} AS reading"
            for name in sorted(scene)
            for column in TABLES[name].naming_columns
        )
        with self._lakehouse.reading(scene):
            names = self._lakehouse.keep(named)
        cut: dict[str, View] = {}
        for name, content in customers.items():
            columns = TABLES[name].naming_columns
            if columns:
                whole = self._lakehouse.define(content)
                condition = " OR ".join(f"record.{column} IN (SELECT named FROM {names})" for column in columns)
                cut[name] = Cut(content, f"SELECT record.* FROM {whole} AS record WHERE {condition}")
        return cut

    def _kept(self, selects: Sequence[str]) -> Part:
        lakehouse = self._lakehouse
        name = lakehouse.keep(f"SELECT DISTINCT affected.instant FROM ({' UNION ALL '.join(selects)}) AS affected")
        days = lakehouse.rows(
            f"SELECT min(part.instant) AS least, max(part.instant) AS greatest, count(*) AS instants FROM {name} "
            f"AS part GROUP BY floor(part.instant / {DAY}.0)"
        )
        ranges = sorted((int(day["least"]), int(day["greatest"])) for day in days)
        return Part(name, sum(int(day["instants"]) for day in days), ranges)

    def _changed_instants(self, name: str, since: str) -> str:
        """Returns a SELECT of the instants at which rows of a table came or went."""
        if (name, since) not in self._known:
            changed = self._changed_rows(name, since, [column.name for column in TABLES[name].columns])
            kept = self._lakehouse.keep(f"SELECT DISTINCT changed.{TABLES[name].event_time} AS instant FROM {changed}")
            self._known[name, since] = f"SELECT instant FROM {kept}"
        return self._known[name, since]

    def _instants_of_customers(self, name: str, since: str, readings: Iterable[str]) -> list[str]:
        if (name, since) not in self._known:
            columns = [column.name for column in TABLES[name].columns]
            changed = self._changed_rows(name, since, columns)
            rows = self._lakehouse.keep(f"SELECT changed.* FROM {changed}")
            names = TABLES[name].naming_columns
            named = " UNION ".join(f"SELECT record.{each} AS named FROM {rows} AS record" for each in names)
            self._known[name, since] = self._lakehouse.keep(named)
        named = self._known[name, since]
        return [self._instants_of_names(named, each) for each in readings if TABLES[each].naming_columns]

    def _instants_of_names(self, named: str, readings: str) -> str:
        key = (named, self._lakehouse.content(readings))
        if key not in self._lookups:
            columns = TABLES[readings].naming_columns
            condition = " OR ".join(f"reading.{column} IN (SELECT named FROM {named})" for column in columns)
            instants = self._lakehouse.keep(
                f"SELECT DISTINCT reading.{TABLES[readings].event_time} AS instant FROM {readings} AS reading "
                f"WHERE {condition}"
            )
            self._lookups[key] = f"SELECT instant FROM {instants}"
        return self._lookups[key]

    def _changed_rows(self, name: str, since: str, columns: Sequence[str]) -> str:
        """Returns a subquery with the alias `changed`: the rows of files that came or went, without those in both."""
        new = self._lakehouse.content(name)
        old = content_at(self._lakehouse, name, since)
        if old is None or (TABLES[name].event_time and is_mostly_new(old, new)):
            raise LookupError(name)
        kept = {file.path for file in old.files} & {file.path for file in new.files}
        added, removed = (
            Content(each.folder, [file for file in each.files if file.path not in kept], each.schema)
            for each in (new, old)
        )
        return self._differing_rows(added, removed, columns)

    def _differing_rows(self, one: Content, other: Content, columns: Sequence[str]) -> str:
        """Returns a subquery with the alias `changed`: the distinct rows that two contents have unequally often.

        Args:
            one: A content.
            other: The other content.
            columns: The names of the columns of both.
        """
        listed = ", ".join(columns)
        first = self._lakehouse.define(one)
        if not other.files:
            return f"(SELECT {listed} FROM {first}) AS changed"
        second = self._lakehouse.define(other)
        return f"({unequally_often(listed, first, second)}) AS changed"


def unequally_often(columns: str, first: str, second: str) -> str:
    """Returns a SELECT of the distinct rows that two tables have unequally often, with the difference as `times`.

    Args:
        columns: The columns to compare, with commas between them.
        first: The name of the table that counts.
        second: The name of the table whose rows are taken off.
    """
    # One grouping of both tables takes half the time of EXCEPT ALL in both directions.
    return (
        f"SELECT {columns}, sum(times) AS times FROM (SELECT {columns}, 1 AS times FROM {first} UNION ALL "
        f"SELECT {columns}, -1 AS times FROM {second}) AS compared GROUP BY {columns} HAVING sum(times) <> 0"
    )
