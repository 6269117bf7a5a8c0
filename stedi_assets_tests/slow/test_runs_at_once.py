"""Runs at once, two and four, unforced and paused at every table, on disk and in a bucket."""

import random

import pytest

from stedi_assets_tests.support.grid import in_a_bucket, in_both_places
from stedi_assets_tests.support.projects import SELECTED_TABLES, Builds, Project
from stedi_assets_tests.support.rounds import (
    Run,
    assert_same_tables,
    assert_somebody_finished,
    play_round,
    wait_for,
    with_withdrawal,
    withdraw,
)

SHORT_LEASE_SECONDS = 3.0


@pytest.fixture(scope="module")
def fresh(builds: Builds) -> Project:
    return builds("local", "duckdb", with_withdrawal).project


@pytest.mark.parametrize("seed", range(5, 20))
def test_after_two_runs_at_once_every_table_belongs_to_one_state(project: Project, fresh: Project, seed: int) -> None:
    assert_somebody_finished(play_round(project, 2, random.Random(seed)))
    assert_same_tables(project, fresh)


@in_both_places
@pytest.mark.parametrize("runs", [2, 4])
@pytest.mark.parametrize("seed", range(5))
def test_after_runs_at_once_every_table_belongs_to_one_state(
    project: Project, fresh: Project, seed: int, runs: int
) -> None:
    assert_somebody_finished(play_round(project, runs, random.Random(seed)))
    assert_same_tables(project, fresh)


@pytest.mark.parametrize("seed", range(1))
def test_after_runs_with_a_process_for_each_step_every_table_belongs_to_one_state(
    project: Project, fresh: Project, seed: int
) -> None:
    play_round(project, 2, random.Random(seed), "multiprocess")
    assert_same_tables(project, fresh)


@pytest.mark.parametrize("table", SELECTED_TABLES)
def test_a_run_that_is_paused_on_disk_is_waited_for(project: Project, fresh: Project, table: str) -> None:
    first = Run.of(project)
    wait_for(project, table, first)
    first.pause()
    withdraw(project)
    second = Run.of(project)
    second.waits()
    first.go_on()
    assert [run.ended().exit_code for run in (first, second)] == [0, 0]
    assert_same_tables(project, fresh)


@in_a_bucket
@pytest.mark.parametrize("table", SELECTED_TABLES)
def test_a_run_that_is_paused_in_a_bucket_is_overtaken_and_puts_nobody_back(
    project: Project, fresh: Project, table: str
) -> None:
    first = Run.of(project, SHORT_LEASE_SECONDS)
    wait_for(project, table, first)
    first.pause()
    withdraw(project)
    second = Run.of(project, SHORT_LEASE_SECONDS).ended()
    first.go_on()
    assert second.exit_code == 0, second.output
    # Its last table may be stored, and nothing left to refuse.
    assert_somebody_finished([second, first.ended()])
    assert_same_tables(project, fresh)
