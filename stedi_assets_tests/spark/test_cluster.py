"""Spark on more than this process: a standalone cluster, and a Spark Connect server."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from stedi_assets.engines.spark.jars import s3_jars
from stedi_assets.storage.aws import Aws
from stedi_assets_tests.support.commands import PROGRAMS, environment, run
from stedi_assets_tests.support.engines import SPARK_ON_FEW_ROWS
from stedi_assets_tests.support.places import Place
from stedi_assets_tests.support.projects import Project, with_landing_files
from stedi_assets_tests.support.records import EXPECTED_COUNTS
from stedi_assets_tests.support.servers import HOST
from stedi_assets_tests.support.spark_servers import SparkCluster, spark_cluster, spark_connect_server

pytestmark = pytest.mark.xdist_group("spark-cluster")

PATIENCE_SECONDS = 300


@pytest.fixture
def empty_project(local_place: Place) -> Project:
    """A project that a command builds with Spark; no Spark of this process is needed."""
    return Project.at(local_place, "spark")


def on(cluster: SparkCluster, project: Project) -> dict[str, str]:
    """The variables by which a command computes on a cluster."""
    options = {
        "spark.driver.host": HOST,
        "spark.executor.memory": "1g",
        "spark.sql.execution.pyspark.python": sys.executable,
        "spark.sql.shuffle.partitions": "2",
        "spark.ui.enabled": "false",
    }
    return {
        **project.variables,
        "STEDI_SPARK_MASTER": cluster.url,
        "STEDI_SPARK_CONF": json.dumps(options),
    }


@dataclass(frozen=True)
class ClusterRun:
    """A command that computed on a cluster of two workers, one of which was killed in the middle.

    Attributes:
        exit_code: The command's.
        output: The same.
        was_running: Whether it still ran when the worker was killed.
        project: What it built.
        logs: What the workers' executors wrote.
    """

    exit_code: int
    output: str
    was_running: bool
    project: Project
    logs: Sequence[str]


@pytest.fixture(scope="module")
def cluster_run(tmp_path_factory: pytest.TempPathFactory) -> ClusterRun:
    """Builds tables on a cluster, and kills a worker after the first commit."""
    folder = tmp_path_factory.mktemp("cluster")
    place = Place(tmp_path_factory.mktemp("project"), Aws(), {})
    project = with_landing_files(Project.at(place, "spark"))
    first_commit = project.lakehouse / "accelerometer" / "landing" / "_delta_log" / f"{0:020}.json"
    with spark_cluster(folder) as cluster:
        command = subprocess.Popen(
            [str(PROGRAMS / "stedi"), "run"],
            cwd=folder,
            env=environment(on(cluster, project)),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        last_moment = time.monotonic() + PATIENCE_SECONDS
        while not first_commit.exists() and command.poll() is None and time.monotonic() < last_moment:
            time.sleep(0.05)
        was_running = command.poll() is None
        cluster.workers[0].kill()
        output, _ = command.communicate(timeout=PATIENCE_SECONDS)
    logs = [log.read_text() for log in folder.glob("worker-*/app-*/*/stderr")]
    return ClusterRun(command.returncode, output, was_running, project, logs)


def test_a_run_on_a_cluster_ends_with_the_right_counts_though_a_worker_is_killed_in_the_middle(
    cluster_run: ClusterRun,
) -> None:
    assert cluster_run.was_running, cluster_run.output
    assert cluster_run.exit_code == 0, cluster_run.output
    assert cluster_run.project.counts() == EXPECTED_COUNTS


def test_a_run_on_a_cluster_computes_in_its_workers(cluster_run: ClusterRun) -> None:
    assert any("Finished task" in log for log in cluster_run.logs)


def test_the_pipeline_runs_on_a_spark_connect_server(project: Project, tmp_path: Path) -> None:
    variables = {**project.variables, "STEDI_SPARK_CONF": json.dumps(SPARK_ON_FEW_ROWS)}
    with spark_connect_server(tmp_path, s3_jars()) as url:
        finished = run("stedi", "run", folder=tmp_path, **variables, SPARK_REMOTE=url)
    assert finished.exit_code == 0, finished.output
    assert project.counts() == EXPECTED_COUNTS


def test_a_spark_connect_server_that_is_not_there_is_one_clear_line(project: Project, tmp_path: Path) -> None:
    variables = {**project.variables, "SPARK_REMOTE": "sc://127.0.0.1:1"}
    finished = run("stedi", "run", "--select", "customer_landing", folder=tmp_path, **variables)
    assert finished.exit_code == 1
    assert "The Spark Connect server 127.0.0.1:1 cannot be used: " in finished.output
    assert "Traceback" not in finished.output
