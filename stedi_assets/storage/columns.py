"""The names and types of a schema's columns. Nullability is left out, because it does not matter to a reader."""

import json
from collections.abc import Mapping
from typing import Any

from deltalake import Field, Schema

NOT_OF_THE_TYPE = frozenset({"nullable", "containsNull", "valueContainsNull", "metadata"})
"""The keys in Delta's JSON of a column, or of a part of one, that are not its name or type."""

ORDER_KEY = "stedi.order"
"""A key in the metadata of a schema's first column, which makes the schema unequal to one of the same columns."""


def column_types(schema: Schema) -> Mapping[str, str]:
    """Returns the type of each column of a schema, in order.

    A type is Delta's name of it, such as long, or Delta's JSON for a struct, an array or a map.
    """
    fields = json.loads(schema.to_json())["fields"]
    return {field["name"]: _text(_bare(field["type"])) for field in fields}


def difference(columns: Mapping[str, str], expected: Mapping[str, str]) -> str:
    """Describes how columns differ from the expected ones, whatever their order; empty where they do not differ.

    Args:
        columns: From a column's name to its type, as `column_types` returns them.
        expected: The expected columns in the same form.
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
    """Returns a table's new schema in a form that deltalake writes into the log even if only the order has changed.

    deltalake considers schemas with the same columns equal, whatever their order, and keeps the log's schema then. A
    mark in the first column's metadata makes them unequal. The next commit with the same order removes the mark.

    Args:
        schema: The table's new schema.
        current: The schema in the log.
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
