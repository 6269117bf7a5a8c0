"""Dagster's executors, which also record that a run's process lives."""

from collections.abc import Iterator
from typing import Any

import dagster

from stedi_assets.runs.collector import rarely_collecting
from stedi_assets.runs.living import hold_until_exit, mark_dead_runs


class _HoldingExecutor(dagster.Executor):
    """An executor that first locks the run's file for this process, and marks the runs of dead processes as failed.

    An executor runs in the process that records the run's end. This holds for `stedi run`, `dagster asset materialize`,
    the UI, the sensor and the schedules, and also where each step has a process of its own.

    The types that `Any` stands for have no public name in Dagster.

    Args:
        executor: Executes the steps.
    """

    def __init__(self, executor: dagster.Executor) -> None:
        self._executor = executor

    def execute(self, plan_context: Any, execution_plan: Any) -> Iterator[dagster.DagsterEvent]:
        mark_dead_runs(plan_context.instance)
        hold_until_exit(plan_context.instance, plan_context.run_id)
        with rarely_collecting():
            yield from self._executor.execute(plan_context, execution_plan)

    @property
    def retries(self) -> Any:
        return self._executor.retries

    @property
    def step_dependency_config(self) -> Any:
        return self._executor.step_dependency_config


def _holding(definition: dagster.ExecutorDefinition) -> dagster.ExecutorDefinition:
    def create(context: dagster.InitExecutorContext) -> dagster.Executor:
        assert definition.executor_creation_fn
        return _HoldingExecutor(definition.executor_creation_fn(context))

    return dagster.ExecutorDefinition(
        definition.name,
        definition.config_schema.as_field(),
        definition.get_requirements,
        create,
        definition.description,
    )


EXECUTORS = {
    "in_process": _holding(dagster.in_process_executor),
    "multiprocess": _holding(dagster.multiprocess_executor),
}
"""From the value of STEDI_EXECUTOR to the executor."""
