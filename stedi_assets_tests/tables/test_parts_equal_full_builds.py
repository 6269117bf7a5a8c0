"""Whatever happens, the tables and the findings that runs reach by parts are those of a full build."""

from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from stedi_assets_tests.support.any_order import Runs
from stedi_assets_tests.support.grid import on_duckdb


@on_duckdb
def test_runs_by_parts_end_with_the_rows_and_findings_of_a_full_build() -> None:
    run_state_machine_as_test(Runs, settings=settings(max_examples=15, stateful_step_count=8, deadline=None))
