"""Another program's commits may name a customer in the log of a table; an erasure leaves a log that does not."""

from collections.abc import Callable
from contextlib import closing

import pytest
from deltalake import DeltaTable

from stedi_assets.contract import SOURCES
from stedi_assets.defs.assets import QUERIES
from stedi_assets.engines.engine import Engine
from stedi_assets.lakehouse.build import Builder
from stedi_assets.lakehouse.land import land
from stedi_assets_tests.support.erasing import EMAIL, all_bytes, erased, naming, opened
from stedi_assets_tests.support.grid import in_both_places
from stedi_assets_tests.support.projects import Project

pytestmark = in_both_places

TABLE = "accelerometer_landing"


def write_texts_into_the_log(table: DeltaTable) -> None:
    table.update({"x": "x"})


def write_texts_into_a_checkpoint(table: DeltaTable) -> None:
    write_texts_into_the_log(table)
    table.create_checkpoint()


def update_the_customers_rows(table: DeltaTable) -> None:
    table.update({"x": "x"}, predicate=f"user = '{EMAIL}'")


def delete_the_customers_rows(table: DeltaTable) -> None:
    table.delete(f"user = '{EMAIL}'")


def delete_them_and_join_files(table: DeltaTable) -> None:
    delete_the_customers_rows(table)
    table.optimize.compact()
    table.vacuum(0, dry_run=False, enforce_retention_duration=False)


COMMITS: dict[str, Callable[[DeltaTable], None]] = {
    commit.__name__: commit
    for commit in (
        write_texts_into_the_log,
        write_texts_into_a_checkpoint,
        update_the_customers_rows,
        delete_the_customers_rows,
        delete_them_and_join_files,
    )
}


def log(project: Project) -> bytes:
    """The log of the table, its files in order."""
    files = sorted(all_bytes(project.lakehouse / "accelerometer/landing/_delta_log"))
    return b"".join(content for _, content in files)


@pytest.mark.parametrize("commit", COMMITS)
def test_an_erasure_deletes_the_part_of_the_log_that_names_the_customer(
    built_project: Project, computing: Engine, commit: str
) -> None:
    others = {row: count for row, count in built_project.rows(TABLE).items() if EMAIL not in row}
    COMMITS[commit](built_project.delta(TABLE))
    assert EMAIL.encode() in log(built_project)
    assert erased(opened(built_project, computing)).is_complete
    assert not naming(built_project)
    assert built_project.rows(TABLE) == others


@pytest.mark.parametrize("commit", COMMITS)
def test_the_next_run_finds_nothing_new(built_project: Project, computing: Engine, commit: str) -> None:
    COMMITS[commit](built_project.delta(TABLE))
    erased(opened(built_project, computing))
    with closing(opened(built_project, computing)) as lakehouse:
        landed = land(
            Builder(lakehouse), SOURCES["accelerometer_files"], QUERIES[TABLE], {}, "next", full_refresh=False
        )
    assert landed.landing.plan.kind == "nothing"


def test_a_log_that_does_not_name_the_customer_stays_whole(built_project: Project, computing: Engine) -> None:
    before = log(built_project)
    erased(opened(built_project, computing))
    assert before in log(built_project)
