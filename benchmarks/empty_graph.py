"""Assets that do nothing, with the names, dependencies and checks of the project's: what orchestration costs.

Usage: dagster asset materialize --select '*' -f benchmarks/empty_graph.py
"""

import dagster as dg

DEPENDENCIES = {
    "customer_landing": (),
    "accelerometer_landing": (),
    "step_trainer_landing": (),
    "customer_quarantine": (),
    "accelerometer_quarantine": (),
    "step_trainer_quarantine": (),
    "customer_trusted": ("customer_landing",),
    "accelerometer_trusted": ("accelerometer_landing", "customer_trusted"),
    "customer_curated": ("customer_trusted", "accelerometer_trusted"),
    "step_trainer_trusted": ("step_trainer_landing", "customer_curated"),
    "machine_learning_curated": ("step_trainer_trusted", "accelerometer_trusted"),
    "machine_learning_pseudonymized": ("customer_landing", "step_trainer_trusted", "accelerometer_trusted"),
}


def empty_asset(name: str, dependencies: tuple[str, ...]) -> dg.AssetsDefinition:
    """Make an asset that stores nothing."""

    @dg.asset(name=name, deps=dependencies)
    def store_nothing() -> None:
        pass

    return store_nothing


def passing_check(asset_name: str) -> dg.AssetChecksDefinition:
    """Make a check that an asset always passes."""

    @dg.asset_check(asset=asset_name, name="passes", blocking=True)
    def pass_always() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True)

    return pass_always


definitions = dg.Definitions(
    assets=[empty_asset(name, dependencies) for name, dependencies in DEPENDENCIES.items()],
    asset_checks=[passing_check(name) for name in DEPENDENCIES],
    executor=dg.in_process_executor,
)
