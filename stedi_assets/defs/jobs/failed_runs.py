"""The sensor that reports failed runs to a webhook. Without a webhook there is no such sensor."""

import json
import time
import urllib.request
from http.client import HTTPException
from urllib.error import HTTPError, URLError

import dagster

from stedi_assets.defs.io_managers.lakehouse import failures_described
from stedi_assets.errors import StediError

ATTEMPTS = 3
"""How often a report is sent to a server that does not take it. Dagster evaluates a failed run once."""

SECONDS_BETWEEN_ATTEMPTS = 1

ANSWER_TIMEOUT_SECONDS = 5
"""How long a server may take to answer. All attempts together must end within Dagster's limit of 60 seconds."""

SENSOR_INTERVAL_SECONDS = 30


def failed_runs(webhook: str) -> dagster.SensorDefinition:
    """Returns the sensor that posts a line of text to a webhook when a run of this code location fails.

    The body is `{"text": …}`, which Slack, Mattermost and Google Chat show as a message. The text has the job, the ID
    of the run and Dagster's message, which names the failed steps. It has no value from a table.

    Args:
        webhook: The URL. Its path or its query is usually a secret.
    """

    @dagster.run_failure_sensor(
        name="failed_runs",
        minimum_interval_seconds=SENSOR_INTERVAL_SECONDS,
        description="Posts each failed run to the webhook that STEDI_FAILURE_WEBHOOK names.",
        default_status=dagster.DefaultSensorStatus.RUNNING,
    )
    def report(context: dagster.RunFailureSensorContext) -> None:
        run = context.dagster_run
        text = f"Run {run.run_id} of the job {run.job_name} failed. {context.failure_event.message or ''}".rstrip()
        with failures_described():
            _post(webhook, text, run.run_id)

    return report


def _post(webhook: str, text: str, run_id: str) -> None:
    request = urllib.request.Request(
        webhook, json.dumps({"text": text}).encode(), {"Content-Type": "application/json; charset=utf-8"}
    )
    reason = ""
    for attempt in range(ATTEMPTS):
        time.sleep(attempt and SECONDS_BETWEEN_ATTEMPTS)
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_TIMEOUT_SECONDS):
                return
        except (OSError, HTTPException) as error:
            reason = _reason(error)
    raise StediError(
        f"The failure of the run {run_id} was not reported: {reason}.",
        "Correct STEDI_FAILURE_WEBHOOK, or see to the server behind it.",
    )


def _reason(error: OSError | HTTPException) -> str:
    """Describes why a webhook did not take a report, without the URL, which is a secret."""
    if isinstance(error, HTTPError):
        return f"the webhook's server answered with status {error.code}"
    cause = error.reason if isinstance(error, URLError) else error
    known = cause.strerror if isinstance(cause, OSError) else None
    return f"the webhook's server gave no answer ({known or type(cause).__name__})"
