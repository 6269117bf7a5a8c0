"""The digest of the contract for the rows of a landing table, stored in the same commit as the rows."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence

from deltalake import Schema

from stedi_assets.contract import QUARANTINE_COLUMNS, Column, ColumnType, Source
from stedi_assets.query import Query
from stedi_assets.storage.columns import column_types

CONTRACT_KEY = "stedi.contract"
"""The key of a commit's metadata that holds the digest of the contract."""

READER_RULES = 2
"""The version of the rules by which the reader turns a raw file into rows and quarantined records. Raise it with every
change of the rules: the next run then reads all files again."""

DELTA_TYPES: Mapping[ColumnType, str] = {"VARCHAR": "string", "BIGINT": "long", "DOUBLE": "double"}
"""From the contract's types to Delta's names for them."""


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
    return column_types(schema) == {column.name: DELTA_TYPES[column.type] for column in columns}
