"""Dagster as `deploy/` has it: processes of their own over a real PostgreSQL, of which each may be killed."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from dagster import DagsterInstance

from stedi_assets.runs.retention import delete_old_runs
from stedi_assets_tests.support.deployed import Deployed, deployed
from stedi_assets_tests.support.holding import holding
from stedi_assets_tests.support.places import NewPlace, Place
from stedi_assets_tests.support.postgres import Postgres, postgresql
from stedi_assets_tests.support.projects import Project, with_landing_files
from stedi_assets_tests.support.records import EXPECTED_COUNTS
from stedi_assets_tests.support.webhooks import Webhook, webhook

# One set of processes for all. Each test looks at runs of its own.
pytestmark = pytest.mark.xdist_group("deployment")


@dataclass(frozen=True)
class Production:
    """What is deployed, and what it works with."""

    dagster: Deployed
    postgres: Postgres
    project: Project
    logs: Place
    hook: Webhook
    variables: Mapping[str, str]

    def waiting(self) -> set[str]:
        """The IDs of the runs that have begun a table. While another process holds the lakehouse, they wait."""
        begun = self.postgres.query("SELECT run_id FROM event_logs WHERE dagster_event_type = 'STEP_START'")
        ended = self.postgres.query("SELECT run_id FROM event_logs WHERE dagster_event_type = 'STEP_SUCCESS'")
        return {run_id for (run_id,) in begun} - {run_id for (run_id,) in ended}

    @contextmanager
    def holding_a_run(self) -> Iterator[str]:
        """Launches a run that waits for the lakehouse until the block ends."""
        with holding(self.project.place, str(self.project.lakehouse)):
            run_id = self.dagster.launch("lakehouse")
            self.dagster.wait(lambda: run_id in self.waiting())
            yield run_id

    def status(self, run_id: str) -> str:
        status: str = self.dagster.runs()[run_id]["status"]
        return status

    def successful(self) -> list[str]:
        """The IDs of the successful runs, the first to be made first."""
        return [run_id for run_id, run in self.dagster.runs().items() if run["status"] == "SUCCESS"][::-1]

    def has_output(self, run_id: str) -> bool:
        """Whether the bucket has compute logs of a run."""
        return any(self.logs.root.glob(f"dagster/storage/{run_id}/**/*.err"))

    def statuses_of_retries(self, run_id: str) -> list[str]:
        return [run["status"] for run in self.dagster.runs().values() if run["parentRunId"] == run_id]


@pytest.fixture(scope="module")
def production(new_place: NewPlace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Production]:
    home, roots, copies = (tmp_path_factory.mktemp(name) for name in ("home", "roots", "copies"))
    project = with_landing_files(Project.at(new_place("local", roots), "duckdb"))
    logs = new_place("versitygw", copies)
    with postgresql() as postgres, webhook() as hook:
        variables = {
            **logs.variables,
            **project.variables,
            "DAGSTER_POSTGRES_URL": postgres.url,
            "DAGSTER_COMPUTE_LOGS_BUCKET": str(logs.root).removeprefix("s3://"),
            "STEDI_FAILURE_WEBHOOK": hook.url,
        }
        with deployed(home, **variables) as dagster:
            yield Production(dagster, postgres, project, logs, hook, variables)


def test_a_new_file_is_built_although_the_daemon_is_killed_and_postgres_restarts(production: Production) -> None:
    dagster, project = production.dagster, production.project
    with holding(project.place, str(project.lakehouse)):
        dagster.switch_sensor_on("new_landing_files")
        dagster.wait(production.waiting)
        (first,) = production.waiting()
        second = dagster.launch("lakehouse")
        dagster.wait(lambda: production.status(second) == "QUEUED")
        assert production.status(first) == "STARTED"
        dagster.daemon.kill()
        production.postgres.restart()
        dagster.daemon.start()
    dagster.wait(lambda: production.status(second) == "SUCCESS")
    tags = {tag["key"]: tag["value"] for tag in dagster.runs()[first]["tags"]}
    assert tags["dagster/sensor_name"] == "new_landing_files"
    assert project.counts() == EXPECTED_COUNTS
    ((status, is_in_order),) = production.postgres.query(
        "SELECT first.status, second.start_time >= first.end_time FROM runs AS first, runs AS second "
        f"WHERE first.run_id = '{first}' AND second.run_id = '{second}'"
    )
    assert (status, is_in_order) == ("SUCCESS", True)
    assert list(dagster.home.rglob("*.db")) == []
    assert production.has_output(first)


def test_an_old_run_is_deleted_from_postgres_and_its_output_from_the_bucket(
    production: Production, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in production.variables.items():
        monkeypatch.setenv(name, value)
    # A run takes ten seconds: those of the other tests do as well.
    for _ in range(2 - len(production.successful())):
        production.dagster.launch("lakehouse")
    production.dagster.wait(lambda: len(production.successful()) >= 2)
    *runs, latest = production.successful()
    assert production.has_output(runs[0])
    with DagsterInstance.from_config(str(production.dagster.home)) as instance:
        assert delete_old_runs(instance, days=0)
    assert production.successful() == [latest]
    assert [run for run in (*runs, latest) if production.has_output(run)] == [latest]


def test_a_run_that_dies_with_its_code_server_is_reported_and_starts_again(production: Production) -> None:
    dagster = production.dagster
    with production.holding_a_run() as died:
        dagster.code.kill()
        dagster.code.start()
        dagster.wait(lambda: production.status(died) == "FAILURE")
    dagster.wait(lambda: production.statuses_of_retries(died) == ["SUCCESS"])
    dagster.wait(lambda: production.hook.posted)
    (text,) = [body["text"] for body in production.hook.posted]
    assert text.startswith(f"Run {died} of the job lakehouse failed. ")
    assert "The process of this run has ended before the run" in text


def test_a_code_server_that_is_told_to_stop_lets_its_run_end_first(production: Production) -> None:
    dagster = production.dagster
    with production.holding_a_run() as running:
        dagster.code.terminate()
    dagster.wait(lambda: dagster.code.has_ended)
    assert production.status(running) == "SUCCESS"
    dagster.code.start()
