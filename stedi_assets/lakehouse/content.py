"""The rows that a name stands for in queries: the files of one version of a table, or a part of its rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from stedi_assets.storage.delta import current_files

if TYPE_CHECKING:
    from deltalake import DeltaTable, Schema

    from stedi_assets.storage.delta import DataFile
    from stedi_assets.storage.location import Location


@dataclass(frozen=True, eq=False)
class Content:
    """The files of one version of a table, published or staged.

    Attributes:
        folder: The table's folder.
        files: The Parquet files.
        schema: The columns.
    """

    folder: Location
    files: Sequence[DataFile]
    schema: Schema

    @cached_property
    def paths(self) -> list[str]:
        """The absolute paths of the files."""
        return [f"{self.folder}/{file.path}" for file in self.files]

    @cached_property
    def identity(self) -> tuple[str, frozenset[str], tuple[str, ...]]:
        """The folder, the files and the columns. A staged version has those of the published one, and the same rows."""
        columns = tuple(field.name for field in self.schema.fields)
        return str(self.folder), frozenset(file.path for file in self.files), columns

    @property
    def rows(self) -> int | None:
        """The number of rows; None where another program wrote a file without that statistic."""
        # `DataFile.rows` is None in that case, although its type is int.
        counts: list[int | None] = [file.rows for file in self.files]
        known = [count for count in counts if count is not None]
        return sum(known) if len(known) == len(counts) else None

    def nulls(self, column: str) -> int | None:
        """Returns the number of nulls in a column; None where the log lacks the number for a file with rows."""
        counts = [file.statistics["nullCount"].get(column) for file in self.files if file.rows != 0]
        known = [int(count) for count in counts if count is not None]
        return sum(known) if len(known) == len(counts) else None


@dataclass(frozen=True, eq=False)
class Cut:
    """Some rows of a content.

    Attributes:
        content: All rows.
        select: A SELECT of the rows, over names that the lakehouse has defined.
    """

    content: Content
    select: str


View = Content | Cut
"""What a name may stand for in a query."""


def content_of(folder: Location, table: DeltaTable) -> Content:
    """Returns the content of a table's opened version."""
    return Content(folder, current_files(table), table.schema())
