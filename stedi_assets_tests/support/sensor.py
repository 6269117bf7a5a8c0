"""The sensor for landing files, evaluated as its daemon does."""

from typing import Any

import dagster

from stedi_assets_tests.support.projects import Project


def look(project: Project, instance: dagster.DagsterInstance, cursor: str | None = None) -> Any:
    """Evaluates the sensor as its daemon does."""
    sensor = project.definitions().resolve_sensor_def("new_landing_files")
    return sensor.evaluate_tick(dagster.build_sensor_context(instance=instance, cursor=cursor))


def skipped(tick: Any) -> str:
    """Why the sensor asked for no run."""
    assert not tick.run_requests
    message: str = tick.skip_message
    return message
