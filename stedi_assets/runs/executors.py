"""Dagster's executors for runs whose processes may be killed."""

from collections.abc import Iterator

import dagster
from dagster._core.execution.context.system import PlanOrchestrationContext
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.retries import RetryMode
from dagster._core.execution.step_dependency_config import StepDependencyConfig

from stedi_assets.runs.collector import rarely_collecting
from stedi_assets.runs.living import hold_until_exit, mark_dead_runs


class _Declaring(dagster.Executor):
    """An executor that first declares that this process carries out the run, and marks those of dead processes.

    Each kind of run has its executor in the process that records its end: of `stedi run`, `dagster asset materialize`,
    the UI, the sensor and the schedules, with a process for each step or without.

    Args:
        executor: What executes the steps.
    """

    def __init__(self, executor: dagster.Executor) -> None:
        self._executor = executor

    def execute(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Iterator[dagster.DagsterEvent]:
        mark_dead_runs(plan_context.instance)
        hold_until_exit(plan_context.instance, plan_context.run_id)
        with rarely_collecting():
            yield from self._executor.execute(plan_context, execution_plan)

    @property
    def retries(self) -> RetryMode:
        return self._executor.retries

    @property
    def step_dependency_config(self) -> StepDependencyConfig:
        return self._executor.step_dependency_config


def _declaring(definition: dagster.ExecutorDefinition) -> dagster.ExecutorDefinition:
    def create(context: dagster.InitExecutorContext) -> dagster.Executor:
        assert definition.executor_creation_fn
        return _Declaring(definition.executor_creation_fn(context))

    return dagster.ExecutorDefinition(
        definition.name,
        definition.config_schema.as_field(),
        definition.get_requirements,
        create,
        definition.description,
    )


EXECUTORS = {
    "in_process": _declaring(dagster.in_process_executor),
    "multiprocess": _declaring(dagster.multiprocess_executor),
}
"""From the name that the settings know to the executor."""
