"""The types of Delta as Glue names them."""

from typing import Any

import pytest

from stedi_assets.catalog.glue import table_input
from stedi_assets.contract import Column
from stedi_assets_tests.support.stored import FOLDER, written_with


@pytest.mark.parametrize(
    ("delta_type", "glue_type"),
    [
        ("string", "string"),
        ("long", "bigint"),
        ("integer", "int"),
        ("short", "smallint"),
        ("byte", "tinyint"),
        ("float", "float"),
        ("double", "double"),
        ("boolean", "boolean"),
        ("binary", "binary"),
        ("date", "date"),
        ("timestamp", "timestamp"),
        ("timestamp_ntz", "timestamp"),
        ("decimal(20,2)", "decimal(20,2)"),
        ({"type": "array", "elementType": "long", "containsNull": True}, "array<bigint>"),
        (
            {"type": "map", "keyType": "string", "valueType": "integer", "valueContainsNull": True},
            "map<string,int>",
        ),
        (
            {
                "type": "struct",
                "fields": [
                    {"name": "Inner", "type": "short", "nullable": True, "metadata": {}},
                    {"name": "other", "type": "date", "nullable": True, "metadata": {}},
                ],
            },
            "struct<inner:smallint,other:date>",
        ),
    ],
)
def test_a_type_of_delta_becomes_the_type_that_glue_has_for_it(delta_type: Any, glue_type: str) -> None:
    entry: Any = table_input("mine", FOLDER, written_with("a", delta_type))
    assert [column["Type"] for column in entry["StorageDescriptor"]["Columns"]] == [glue_type]


@pytest.mark.parametrize(
    ("kind", "glue_type"),
    [("VARCHAR", "string"), ("INTEGER", "int"), ("TIMESTAMP", "timestamp"), ("DECIMAL(5,2)",) * 2],
)
def test_a_type_of_the_contract_becomes_the_type_that_glue_has_for_it(kind: str, glue_type: str) -> None:
    delta_type = Column("a", kind, "Any.").delta_type
    entry: Any = table_input("mine", FOLDER, written_with("a", delta_type))
    (column,) = entry["StorageDescriptor"]["Columns"]
    assert column["Type"] == glue_type.lower()


def test_a_comment_in_the_stored_schema_becomes_the_columns_and_is_cut_to_what_glue_keeps() -> None:
    entry: Any = table_input("mine", FOLDER, written_with("a", "long", comment="Of two\nlines. " + "ü" * 300))
    (column,) = entry["StorageDescriptor"]["Columns"]
    assert column["Comment"].startswith("Of two lines. üü")
    assert 253 <= len(column["Comment"].encode()) <= 255
