"""The same as in the default tier, for longer and differently each time."""

from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from stedi_assets_tests.support.any_order import Runs


def test_runs_by_parts_end_with_the_rows_and_findings_of_a_full_build_after_many_steps() -> None:
    profile = settings(max_examples=40, stateful_step_count=15, deadline=None, derandomize=False)
    run_state_machine_as_test(Runs, settings=profile)
