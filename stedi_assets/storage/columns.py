"""The columns of tables and files, as names and types: whether a column may be null does not matter to a reader."""

import json
from collections.abc import Mapping
from typing import Any

from deltalake import Field, Schema

NOT_OF_THE_TYPE = frozenset({"nullable", "containsNull", "valueContainsNull", "metadata"})
"""What Delta's JSON says of a column, or of a part of one, besides its name and its type."""

ORDER_KEY = "stedi.order"
"""The metadata of a schema's first column that makes the schema unequal to one of the same columns."""


def column_types(schema: Schema) -> Mapping[str, str]:
    """Returns the columns of a schema.

    Args:
        schema: Of a table or a file.

    Returns:
        From a column's name to its type, in order: Delta's name of it, or JSON where it has parts.
    """
    fields = json.loads(schema.to_json())["fields"]
    return {field["name"]: _text(_bare(field["type"])) for field in fields}


def difference(columns: Mapping[str, str], expected: Mapping[str, str]) -> str:
    """Says how columns differ from those that they should be.

    Args:
        columns: As `column_types` returns them, in any order.
        expected: The same.

    Returns:
        A phrase; empty where they do not differ.
    """
    retyped = [
        f"{name} is {kind} and not {expected[name]}"
        for name, kind in columns.items()
        if name in expected and kind != expected[name]
    ]
    missing = [f"{name} is missing" for name in expected if name not in columns]
    added = [f"{name} is not among them" for name in columns if name not in expected]
    return ", ".join([*missing, *added, *retyped])


def in_order(schema: Schema, current: Schema) -> Schema:
    """Returns a schema that deltalake writes into the log even where only the order of the columns is another.

    deltalake takes schemas of the same columns for equal, whatever their order, and then leaves the log's as it is. A
    mark makes them unequal; the next commit that has the same order takes it away.

    Args:
        schema: The table's new schema.
        current: The log's.
    """
    names, names_now = ([field.name for field in each.fields] for each in (schema, current))
    if names == names_now or sorted(names) != sorted(names_now):
        return schema
    first, *others = schema.fields
    metadata = {**first.metadata, ORDER_KEY: "changed"}
    return Schema([Field(first.name, first.type, nullable=first.nullable, metadata=metadata), *others])


def _bare(kind: Any) -> Any:
    if isinstance(kind, dict):
        return {key: _bare(value) for key, value in kind.items() if key not in NOT_OF_THE_TYPE}
    return [_bare(part) for part in kind] if isinstance(kind, list) else kind


def _text(kind: Any) -> str:
    return kind if isinstance(kind, str) else json.dumps(kind)
