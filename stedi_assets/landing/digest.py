"""The digest of the contract for the rows of a landing table, stored in the same commit as the rows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from stedi_assets.contract import QUARANTINE_COLUMNS, Column, Source
from stedi_assets.storage.columns import column_types

if TYPE_CHECKING:
    from deltalake import Schema

    from stedi_assets.query import Query

CONTRACT_KEY = "stedi.contract"
"""The key of a commit's metadata that holds the digest of the contract."""

READER_RULES = 2
"""The version of the rules by which the reader turns a raw file into rows and quarantined records. Raise it with every
change of the rules: the next run then reads all files again."""


def contract_digest(source: Source, query: Query) -> str:
    """Returns a digest of everything that determines the rows of a raw file: reader rules, SELECT and columns.

    Two equal digests, of 64 hex digits, mean that the same raw file gives the same rows.
    """
    contract = [READER_RULES, query.sql, _rules(source.columns), _rules(QUARANTINE_COLUMNS)]
    return hashlib.sha256(json.dumps(contract).encode()).hexdigest()


def _rules(columns: Iterable[Column]) -> list[list[str | bool]]:
    # `names_customer` is part of it, because it decides which records of erased customers are quarantined.
    return [[column.name, column.type, column.required, column.names_customer] for column in columns]


def has_columns(schema: Schema, columns: Sequence[Column]) -> bool:
    """Whether a stored table has exactly the columns of the contract, with their types, in any order."""
    return column_types(schema) == {column.name: column.delta_type for column in columns}
