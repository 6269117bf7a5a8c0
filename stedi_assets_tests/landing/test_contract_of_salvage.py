"""The contract and the salvage agree: mypy holds the columns, these tests the rest."""

from typing import get_args

import pytest

from stedi_assets.contract import QUARANTINE_COLUMNS, ColumnType
from stedi_assets.salvage.arrow import ARROW_TYPES, QUARANTINED_FIELDS
from stedi_assets.salvage.values import CONVERTERS

OF_THE_READING = {"sourceFile", "runId", "quarantinedAt"}
"""The columns of the quarantine that say which file was read, by which run, and when."""


def test_the_quarantine_has_the_fields_of_a_quarantined_record() -> None:
    columns = {column.name: column.type for column in QUARANTINE_COLUMNS if column.name not in OF_THE_READING}
    assert list(columns.items()) == list(QUARANTINED_FIELDS.items())


@pytest.mark.parametrize("column_type", get_args(ColumnType))
def test_the_salvage_converts_to_every_type_of_the_contract(column_type: str) -> None:
    assert column_type in CONVERTERS
    assert column_type in ARROW_TYPES
