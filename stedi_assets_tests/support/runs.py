"""What a run of Dagster has to say."""

import dagster

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}

AT_DEBUG_LEVEL = {"loggers": {"console": {"config": {"log_level": "DEBUG"}}}}


def evaluations(result: dagster.ExecuteInProcessResult) -> dict[tuple[str, str], dagster.AssetCheckEvaluation]:
    """The checks of a run, by table and check."""
    return {
        (evaluation.asset_key.to_user_string(), evaluation.check_name): evaluation
        for evaluation in result.get_asset_check_evaluations()
    }


def failed_checks(result: dagster.ExecuteInProcessResult) -> set[tuple[str, str]]:
    return {key for key, evaluation in evaluations(result).items() if not evaluation.passed}


def failure(result: dagster.ExecuteInProcessResult, step: str) -> str:
    """The message that a failed step shows."""
    data = result.failure_data_for_node(step)
    assert data is not None
    if data.user_failure_data is not None:
        return str(data.user_failure_data.description)
    assert data.error is not None
    return data.error.message
