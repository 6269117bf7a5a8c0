"""The columns that Dagster shows of a table: names in their case, and types as the contract writes them."""

from decimal import Decimal
from typing import Any

import dagster
import pyarrow as pa
import pytest
from deltalake import Schema

from stedi_assets.contract import SIMPLE_TYPES, TABLES, Column
from stedi_assets.defs.io_managers.columns import stored_schema
from stedi_assets.query import Query
from stedi_assets_tests.support.projects import Project
from stedi_assets_tests.support.shown import Metadata, metadata_by_asset
from stedi_assets_tests.support.stored import written_with

Shown = list[tuple[str, str, str | None, bool, bool]]


def columns(schema: dagster.TableSchema) -> Shown:
    """Of each column the name, the type, the description, whether it may be null, and whether it is personal."""
    return [(c.name, c.type, c.description, c.constraints.nullable, "personal" in c.tags) for c in schema.columns]


def test_a_materialization_has_the_columns_as_the_contract_writes_them(shown: dict[str, Metadata]) -> None:
    for name, table in TABLES.items():
        assert columns(shown[name]["columns"]) == [
            (c.name, c.type, c.description, not c.required, c.personal) for c in table.columns
        ]


def test_dagsters_page_takes_the_columns_from_the_definition_alone_as_it_lowers_names_that_both_have(
    shown: dict[str, Metadata],
) -> None:
    assert not any("dagster/column_schema" in metadata for metadata in shown.values())


def test_a_table_that_stays_the_same_shows_no_columns_of_an_earlier_release(project: Project) -> None:
    job = project.definitions().resolve_job_def("lakehouse")
    table = dagster.AssetKey("customer_landing")
    with dagster.DagsterInstance.ephemeral() as instance:
        first = job.execute_in_process(instance=instance, asset_selection=[table])
        (event,) = (each for each in first.get_asset_materialization_events() if each.asset_key == table)
        before = event.materialization
        instance.report_runless_asset_event(
            before.with_metadata({**before.metadata, "dagster/column_schema": dagster.TableSchema([])})
        )
        second = job.execute_in_process(instance=instance, asset_selection=[table])
    shown = metadata_by_asset(second)["customer_landing"]
    assert "unchanged_since" in shown
    assert "dagster/column_schema" not in shown


def test_other_peoples_tables_show_the_types_as_the_contract_writes_them(built_project: Project) -> None:
    @dagster.asset
    def frame() -> pa.Table:
        price = pa.array([Decimal("1.50")], pa.decimal128(10, 2))
        return pa.table({"Score": [7], "price": price, "Words": [["a"]], "email": ["ada@example.com"]})

    @dagster.asset(deps=["customer_trusted"])
    def renamed() -> Query:
        return Query("SELECT lower(customer.email) AS Contact, true AS Known FROM customer_trusted AS customer")

    shown = metadata_by_asset(built_project.materialize_others(frame, renamed))
    assert columns(shown["frame"]["dagster/column_schema"]) == [
        ("Score", "BIGINT", None, True, False),
        ("price", "DECIMAL(10,2)", None, True, False),
        ("Words", "ARRAY<VARCHAR>", None, True, False),
        ("email", "VARCHAR", None, True, True),
    ]
    assert columns(shown["renamed"]["dagster/column_schema"]) == [
        ("Contact", "VARCHAR", None, True, True),
        ("Known", "BOOLEAN", None, True, False),
    ]


@pytest.mark.parametrize("kind", [*SIMPLE_TYPES, "DECIMAL(38,0)"])
def test_a_type_of_the_contract_is_shown_as_the_contract_writes_it(kind: str) -> None:
    written = written_with("Mixed", Column("Mixed", kind, "Any.").delta_type, comment="Any.")
    assert columns(stored_schema(written.schema, [])) == [("Mixed", kind, "Any.", True, False)]


@pytest.mark.parametrize(
    ("delta_type", "shown_as"),
    [
        ("short", "SMALLINT"),
        ("byte", "TINYINT"),
        ("binary", "BINARY"),
        ({"type": "array", "elementType": "long", "containsNull": True}, "ARRAY<BIGINT>"),
        (
            {"type": "map", "keyType": "string", "valueType": "decimal(5,1)", "valueContainsNull": True},
            "MAP<VARCHAR, DECIMAL(5,1)>",
        ),
        (
            {
                "type": "struct",
                "fields": [{"name": "Inner", "type": "long", "nullable": True, "metadata": {}}],
            },
            "STRUCT<Inner: BIGINT>",
        ),
    ],
)
def test_other_types_are_shown_in_the_same_way(delta_type: Any, shown_as: str) -> None:
    (column,) = stored_schema(written_with("a", delta_type).schema, []).columns
    assert column.type == shown_as


def test_a_column_that_may_not_be_null_says_so() -> None:
    schema = pa.schema([pa.field("a", pa.int64(), nullable=False)])
    (column,) = stored_schema(Schema.from_arrow(schema), []).columns
    assert column.constraints.nullable is False
