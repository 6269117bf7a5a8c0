"""The sensor that reports failed runs to a webhook."""

from collections.abc import Iterator
from pathlib import Path

import dagster
import pytest

from stedi_assets.defs.jobs import failed_runs
from stedi_assets.errors import StediError
from stedi_assets.settings import read_settings
from stedi_assets_tests.support.commands import run
from stedi_assets_tests.support.projects import Project
from stedi_assets_tests.support.webhooks import SECRET, Webhook, webhook

NAME = "failed_runs"


@pytest.fixture
def hook() -> Iterator[Webhook]:
    with webhook() as served:
        yield served


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """No wait between two attempts."""
    monkeypatch.setattr(failed_runs, "SECONDS_BETWEEN_ATTEMPTS", 0)


def report_failed_run(project: Project, instance: dagster.DagsterInstance, url: str) -> str:
    """Lets a run fail for want of landing files and evaluates the sensor as its daemon does; returns the run's ID."""
    definitions = project.definitions(failure_webhook=url)
    failed = definitions.resolve_job_def("lakehouse").execute_in_process(instance=instance, raise_on_error=False)
    context = dagster.build_run_status_sensor_context(
        NAME, failed.get_run_failure_event(), instance, failed.dagster_run
    ).for_run_failure()
    sensor = definitions.resolve_sensor_def(NAME)
    sensor(context)
    return failed.run_id


def test_a_failed_run_is_posted_with_its_job_its_id_and_the_failed_steps(
    empty_project: Project, instance: dagster.DagsterInstance, hook: Webhook
) -> None:
    run_id = report_failed_run(empty_project, instance, hook.url)
    (body,) = hook.posted
    assert body.keys() == {"text"}
    assert body["text"].startswith(f"Run {run_id} of the job lakehouse failed. ")
    assert "customer_landing" in body["text"]


def test_a_report_is_sent_again_to_a_server_that_is_busy(
    empty_project: Project, instance: dagster.DagsterInstance, hook: Webhook, hurried: None
) -> None:
    hook.statuses = [503, 429]
    report_failed_run(empty_project, instance, hook.url)
    assert len(hook.posted) == 3


def test_a_server_that_refuses_fails_the_tick_with_its_status_and_without_the_url(
    empty_project: Project, instance: dagster.DagsterInstance, hook: Webhook, hurried: None
) -> None:
    hook.statuses = [404, 404, 404]
    with pytest.raises(
        dagster.Failure, match="was not reported: the webhook's server answered with status 404"
    ) as raised:
        report_failed_run(empty_project, instance, hook.url)
    assert SECRET not in str(raised.value.description)
    assert len(hook.posted) == 3


def test_a_server_that_is_down_fails_the_tick_without_the_url(
    empty_project: Project, instance: dagster.DagsterInstance, hurried: None
) -> None:
    with webhook() as gone:
        pass
    with pytest.raises(dagster.Failure, match=r"gave no answer \(Connection refused\)\. Correct STEDI_F") as raised:
        report_failed_run(empty_project, instance, gone.url)
    assert SECRET not in str(raised.value.description)


def test_with_a_webhook_the_sensor_is_on(project: Project, hook: Webhook) -> None:
    sensor = project.definitions(failure_webhook=hook.url).resolve_sensor_def(NAME)
    assert sensor.default_status is dagster.DefaultSensorStatus.RUNNING


def test_without_a_webhook_there_is_no_such_sensor(project: Project) -> None:
    assert [sensor.name for sensor in project.definitions().sensors or []] == ["new_landing_files"]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://example.com/secret",
        "https:///secret",
        "http://[secret",
        "http://example.com:secret/",
        "https://user:secret@example.com/",
        "https://example.com/sec ret",
        "https://example.com/sécret",
        "https://example.com/secret\n",
    ],
)
def test_a_webhook_that_is_no_url_is_refused_without_being_shown(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEDI_FAILURE_WEBHOOK", url)
    with pytest.raises(StediError, match="STEDI_FAILURE_WEBHOOK is not legal: it is not a URL such as") as raised:
        read_settings()
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    "url", ["https://example.com", "http://localhost:8065/hooks/secret", "http://[::1]:80/x?key=secret&a=%20"]
)
def test_a_webhook_is_a_url(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEDI_FAILURE_WEBHOOK", url)
    webhook_of_settings = read_settings().failure_webhook
    assert webhook_of_settings is not None
    assert webhook_of_settings.get_secret_value() == url


def test_the_settings_that_are_printed_do_not_show_the_webhook(tmp_path: Path) -> None:
    printed = run("stedi", "settings", folder=tmp_path, STEDI_FAILURE_WEBHOOK="https://example.com/secret").output
    assert "STEDI_FAILURE_WEBHOOK" in printed
    assert "secret" not in printed
