"""Runs whose process is killed: the next run finds them and marks them as failed, and no run that lives."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import dagster
import pytest
from dagster._core.launcher import WorkerStatus

from stedi_assets.runs.launcher import RunLauncher
from stedi_assets.runs.living import FOLDER, mark_dead_runs
from stedi_assets_tests.support.checkout import PROJECT
from stedi_assets_tests.support.commands import Finished, run
from stedi_assets_tests.support.projects import Project
from stedi_assets_tests.support.sensor import look
from stedi_assets_tests.support.waiting_runs import MATERIALIZE, statuses, waiting_run

STARTED, FAILURE, SUCCESS = (
    dagster.DagsterRunStatus.STARTED,
    dagster.DagsterRunStatus.FAILURE,
    dagster.DagsterRunStatus.SUCCESS,
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A DAGSTER_HOME configured as the project's."""
    folder = tmp_path / "home"
    folder.mkdir()
    shutil.copyfile(PROJECT / ".dagster/dagster.yaml", folder / "dagster.yaml")
    monkeypatch.setenv("DAGSTER_HOME", str(folder))
    return folder


def next_run(project: Project, home: Path, **variables: str) -> Finished:
    selected = ("--select", "key:customer_landing")
    return run("stedi", "run", *selected, folder=home, **project.variables, DAGSTER_HOME=str(home), **variables)


def declared(home: Path) -> list[Path]:
    return [*(home / FOLDER).iterdir()]


def killed_run(project: Project, home: Path) -> Path:
    """The file that is left of a run that was killed in its middle."""
    with waiting_run(project, home) as killed:
        killed.kill()
    assert statuses(home) == [STARTED]
    (file,) = declared(home)
    return file


@pytest.mark.parametrize(
    ("command", "executor"),
    [(("stedi", "run"), "in_process"), (("stedi", "run"), "multiprocess"), (MATERIALIZE, "in_process")],
    ids=["stedi run", "stedi run, a process a step", "dagster asset materialize"],
)
def test_the_next_run_marks_a_killed_run_as_failed_and_says_why(
    project: Project, home: Path, command: Sequence[str], executor: str
) -> None:
    with waiting_run(project, home, command, STEDI_EXECUTOR=executor) as killed:
        killed.kill()
    assert statuses(home) == [STARTED]
    (file,) = declared(home)
    finished = next_run(project, home)
    assert finished.exit_code == 0, finished.output
    assert f"The run {file.name} is marked as failed" in finished.output
    assert statuses(home) == [FAILURE, SUCCESS]
    with dagster.DagsterInstance.from_config(str(home)) as instance:
        (failed,) = instance.all_logs(file.name, of_type=dagster.DagsterEventType.RUN_FAILURE)
    assert f"The process of this run has ended before the run: process {killed.process.pid} on " in failed.message
    assert "start the run again" in failed.message
    assert not file.exists()


def test_the_files_of_runs_that_ended_do_not_pile_up(project: Project, home: Path) -> None:
    for _ in range(2):
        assert next_run(project, home).exit_code == 0
    assert len(declared(home)) == 1
    assert statuses(home) == [SUCCESS, SUCCESS]


def test_a_run_that_lives_is_left_alone(project: Project, home: Path) -> None:
    with waiting_run(project, home):
        finished = next_run(project, home, STEDI_LEASE_WAIT_TIMEOUT="0")
        assert "is held by run 1" in finished.output
        assert "marked as failed" not in finished.output
        assert statuses(home) == [STARTED, FAILURE]


def test_a_run_of_another_machine_or_that_declared_nothing_is_left_alone(project: Project, home: Path) -> None:
    file = killed_run(project, home)
    elsewhere = json.dumps({**json.loads(file.read_text()), "host": "another"})
    with dagster.DagsterInstance.from_config(str(home)) as instance:
        for content in (elsewhere, "", "{"):
            file.write_text(content)
            assert mark_dead_runs(instance) == []
            assert file.read_text() == content
        file.unlink()
        assert mark_dead_runs(instance) == []
    assert statuses(home) == [STARTED]


def test_the_sensor_is_not_kept_waiting_by_a_killed_run(project: Project, home: Path) -> None:
    killed_run(project, home)
    with dagster.DagsterInstance.from_config(str(home)) as instance:
        assert look(project, instance).run_requests
    assert statuses(home) == [FAILURE]


def test_the_history_of_a_run_that_ended_keeps_its_end(project: Project, home: Path) -> None:
    file = killed_run(project, home)
    with dagster.DagsterInstance.from_config(str(home)) as instance:
        (ended,) = instance.get_runs()
        instance.report_run_canceled(ended)
        assert mark_dead_runs(instance) == []
    assert statuses(home) == [dagster.DagsterRunStatus.CANCELED]
    assert not file.exists()


def test_run_monitoring_learns_from_the_launcher_whether_a_run_lives(project: Project, home: Path) -> None:
    with dagster.DagsterInstance.from_config(str(home)) as instance:
        assert instance.run_monitoring_enabled
        assert isinstance(instance.run_launcher, RunLauncher)
        assert instance.run_launcher.supports_check_run_worker_health
        with waiting_run(project, home) as waiting:
            (begun,) = instance.get_runs()
            assert instance.run_launcher.check_run_worker_health(begun).status is WorkerStatus.RUNNING
            waiting.kill()
            health = instance.run_launcher.check_run_worker_health(begun)
    assert health.status is WorkerStatus.FAILED
    assert "start the run again" in str(health)


def test_where_runs_are_retried_a_dead_run_fails_at_the_second_check(project: Project, home: Path) -> None:
    with (home / "dagster.yaml").open("a") as configuration:
        configuration.write("run_retries: {enabled: true, max_retries: 1}\n")
    killed_run(project, home)
    with dagster.DagsterInstance.from_config(str(home)) as instance:
        (ended,) = instance.get_runs()
        checks = [instance.run_launcher.check_run_worker_health(ended).status for _ in range(2)]
    assert checks == [WorkerStatus.RUNNING, WorkerStatus.FAILED]
