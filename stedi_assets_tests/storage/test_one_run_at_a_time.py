"""Who holds the lakehouse: whatever changes a table, from the first that it reads until its end; and no reader."""

from collections.abc import Callable, Sequence

import dagster
import pandas as pd
import polars as pl
import pytest

from stedi_assets.errors import ConflictError, StediError
from stedi_assets.query import Query
from stedi_assets.storage import lease_in_bucket
from stedi_assets.storage.lease import Lease, lease_held, take_lease
from stedi_assets_tests.support.checkout import PROJECT
from stedi_assets_tests.support.checks import check_alone, rewrite
from stedi_assets_tests.support.cleaning import names_below
from stedi_assets_tests.support.commands import run
from stedi_assets_tests.support.engines import KEY
from stedi_assets_tests.support.grid import in_a_bucket
from stedi_assets_tests.support.projects import Project, opened_lakehouse
from stedi_assets_tests.support.runs import failure

CUSTOMERS = "SELECT count(*) AS n FROM customer_landing AS customer"

WRITERS = {
    "run": ("run",),
    "vacuum": ("vacuum",),
    "erase": ("erase", "ada@example.com", "--yes", "--force"),
    "clean": ("clean", "--yes"),
}

READERS = {
    "query": ("query", CUSTOMERS),
    "tables": ("tables",),
    "vacuum, dry": ("vacuum", "--dry-run"),
    "erase, dry": ("erase", "ada@example.com"),
    "clean, dry": ("clean", "--dry-run"),
}


def stedi(project: Project, command: Sequence[str]) -> tuple[int, str]:
    """Runs a command that waits for nobody."""
    variables = {"STEDI_PSEUDONYM_KEY": KEY.hex(), "STEDI_LEASE_WAIT_TIMEOUT": "0"}
    finished = run("stedi", *command, folder=PROJECT, **project.variables, **variables)
    return finished.exit_code, finished.output


def holds(project: Project) -> bool:
    """Whether anybody else than us holds the lakehouse."""
    try:
        take_lease(project.location(), "somebody", 0).release()
    except StediError:
        return True
    return False


@pytest.mark.parametrize("command", WRITERS.values(), ids=WRITERS.keys())
def test_a_command_that_changes_tables_waits_for_whoever_holds_the_lakehouse(
    built_project: Project, command: Sequence[str]
) -> None:
    files = sorted(built_project.lakehouse.rglob("*.parquet"))
    with lease_held(built_project.location(), "run 1", 0):
        exit_code, output = stedi(built_project, command)
    assert exit_code == 1
    assert f"The lakehouse at {built_project.lakehouse} is held by run 1 (process " in output
    assert sorted(built_project.lakehouse.rglob("*.parquet")) == files
    assert not holds(built_project)


def test_a_command_that_only_reads_waits_for_nobody(built_project: Project) -> None:
    with lease_held(built_project.location(), "run 1", 0):
        ended = {name: stedi(built_project, command) for name, command in READERS.items()}
    assert {name: output for name, (exit_code, output) in ended.items() if exit_code} == {}


def test_checks_that_run_alone_wait_for_nobody(built_project: Project) -> None:
    with lease_held(built_project.location(), "run 1", 0):
        assert check_alone(built_project, "customer_trusted").success


def test_a_run_holds_the_lakehouse_from_the_first_table_that_it_loads(built_project: Project) -> None:
    seen = []

    @dagster.asset
    def mine(customer_landing: pd.DataFrame) -> pd.DataFrame:
        seen.append(holds(built_project))
        return customer_landing[["lastUpdateDate"]]

    assert built_project.materialize_others(mine).success
    assert seen == [True]
    assert not holds(built_project)


def test_a_run_holds_the_lakehouse_from_the_first_table_that_it_stores_until_its_end(project: Project) -> None:
    seen = []

    @dagster.asset
    def first() -> Query:
        return Query("SELECT 1 AS a")

    @dagster.asset(deps=[first])
    def second() -> Query:
        seen.append(holds(project))
        return Query("SELECT * FROM first")

    assert project.materialize_others(first, second).success
    assert seen == [True]
    assert not holds(project)


def interrupt() -> Query:
    raise KeyboardInterrupt


def fail() -> Query:
    raise ValueError


@pytest.mark.parametrize("end", [interrupt, fail])
def test_a_run_that_breaks_off_holds_the_lakehouse_no_longer(project: Project, end: Callable[[], Query]) -> None:
    @dagster.asset
    def first() -> Query:
        return Query("SELECT 1 AS a")

    @dagster.asset(deps=[first])
    def second() -> Query:
        return end()

    try:
        assert not project.materialize_others(first, second).success
    except KeyboardInterrupt:
        assert end is interrupt
    assert not holds(project)


def test_a_step_that_is_tried_again_has_the_lakehouse_still(project: Project) -> None:
    tries = []

    @dagster.asset(retry_policy=dagster.RetryPolicy(max_retries=1))
    def mine() -> Query:
        tries.append(holds(project))
        return Query("SELECT * FROM nothing" if len(tries) == 1 else "SELECT 1 AS a")

    assert project.materialize_others(mine).success
    assert tries == [False, True]


def test_the_io_managers_of_one_run_do_not_wait_for_one_another(project: Project) -> None:
    @dagster.asset
    def first() -> Query:
        return Query("SELECT 1 AS a")

    @dagster.asset(io_manager_key="duckdb_io_manager", deps=[first])
    def second() -> Query:
        return Query("SELECT * FROM first")

    result = project.materialize_others(first, second)
    assert result.success, failure(result, "second")
    assert project.rows("second") == {(1,): 1}


def test_a_run_that_waited_reads_what_the_other_one_stored(built_project: Project) -> None:
    with opened_lakehouse(built_project) as lakehouse:
        assert lakehouse.rows(CUSTOMERS) == [{"n": 5}]
        rewrite(built_project, "customer_landing", "FROM stored LIMIT 2")
        lakehouse.hold("run 2")
        assert lakehouse.rows(CUSTOMERS) == [{"n": 2}]


@in_a_bucket
def test_a_run_that_lost_the_lakehouse_stores_nothing_more_and_leaves_no_rows(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def computed_while_another_run_takes_over(frame: pl.DataFrame) -> pl.DataFrame:
        monkeypatch.setattr(lease_in_bucket, "LEASE_SECONDS", 0)
        others.append(take_lease(project.location(), "run 2", 60))
        monkeypatch.undo()
        return frame

    others: list[Lease] = []
    late = pl.LazyFrame({"a": [2]}).map_batches(computed_while_another_run_takes_over)
    with opened_lakehouse(project) as lakehouse:
        lakehouse.store("mine", Query("SELECT 1 AS a"), "1")
        before = names_below(project.lakehouse)
        with pytest.raises(ConflictError, match="was lost to run 2") as lost:
            lakehouse.store("mine", late, "1")
    assert lost.value.folder == str(project.location())
    others[0].release()
    assert project.rows("mine") == {(1,): 1}
    assert names_below(project.lakehouse) == before


@in_a_bucket  # On disk the kernel frees it.
def test_the_lakehouse_is_free_after_every_command_that_changes_tables(project: Project) -> None:
    for command in (("run", "--select", "key:customer_landing"), *list(WRITERS.values())[1:]):
        exit_code, output = stedi(project, command)
        assert exit_code == 0, output
        assert not holds(project)
