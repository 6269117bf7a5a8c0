"""Rows shown without the values that identify a person."""

from collections.abc import Iterable

from stedi_assets.engines.duckdb.text import identifier, literal
from stedi_assets.privacy.masking import MASK, PERSONAL


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
