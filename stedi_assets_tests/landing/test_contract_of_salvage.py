"""The contract and the salvage agree: mypy holds the columns, these tests the rest."""

import pytest

from stedi_assets.contract import MOST_DIGITS, QUARANTINE_COLUMNS, SIMPLE_TYPES, Column
from stedi_assets.salvage import decimals
from stedi_assets.salvage.arrow import QUARANTINED_FIELDS, arrow_type
from stedi_assets.salvage.columns import SQL_TYPES
from stedi_assets.salvage.values import converter

OF_THE_READING = {"sourceFile", "runId", "quarantinedAt"}
"""The columns of the quarantine that say which file was read, by which run, and when."""


def test_the_quarantine_has_the_fields_of_a_quarantined_record() -> None:
    columns = {column.name: column.type for column in QUARANTINE_COLUMNS if column.name not in OF_THE_READING}
    assert list(columns.items()) == list(QUARANTINED_FIELDS.items())


def test_the_contract_has_the_types_of_the_salvage() -> None:
    assert (SIMPLE_TYPES, MOST_DIGITS) == (SQL_TYPES, decimals.MOST_DIGITS)


@pytest.mark.parametrize("column_type", [*SIMPLE_TYPES, "DECIMAL(38,38)", "DECIMAL(1,0)"])
def test_the_salvage_converts_to_every_type_of_the_contract(column_type: str) -> None:
    assert Column("any", column_type, "Any.").type == column_type
    assert converter(column_type).from_members
    assert arrow_type(column_type).type


@pytest.mark.parametrize(
    "column_type", ["TEXT", "varchar", "DECIMAL", "DECIMAL(39,0)", "DECIMAL(5,6)", "DECIMAL(0,0)", "DECIMAL(5, 2)", ""]
)
def test_a_column_of_any_other_type_is_refused_with_the_types_that_there_are(column_type: str) -> None:
    with pytest.raises(ValueError, match=r"The column any has the type .*\. A type is VARCHAR, .*, or DECIMAL\(p,s\)"):
        Column("any", column_type, "Any.")
