"""What a query reads, and that an asset declares just that."""

import re

import pytest

from stedi_assets.defs.assets import TABLE_ASSETS
from stedi_assets.defs.assets.table_asset import table_asset
from stedi_assets.errors import StediError
from stedi_assets.query import Query
from stedi_assets_tests.support.projects import SELECTED_TABLES


@pytest.mark.parametrize(
    ("sql", "tables"),
    [
        ("SELECT * FROM a", {"a"}),
        ("SELECT * FROM a AS b JOIN c ON b.x = c.x", {"a", "c"}),
        ("SELECT * FROM a WHERE x IN (SELECT y FROM b)", {"a", "b"}),
        ("WITH w AS (SELECT * FROM a) SELECT * FROM w", {"a"}),
        ("SELECT * FROM a UNION ALL SELECT * FROM b", {"a", "b"}),
        ("SELECT 1", set()),
    ],
)
def test_the_tables_of_a_query_are_those_it_reads(sql: str, tables: set[str]) -> None:
    assert Query(sql).tables == tables


@pytest.mark.parametrize("sql", ["SELEC * FROM a", "SELECT * FROM", "DROP TABLE a", "SELECT 1; SELECT 2", ""])
def test_what_is_not_one_select_is_refused(sql: str) -> None:
    with pytest.raises(StediError, match="query"):
        _ = Query(sql).tables


def test_a_query_that_reads_an_undeclared_table_fails_loading_with_both_names() -> None:
    def customer_trusted() -> Query:
        return Query("SELECT * FROM customer_landing, customer_curated")

    with pytest.raises(StediError, match=re.escape("The query of customer_trusted reads customer_curated")):
        table_asset(deps=["customer_landing"])(customer_trusted)


def test_a_declared_table_that_the_query_does_not_read_fails_loading_with_both_names() -> None:
    def customer_trusted() -> Query:
        return Query("SELECT * FROM customer_landing")

    with pytest.raises(StediError, match="customer_trusted declares customer_curated as a dependency"):
        table_asset(deps=["customer_landing", "customer_curated"])(customer_trusted)


def test_a_dependency_that_is_not_in_the_contract_fails_loading() -> None:
    def customer_trusted() -> Query:
        return Query("SELECT * FROM customers")

    with pytest.raises(StediError, match="depends on customers, which is neither a table nor a source"):
        table_asset(deps=["customers"])(customer_trusted)


def test_a_query_that_cannot_be_parsed_fails_loading_with_the_name_of_the_asset() -> None:
    def customer_trusted() -> Query:
        return Query("SELEC * FROM customer_landing")

    with pytest.raises(StediError, match=r"^The query of customer_trusted is not legal: A query cannot be parsed"):
        table_asset(deps=["customer_landing"])(customer_trusted)


def test_an_asset_that_is_not_in_the_contract_fails_loading() -> None:
    def customer_bronze() -> Query:
        return Query("SELECT * FROM customer_files")

    with pytest.raises(StediError, match="customer_bronze has no table in the contract"):
        table_asset(deps=["customer_files"])(customer_bronze)


def test_every_table_of_the_contract_but_the_quarantines_has_a_query() -> None:
    assert [asset.name for asset in TABLE_ASSETS] == SELECTED_TABLES
