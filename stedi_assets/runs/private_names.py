"""Every private name of a dependency that this package uses, with the reason. A test holds the list complete."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class PrivateModule:
    """Names of a private module.

    Attributes:
        reason: Why no public name serves.
        users: The modules of this package that use them, below `stedi_assets`.
        names: From an imported name to its attributes that are private or overridden.
    """

    reason: str
    users: Sequence[str]
    names: Mapping[str, Sequence[str]] = field(default_factory=dict)


HISTORY = "Dagster has no option that keeps a database of its history open; see stedi_assets/runs/history."
EXECUTOR = "An executor of one's own is public in Dagster; the types of its methods are not."
LAUNCHER = "A run launcher of one's own is public in Dagster; the result of its health check is not."

PRIVATE_MODULES = {
    "dagster._core.storage.event_log.sqlite.sqlite_event_log": PrivateModule(
        HISTORY,
        ["runs/history/storage.py"],
        {
            "INDEX_SHARD_NAME": [],
            "SqliteEventLogStorage": [
                "_base_dir",
                "_connect",
                "_db_lock",
                "_initdb",
                "_initialized_dbs",
                "conn_string_for_shard",
                "delete_events",
                "dispose",
                "has_table",
                "path_for_shard",
                "wipe",
            ],
        },
    ),
    "dagster._core.storage.runs.sqlite.sqlite_run_storage": PrivateModule(
        HISTORY, ["runs/history/storage.py"], {"SqliteRunStorage": ["_conn_string", "connect", "dispose"]}
    ),
    "dagster._core.storage.sqlite": PrivateModule(
        HISTORY, ["runs/history/storage.py"], {"SQLITE_BUSY_TIMEOUT_SECONDS": []}
    ),
    "dagster._core.storage.sqlite_storage": PrivateModule(
        HISTORY,
        ["runs/history/storage.py"],
        {"DagsterSqliteStorage": ["_event_log_storage", "_run_storage", "from_local"]},
    ),
    "dagster._serdes": PrivateModule(HISTORY, ["runs/history/storage.py"], {"ConfigurableClassData": []}),
    "dagster._core.execution.context.system": PrivateModule(
        EXECUTOR, ["runs/executors.py"], {"PlanOrchestrationContext": ["instance", "run_id"]}
    ),
    "dagster._core.execution.plan.plan": PrivateModule(EXECUTOR, ["runs/executors.py"], {"ExecutionPlan": []}),
    "dagster._core.execution.retries": PrivateModule(EXECUTOR, ["runs/executors.py"], {"RetryMode": []}),
    "dagster._core.execution.step_dependency_config": PrivateModule(
        EXECUTOR, ["runs/executors.py"], {"StepDependencyConfig": []}
    ),
    "dagster._core.launcher": PrivateModule(
        LAUNCHER, ["runs/launcher.py"], {"CheckRunHealthResult": [], "WorkerStatus": ["FAILED", "RUNNING"]}
    ),
    "dagster": PrivateModule(
        "Dagster hands a run launcher its instance by this attribute alone.",
        ["runs/launcher.py"],
        {"DefaultRunLauncher": ["_instance"]},
    ),
    "pyspark": PrivateModule(
        "PySpark has no public name for a context that another thread started, nor for the Java of an earlier context: "
        "SparkContext.getOrCreate and launch_gateway start new ones.",
        ["engines/spark/session.py"],
        {"SparkContext": ["_active_spark_context", "_gateway"]},
    ),
}
"""From a module to its private names, or to public classes with private attributes."""
