"""A run reads all raw files again where another contract made the rows that a landing table holds."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from stedi_assets.contract import TABLES
from stedi_assets.engines.engine import Engine
from stedi_assets.lakehouse.build import Builder
from stedi_assets.lakehouse.land import land
from stedi_assets.landing import digest
from stedi_assets.query import Query
from stedi_assets.storage import delta
from stedi_assets_tests.support.contracts import (
    BEFORE,
    CHANGES,
    CIRCUMSTANCES,
    ROWS_BEFORE,
    ContractShore,
    assert_a_change_is_followed_there_and_back,
    retyped,
)
from stedi_assets_tests.support.grid import on_both_engines, on_spark
from stedi_assets_tests.support.places import Place
from stedi_assets_tests.support.shore import PHONES, expected_rows


@pytest.fixture
def contract_shore(place: Place, computing: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[ContractShore]:
    with closing(ContractShore(place, computing, monkeypatch)) as opened:
        yield opened


@pytest.mark.parametrize("circumstance", CIRCUMSTANCES)
@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_contract_is_followed_there_and_back(
    contract_shore: ContractShore, change: str, circumstance: str
) -> None:
    assert_a_change_is_followed_there_and_back(contract_shore, CHANGES[change], circumstance)


@on_spark
@pytest.mark.parametrize("change", ["column added", "BIGINT to VARCHAR"])
def test_spark_follows_a_changed_contract_there_and_back(contract_shore: ContractShore, change: str) -> None:
    assert_a_change_is_followed_there_and_back(contract_shore, CHANGES[change], "with a new file")


def test_a_column_that_becomes_required_puts_the_records_without_it_into_quarantine(
    contract_shore: ContractShore,
) -> None:
    contract_shore.hold(["c.json"])
    contract_shore.land()
    assert not contract_shore.quarantined()
    contract_shore.use(CHANGES["required switched on"].columns)
    contract_shore.land()
    assert contract_shore.quarantined().total() == 1


def test_a_value_that_does_not_fit_the_new_type_goes_into_quarantine(contract_shore: ContractShore) -> None:
    contract_shore.put("d.json", b'{"user":"ada","timestamp":1}\n{"user":"12","timestamp":2}\n')
    contract_shore.land()
    contract_shore.use(retyped("user", "BIGINT"))
    contract_shore.land()
    assert contract_shore.landed() == expected_rows([(12, 2, None)], "d.json")
    assert contract_shore.quarantined().total() == 1


def test_another_select_reads_all_files_again(contract_shore: ContractShore) -> None:
    contract_shore.hold(["a.json"])
    contract_shore.land()
    query = Query("SELECT * REPLACE (x * 2 AS x) FROM accelerometer_files")
    landed = land(Builder(contract_shore.lakehouse), contract_shore.source, query, {}, "a run", full_refresh=False)
    assert landed.files_read == ["a.json"]
    assert contract_shore.landed() == expected_rows([("11", 1, 1.0), ("12", 2, 4.0)], "a.json")


def test_other_rules_of_the_reader_read_all_files_again(
    contract_shore: ContractShore, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract_shore.hold(["a.json"])
    contract_shore.land()
    monkeypatch.setattr(digest, "READER_RULES", digest.READER_RULES + 1)
    assert contract_shore.land().files_read == ["a.json"]


def test_other_words_of_a_description_read_nothing_again(contract_shore: ContractShore) -> None:
    contract_shore.hold(["a.json"])
    contract_shore.land()
    contract_shore.use(tuple(replace(column, description="Reworded.") for column in BEFORE))
    assert not contract_shore.land().is_changed


@on_both_engines
@pytest.mark.parametrize("table", [PHONES.landing, PHONES.quarantine])
def test_a_table_that_another_program_gave_a_column_has_those_of_the_contract_again(
    contract_shore: ContractShore, table: str
) -> None:
    contract_shore.hold(["a.json", "b.json"])
    contract_shore.land()
    columns = contract_shore.lakehouse.columns(table)
    folder = contract_shore.place.location(f"lakehouse/{TABLES[table].path}")
    write_deltalake(folder.path, pa.table({"more": [1]}), mode="append", schema_mode="merge")
    contract_shore.hold(["a.json", "b.json", "c.json"])
    contract_shore.land()
    assert contract_shore.lakehouse.columns(table) == columns
    contract_shore.assert_holds(BEFORE, ROWS_BEFORE, ["a.json", "b.json", "c.json"])
    assert contract_shore.quarantined().total() == 1


def test_after_a_crash_between_quarantine_and_landing_the_next_run_follows_the_contract(
    contract_shore: ContractShore, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract_shore.hold(["a.json", "b.json"])
    contract_shore.land()
    contract_shore.use(CHANGES["required switched off"].columns)
    commit = delta.commit

    def crash_at_the_landing_table(*arguments: object) -> int:
        if str(arguments[1]).endswith(TABLES[PHONES.landing].path):
            raise KeyboardInterrupt
        return commit(*arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(delta, "commit", crash_at_the_landing_table)
        contract_shore.land()
    contract_shore.land()
    contract_shore.assert_holds(
        contract_shore.source.columns, CHANGES["required switched off"].rows, ["a.json", "b.json"]
    )
    assert not contract_shore.quarantined()
