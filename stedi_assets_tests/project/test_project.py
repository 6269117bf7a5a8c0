"""The project's own files: what a fork inherits."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from stedi_assets.runs.history import RunHistory
from stedi_assets_tests.support.checkout import PROJECT, tracked_files
from stedi_assets_tests.support.commands import run
from stedi_assets_tests.support.documentation import PAGES

PINNED = {
    "dagster": "1.13.27",
    "dagster-webserver": "1.13.27",
    "dagster-duckdb": "0.29.27",
    "dagster-aws": "0.29.27",
    "dagster-postgres": "0.29.27",
    "dagster-k8s": "0.29.27",
    "duckdb": "1.5.5",
    "duckdb_extension_httpfs": "1.5.5",
    "pyspark": "4.3.0",
}


def constraints() -> dict[str, str]:
    lines = (PROJECT / "constraints.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines if not line.startswith("#"))


def test_versions_are_pinned_in_one_plain_list_that_names_no_registry() -> None:
    for line in (PROJECT / "constraints.txt").read_text().splitlines():
        assert line.startswith("#") or re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line)
    assert PINNED.items() <= constraints().items()
    assert not [name for name in tracked_files(PROJECT) if name.endswith(".lock")]


def test_every_dependency_is_pinned_and_says_what_it_is_for() -> None:
    text = (PROJECT / "pyproject.toml").read_text()
    project = tomllib.loads(text)["project"]
    requirements = [
        *project["dependencies"],
        *(r for extra in project["optional-dependencies"].values() for r in extra),
    ]
    pinned = {name.lower().replace("_", "-") for name in constraints()}
    for requirement in requirements:
        (name,) = re.findall(r"^[A-Za-z0-9_-]+", requirement)
        assert name.lower() in pinned
        assert re.search(rf'^ *"{re.escape(requirement)}", +# \S', text, re.MULTILINE), requirement


def test_heavy_dependencies_are_extras() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    base = {re.split(r"[^A-Za-z0-9_-]", requirement)[0] for requirement in project["dependencies"]}
    heavy = {"pyspark", "dagster-aws", "dagster-postgres", "dagster-k8s", "boto3", "pandas", "polars", "pyarrow"}
    assert not base & {*heavy, "matplotlib"}
    assert set(project["optional-dependencies"]) == {
        "s3",
        "postgres",
        "kubernetes",
        "notebook",
        "report",
        "spark",
        "spark-connect",
        "test",
        "test-buckets",
        "test-browser",
        "dg",
        "docs",
        "lint",
        "release",
    }


def test_the_projects_dagster_home_is_configured_and_its_history_is_not_committed() -> None:
    configuration = yaml.safe_load((PROJECT / ".dagster/dagster.yaml").read_text())
    assert configuration["telemetry"] == {"enabled": False}
    assert configuration["nux"] == {"enabled": False}
    assert configuration["concurrency"]["runs"]["max_concurrent_runs"] == 1
    assert configuration["storage"]["custom"]["class"] == RunHistory.__name__
    assert [name for name in tracked_files(PROJECT) if name.startswith(".dagster/")] == [".dagster/dagster.yaml"]


@pytest.mark.parametrize("kind", ["sensor", "schedule"])
def test_no_tick_that_ended_is_kept_for_ever(kind: str) -> None:
    configuration = yaml.safe_load((PROJECT / ".dagster/dagster.yaml").read_text())
    days = configuration["retention"][kind]["purge_after_days"]
    assert all(0 < days[status] <= 90 for status in ("skipped", "success", "failure"))


def test_the_workflow_runs_what_the_project_runs_and_the_asset_checks() -> None:
    jobs = yaml.safe_load((PROJECT / ".github/workflows/ci.yml").read_text())["jobs"]
    commands = {step["run"] for job in jobs.values() for step in job["steps"] if "run" in step}
    assert commands >= {"make run", "make ${{ matrix.tier }}", "make lint", "make wheel", "make test-slow"}
    matrix = jobs["test"]["strategy"]["matrix"]["include"]
    assert {entry["python"] for entry in matrix if entry["tier"] == "test"} == {"3.11", "3.12", "3.13"}
    assert {entry["tier"] for entry in matrix} == {"test", "test-spark", "test-buckets", "test-browser"}


TARGETS = {target for page in PAGES for target in re.findall(r"^make ([a-z-]+)", page.read_text(), re.MULTILINE)}


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_every_make_target_in_the_documentation_exists(target: str) -> None:
    subprocess.run(["make", "--dry-run", target], cwd=PROJECT, check=True, capture_output=True)


WITH_XDIST_ALONE = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_PLUGINS": "xdist.plugin,xdist.looponfail"}

TESTS_OF_A_GROUP = """
import os
import pytest

@pytest.mark.xdist_group("one")
@pytest.mark.parametrize("number", range(8))
def test_one(number):
    with open("workers", "a") as workers:
        workers.write(os.environ["PYTEST_XDIST_WORKER"])
"""


def test_tests_of_a_group_share_a_worker_and_what_it_has_built(tmp_path: Path) -> None:
    (tmp_path / "test_group.py").write_text(TESTS_OF_A_GROUP)
    assert (
        run("pytest", "--numprocesses", "2", "--dist", "loadgroup", folder=tmp_path, **WITH_XDIST_ALONE).exit_code == 0
    )
    assert (tmp_path / "workers").read_text() in ("gw0" * 8, "gw1" * 8)
