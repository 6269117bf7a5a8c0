"""The columns of a table as Dagster shows them: names in their case, and types as the contract writes them."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import dagster

from stedi_assets.contract import DELTA_TYPES

if TYPE_CHECKING:
    from deltalake import Schema

    from stedi_assets.contract import Column

PERSONAL = "personal"
"""The tag of a column whose values identify a person, and of what has such a column."""

SQL_TYPES = {**{delta: sql for sql, delta in DELTA_TYPES.items()}, "short": "SMALLINT", "byte": "TINYINT"}
"""From Delta's types to SQL's, where more than the case differs."""


def column_schema(columns: Sequence[Column]) -> dagster.TableSchema:
    """Returns the contract's columns as a Dagster schema, with a tag `personal` on each personal column."""
    return dagster.TableSchema(
        [
            dagster.TableColumn(
                name=column.name,
                type=column.type,
                description=column.description,
                constraints=dagster.TableColumnConstraints(nullable=not column.required),
                tags={PERSONAL: ""} if column.personal else {},
            )
            for column in columns
        ]
    )


def stored_schema(schema: Schema, personal: Collection[str]) -> dagster.TableSchema:
    """Returns the columns of a stored table as a Dagster schema, with the comments of its log.

    Args:
        schema: The columns.
        personal: The names of the personal ones, which get the tag `personal`.
    """
    return dagster.TableSchema(
        [
            dagster.TableColumn(
                name=field["name"],
                type=_sql_type(field["type"]),
                description=field["metadata"].get("comment"),
                constraints=dagster.TableColumnConstraints(nullable=field["nullable"]),
                tags={PERSONAL: ""} if field["name"] in personal else {},
            )
            for field in json.loads(schema.to_json())["fields"]
        ]
    )


def _sql_type(kind: Any) -> str:
    """Returns SQL's name of a type from a Delta schema's JSON."""
    if isinstance(kind, str):
        return SQL_TYPES.get(kind, kind.upper())
    match kind["type"]:
        case "array":
            return f"ARRAY<{_sql_type(kind['elementType'])}>"
        case "map":
            return f"MAP<{_sql_type(kind['keyType'])}, {_sql_type(kind['valueType'])}>"
    fields = (f"{field['name']}: {_sql_type(field['type'])}" for field in kind["fields"])
    return f"STRUCT<{', '.join(fields)}>"
