"""Two runs at once, and a consent that is withdrawn in between; stedi_assets_tests/slow has more of them."""

import random

import pytest

from stedi_assets_tests.support.projects import Builds, Project
from stedi_assets_tests.support.rounds import (
    Run,
    assert_same_tables,
    assert_somebody_finished,
    play_round,
    wait_for,
    with_withdrawal,
    withdraw,
)


@pytest.fixture(scope="module")
def fresh(builds: Builds) -> Project:
    return builds("local", "duckdb", with_withdrawal).project


def test_after_two_runs_at_once_every_table_belongs_to_one_state(project: Project, fresh: Project) -> None:
    assert_somebody_finished(play_round(project, 2, random.Random(0)))
    assert_same_tables(project, fresh)


def test_a_run_that_is_on_when_a_consent_is_withdrawn_puts_nobody_back(project: Project, fresh: Project) -> None:
    first = Run.of(project)
    assert wait_for(project, "customer_landing", first)
    first.pause()
    withdraw(project)
    second = Run.of(project)
    assert second.waits()
    first.go_on()
    assert [run.ended().exit_code for run in (first, second)] == [0, 0]
    assert_same_tables(project, fresh)
