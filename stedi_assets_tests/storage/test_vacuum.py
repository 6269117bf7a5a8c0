"""A vacuum deletes what no version needs, and nothing that is not the table's own."""

from datetime import timedelta

import pytest
from deltalake import write_deltalake

from stedi_assets.storage.attempt import NOTE
from stedi_assets.storage.vacuum import vacuum
from stedi_assets_tests.support.cleaning import names_below
from stedi_assets_tests.support.grid import in_both_places
from stedi_assets_tests.support.projects import Project, opened_lakehouse
from stedi_assets_tests.support.records import customer

pytestmark = in_both_places

FOREIGN = (
    "part-mine.parquet",
    "part-00000-0b6d5d2e-8a53-4f6c-9b53-0a3a7a0f5c10-c000.snappy.parquet",
    "notes/x.parquet",
    "notes.txt",
)

LEFT_BY_KILLED_RUNS = (
    "part-0b6d5d2e-8a53-4f6c-9b53-0a3a7a0f5c10-0.parquet",
    "part-0b6d5d2e-8a53-4f6c-9b53-0a3a7a0f5c10/part-00000-c000.snappy.parquet",
    "part-0b6d5d2e-8a53-4f6c-9b53-0a3a7a0f5c10-staged/0/rows.parquet",
)


def put(project: Project, *names: str) -> None:
    for name in names:
        file = project.lakehouse / "customer/landing" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("rows")


def data_files(project: Project) -> set[str]:
    """The files in the table's folder, without its log and this program's notes about it."""
    names = names_below(project.lakehouse / "customer/landing")
    return {name for name in names if not (name.startswith("_delta_log/") or NOTE.fullmatch(name))}


def notes(project: Project) -> set[str]:
    return {name for name in names_below(project.lakehouse / "customer/landing") if NOTE.fullmatch(name)}


def current_files(project: Project) -> set[str]:
    folder = str(project.lakehouse / "customer/landing")
    return {file.removeprefix(f"{folder}/") for file in project.files("customer_landing")}


@pytest.fixture
def rewritten(project: Project) -> Project:
    """A project whose table has a file of an old version, written by this program, and another's."""
    folder = project.location("customer/landing")
    assert project.materialize("customer_landing").success
    rows = project.delta("customer_landing").to_pyarrow_table()
    for _ in range(2):
        write_deltalake(folder.path, rows, mode="overwrite", storage_options=folder.delta_options)
    return project


def test_files_of_old_versions_and_of_killed_runs_go(rewritten: Project) -> None:
    put(rewritten, *LEFT_BY_KILLED_RUNS)
    before = data_files(rewritten)
    deleted = vacuum(rewritten.location("customer/landing"), timedelta(0))
    assert data_files(rewritten) == current_files(rewritten)
    assert set(deleted) == before - current_files(rewritten)
    assert len(deleted) == 2 + len(LEFT_BY_KILLED_RUNS)


def test_files_that_somebody_else_put_there_stay(rewritten: Project) -> None:
    put(rewritten, *FOREIGN)
    vacuum(rewritten.location("customer/landing"), timedelta(0))
    assert data_files(rewritten) == {*current_files(rewritten), *FOREIGN}


def test_the_state_and_the_ledger_of_the_current_version_stay(rewritten: Project) -> None:
    before = notes(rewritten)
    assert len(before) == 2
    vacuum(rewritten.location("customer/landing"), timedelta(0))
    assert notes(rewritten) == before


def test_the_parts_of_a_ledger_that_only_old_versions_need_go(project: Project) -> None:
    for records in ([customer("ada")], [customer("eve")]):
        project.land("customer", "customer-1.json", records)
        assert project.materialize("customer_landing").success
    folder = project.location("customer/landing")
    old = notes(project)
    deleted = vacuum(folder, timedelta(0))
    assert len(old) == 3
    assert old - notes(project) == {name for name in deleted if NOTE.fullmatch(name)}
    assert len(notes(project)) == 2
    with opened_lakehouse(project) as lakehouse:
        assert [*lakehouse.ledger("customer_landing")] == ["customer-1.json"]


def test_a_dry_run_names_what_would_go_and_deletes_nothing(rewritten: Project) -> None:
    put(rewritten, *FOREIGN)
    before = data_files(rewritten)
    found = vacuum(rewritten.location("customer/landing"), timedelta(0), dry_run=True)
    assert set(found) == before - current_files(rewritten) - set(FOREIGN)
    assert data_files(rewritten) == before


def log(project: Project) -> set[str]:
    names = names_below(project.lakehouse / "customer/landing/_delta_log")
    return {name for name in names if not name.startswith("_")}


def versions(*numbers: int) -> set[str]:
    return {f"{number:020}.json" for number in numbers}


def test_the_log_goes_up_to_the_newest_checkpoint_that_is_older_than_the_retention(rewritten: Project) -> None:
    rewritten.delta("customer_landing", version=1).create_checkpoint()
    vacuum(rewritten.location("customer/landing"), timedelta(0))
    assert log(rewritten) == {*versions(1, 2), f"{1:020}.checkpoint.parquet"}
    assert rewritten.rows("customer_landing")
    assert len(rewritten.delta("customer_landing").history()) == 2


def test_an_older_checkpoint_goes_too(rewritten: Project) -> None:
    for version in (0, 1, 2):
        rewritten.delta("customer_landing", version=version).create_checkpoint()
    vacuum(rewritten.location("customer/landing"), timedelta(0))
    assert log(rewritten) == {*versions(2), f"{2:020}.checkpoint.parquet"}


def test_the_log_of_versions_within_the_retention_stays(rewritten: Project) -> None:
    rewritten.delta("customer_landing").create_checkpoint()
    before = log(rewritten)
    vacuum(rewritten.location("customer/landing"), timedelta(days=1))
    assert log(rewritten) == before


def test_a_log_without_a_checkpoint_stays(rewritten: Project) -> None:
    vacuum(rewritten.location("customer/landing"), timedelta(0))
    assert log(rewritten) == versions(0, 1, 2)


def test_the_commit_that_last_changed_rows_stays_whatever_came_after_it(project: Project) -> None:
    project.land("customer", "customer-1.json", [customer("ada")])
    assert project.materialize("customer_landing").success
    for days in (1, 2):
        project.delta("customer_landing").alter.set_table_properties(
            {"delta.logRetentionDuration": f"interval {days} days"}
        )
    project.delta("customer_landing").create_checkpoint()
    vacuum(project.location("customer/landing"), timedelta(0))
    assert versions(0) <= log(project)
    with opened_lakehouse(project) as lakehouse:
        assert [*lakehouse.ledger("customer_landing")] == ["customer-1.json"]
