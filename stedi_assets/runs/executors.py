"""Dagster's executors, which also record that a run's process lives, and delete old runs from the history."""

from collections.abc import Iterator
from typing import Any

import dagster

from stedi_assets.runs.collector import rarely_collecting
from stedi_assets.runs.living import hold_until_exit, mark_dead_runs
from stedi_assets.runs.retention import delete_old_runs


class _HoldingExecutor(dagster.Executor):
    """An executor that first locks the run's file for this process, and marks the runs of dead processes as failed.

    It deletes old runs before it executes this one.

    An executor runs in the process that records the run's end. This holds for `stedi run`, `dagster asset materialize`,
    the UI, the sensor and the schedules, and also where each step has a process of its own.

    The types that `Any` stands for have no public name in Dagster.

    Args:
        executor: Executes the steps.
        history_days: Days for which finished runs stay in the history; 0 for ever.
    """

    def __init__(self, executor: dagster.Executor, history_days: int) -> None:
        self._executor = executor
        self._history_days = history_days

    def execute(self, plan_context: Any, execution_plan: Any) -> Iterator[dagster.DagsterEvent]:
        mark_dead_runs(plan_context.instance)
        hold_until_exit(plan_context.instance, plan_context.run_id)
        if self._history_days and plan_context.instance.is_persistent:
            delete_old_runs(plan_context.instance, self._history_days)
        with rarely_collecting():
            yield from self._executor.execute(plan_context, execution_plan)

    @property
    def retries(self) -> Any:
        return self._executor.retries

    @property
    def step_dependency_config(self) -> Any:
        return self._executor.step_dependency_config


EXECUTORS = {"in_process": dagster.in_process_executor, "multiprocess": dagster.multiprocess_executor}
"""From the value of STEDI_EXECUTOR to Dagster's executor."""


def executor(name: str, history_days: int) -> dagster.ExecutorDefinition:
    """Returns an executor of Dagster that also keeps the history.

    Args:
        name: A key of `EXECUTORS`.
        history_days: Days for which finished runs stay in the history; 0 for ever.
    """
    definition = EXECUTORS[name]

    def create(context: dagster.InitExecutorContext) -> dagster.Executor:
        assert definition.executor_creation_fn
        return _HoldingExecutor(definition.executor_creation_fn(context), history_days)

    return dagster.ExecutorDefinition(
        definition.name,
        definition.config_schema.as_field(),
        definition.get_requirements,
        create,
        definition.description,
    )
