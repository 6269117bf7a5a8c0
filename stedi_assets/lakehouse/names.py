"""The names by which an engine reads tables, parts of tables and kept results."""

import functools

from stedi_assets.engines.engine import Engine
from stedi_assets.lakehouse.content import Content, Cut, View
from stedi_assets.query import Query

ADDED = "stedi_added_"
"""The prefix of the names that are added beside those of tables."""


@functools.cache
def tables_of(sql: str) -> frozenset[str]:
    """Returns the names of the tables that a SELECT reads.

    Raises:
        StediError: The text is not one SELECT statement.
    """
    return Query(sql).tables


class Names:
    """Defines names in an engine, each once for the rows that it stands for.

    Args:
        engine: The engine.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._defined: dict[str, View] = {}
        self._added = 0

    def define(self, name: str, view: View) -> None:
        """Makes rows readable by a name, in place of those that it stood for.

        Raises:
            StediError: The rows cannot be read.
        """
        if self._defined.get(name) is view:
            return
        if isinstance(view, Cut):
            self._engine.define_query(name, Query(view.select))
        else:
            self._engine.define_table(name, view.paths, view.schema)
        self._defined[name] = view

    def add(self, content: Content) -> str:
        """Returns a new name by which queries read a content.

        Raises:
            StediError: The rows cannot be read.
        """
        name = self._new()
        self._engine.define_table(name, content.paths, content.schema)
        return name

    def keep(self, query: Query) -> str:
        """Computes a query over defined names once, and returns a new name by which queries read its rows.

        Raises:
            StediError: The query cannot be computed.
        """
        name = self._new()
        self._engine.keep(name, query)
        return name

    def _new(self) -> str:
        self._added += 1
        return f"{ADDED}{self._added}"
