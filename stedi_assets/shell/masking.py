"""Rows shown without the values that identify a person."""

from collections.abc import Iterable

from stedi_assets.engines.duckdb.text import identifier, literal
from stedi_assets.tables import TABLES

MASK = "***"
"""What stands for a personal value."""

PERSONAL = frozenset(name.casefold() for table in TABLES.values() for name in table.personal_columns)
"""The names of personal columns. They are masked in every table: other people's tables are made from those of the
contract."""


def masked_columns(columns: Iterable[str]) -> str:
    """Writes what to select of a table, with personal values masked; a missing value stays missing.

    Args:
        columns: The names of the table's columns.
    """
    return ", ".join(
        f"CASE WHEN {identifier(column)} IS NOT NULL THEN {literal(MASK)} END AS {identifier(column)}"
        if column.casefold() in PERSONAL
        else identifier(column)
        for column in columns
    )
