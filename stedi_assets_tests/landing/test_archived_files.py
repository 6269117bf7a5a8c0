"""With STEDI_GONE_FILES=keep, the rows of raw files that are gone stay, whatever a run reads again."""

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import closing

import pytest
from deltalake import DeltaTable, write_deltalake

from stedi_assets.defs.checks.check import nothing
from stedi_assets.engines.engine import Engine
from stedi_assets.errors import StediError
from stedi_assets.lakehouse.check import Check, Checks
from stedi_assets_tests.support.contracts import CHANGES, RECORDS, ContractShore
from stedi_assets_tests.support.grid import on_both_engines, on_both_engines_and_in_both_places, on_duckdb
from stedi_assets_tests.support.places import Place
from stedi_assets_tests.support.raw_files import reading_record, row_of
from stedi_assets_tests.support.shore import PHONES, Shore, expected_rows

pytestmark = on_both_engines_and_in_both_places

A_ROWS = f"SELECT count(*) AS rows FROM {PHONES.landing} AS landed WHERE landed.sourceFile = 'a.json'"
ROWS_OF_A = expected_rows([row_of(reading_record(1))], "a.json")


def put(shore: Shore, name: str, number: int, damage: bytes = b"") -> None:
    shore.put(name, reading_record(number) + b"\n" + damage)


@pytest.fixture
def archived(shore: Shore) -> Shore:
    """A landing table of three files, of which the first is archived, with its row and its quarantined record."""
    shore.lakehouse.keeps_gone_files = True
    put(shore, "a.json", 1, b"garbage\n")
    put(shore, "b.json", 2)
    put(shore, "c.json", 3)
    shore.land()
    (shore.folder / "a.json").unlink()
    return shore


def test_a_file_that_is_gone_is_nothing_new(archived: Shore) -> None:
    landed = archived.land()
    assert landed.landing.plan.kind == "nothing"
    assert (landed.files_kept, landed.files_archived, landed.files_removed) == (2, 1, [])


def test_its_rows_and_its_quarantine_stay_when_other_files_are_new_changed_and_gone(archived: Shore) -> None:
    quarantined = archived.quarantined()
    put(archived, "b.json", 4)
    put(archived, "d.json", 5)
    assert archived.land().files_read == ["b.json", "d.json"]
    others = {"b.json": 4, "c.json": 3, "d.json": 5}
    expected = (expected_rows([row_of(reading_record(number))], name) for name, number in others.items())
    assert archived.landed() == sum(expected, ROWS_OF_A)
    assert archived.quarantined() == quarantined
    assert set(archived.ledger()) == {"a.json", "b.json", "c.json", "d.json"}


def test_its_rows_stay_in_a_full_refresh_that_reads_the_other_files_again(archived: Shore) -> None:
    before, quarantined = archived.landed(), archived.quarantined()
    landed = archived.land(full_refresh=True)
    assert landed.files_read == ["b.json", "c.json"]
    assert landed.landing.plan.reason == "a full refresh was asked for; the rows of 1 archived raw files stay"
    assert archived.landed() == before
    assert archived.quarantined() == quarantined


@on_duckdb
def test_after_any_deliveries_changes_and_removals_the_rows_are_those_that_each_file_had_last(shore: Shore) -> None:
    shore.lakehouse.keeps_gone_files = True
    draw = random.Random(0)
    put(shore, "a.json", 1)
    seen: dict[str, int] = {}
    there = {"a.json": 1}
    for _ in range(60):
        name, number = draw.choice("abcd") + ".json", draw.randint(1, 99)
        if draw.random() < 0.5:
            there[name] = number
            put(shore, name, number)
        elif there.pop(name, None):
            (shore.folder / name).unlink()
        if draw.random() < 0.6 and (there or seen):
            shore.land(full_refresh=draw.random() < 0.3)
            seen |= there
            rows = (expected_rows([row_of(reading_record(number))], name) for name, number in seen.items())
            assert shore.landed() == sum(rows, Counter())


@pytest.fixture
def contract_shore(place: Place, computing: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[ContractShore]:
    """A landing table of three files, of which one is archived."""
    with closing(ContractShore(place, computing, monkeypatch)) as shore:
        shore.lakehouse.keeps_gone_files = True
        shore.hold(["a.json", "b.json", "c.json"])
        shore.land()
        shore.hold(["b.json", "c.json"])
        yield shore


@on_both_engines
@pytest.mark.parametrize("change", ["columns in another order", "required switched on", "required switched off"])
def test_its_rows_stay_when_an_edit_of_the_contract_leaves_the_columns(
    contract_shore: ContractShore, change: str
) -> None:
    before = contract_shore.lakehouse.rows(A_ROWS)
    contract_shore.use(CHANGES[change].columns)
    assert contract_shore.land().files_read == ["b.json", "c.json"]
    assert contract_shore.lakehouse.rows(A_ROWS) == before
    assert not contract_shore.land().is_changed


@on_duckdb
@pytest.mark.parametrize("change", ["column added", "column removed", "BIGINT to DOUBLE"])
def test_other_columns_are_refused_while_rows_cannot_be_read_again(contract_shore: ContractShore, change: str) -> None:
    before = contract_shore.landed()
    contract_shore.use(CHANGES[change].columns)
    for full_refresh in (False, True):
        with pytest.raises(StediError, match="are not those of the contract"):
            contract_shore.land(full_refresh=full_refresh)
    assert contract_shore.landed() == before


def test_other_columns_are_taken_when_the_archived_files_are_back(contract_shore: ContractShore) -> None:
    contract_shore.hold(["a.json", "b.json", "c.json"])
    contract_shore.use(CHANGES["column added"].columns)
    contract_shore.land()
    contract_shore.assert_holds(CHANGES["column added"].columns, CHANGES["column added"].rows, RECORDS)


def test_a_table_that_another_program_wrote_is_refused_as_nothing_tells_which_files_are_archived(
    archived: Shore,
) -> None:
    folder = archived.lakehouse.folder(archived.source.landing)
    table = DeltaTable(folder.path, storage_options=folder.delta_options)
    write_deltalake(table, table.to_pyarrow_table(), mode="overwrite")
    with pytest.raises(StediError, match="nothing tells which of them are archived"):
        archived.of_another_run().land()


def test_a_file_that_comes_back_is_read_again_and_its_rows_are_there_once(archived: Shore) -> None:
    before = archived.landed()
    put(archived, "a.json", 1, b"garbage\n")
    archived.land()
    assert archived.landed() == before


def test_a_copy_of_an_archived_file_has_its_digest(archived: Shore) -> None:
    put(archived, "e.json", 1, b"garbage\n")
    archived.land()
    assert archived.entry("e.json").digest == archived.entry("a.json").digest != ""


def test_a_run_without_the_setting_refuses_to_remove_what_the_last_one_kept(archived: Shore) -> None:
    before = archived.landed()
    archived.lakehouse.keeps_gone_files = False
    with pytest.raises(StediError, match="would remove the rows of 1 of them"):
        archived.land()
    assert archived.landed() == before
    assert archived.land(full_refresh=True).files_read == ["b.json", "c.json"]
    assert not archived.landed() & ROWS_OF_A


def test_a_file_of_a_rejected_reading_that_is_gone_leaves_nothing(archived: Shore) -> None:
    before, quarantined = archived.landed(), archived.quarantined()
    archived.put("d.json", b"garbage\n")
    assert archived.land(checks=rejecting(archived)).landing.is_rejected
    (archived.folder / "d.json").unlink()
    archived.land()
    assert archived.landed() == before
    assert archived.quarantined() == quarantined
    assert "d.json" not in archived.ledger()


def rejecting(shore: Shore) -> Checks:
    """A check of the landing table that fails."""
    check = Check("fails", "It fails.", True, lambda lakehouse: {"found": 1}, nothing)
    return {shore.source.landing: [check]}
