"""The contract by which the rows of a landing table were made, kept in the same commit as the rows."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence

from deltalake import Schema

from stedi_assets.contract import QUARANTINE_COLUMNS, Column, ColumnType, Source
from stedi_assets.query import Query
from stedi_assets.storage.columns import column_types

CONTRACT_KEY = "stedi.contract"
"""The commit's metadata that holds the digest of the contract."""

READER_RULES = 1
"""The number of the rules by which the reader makes rows and quarantined stretches of a raw file. Raise it with every
change of the rules: the next run then reads all files again."""

DELTA_TYPES: Mapping[ColumnType, str] = {"VARCHAR": "string", "BIGINT": "long", "DOUBLE": "double"}
"""From the contract's types to Delta's names for them."""


def contract_digest(source: Source, query: Query) -> str:
    """Returns a digest of all that decides which rows a raw file gives.

    Args:
        source: The kind of record.
        query: The landing table's SELECT.

    Returns:
        The same text as long as the same file gives the same rows.
    """
    contract = [READER_RULES, query.sql, _rules(source.columns), _rules(QUARANTINE_COLUMNS)]
    return hashlib.sha256(json.dumps(contract).encode()).hexdigest()


def _rules(columns: Iterable[Column]) -> list[list[str | bool]]:
    # The records of erased customers are found by the columns that name a customer.
    return [[column.name, column.type, column.required, column.names_customer] for column in columns]


def has_columns(schema: Schema, columns: Sequence[Column]) -> bool:
    """Whether a stored table has the columns of the contract, in any order.

    Args:
        schema: The table's.
        columns: The contract's.
    """
    return column_types(schema) == {column.name: DELTA_TYPES[column.type] for column in columns}
