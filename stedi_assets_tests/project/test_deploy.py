"""The files of `deploy/`: they agree with each other, with the settings and with the pins."""

import os
import re
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from stedi_assets.settings import Settings, variables
from stedi_assets_tests.support.checkout import PROJECT
from stedi_assets_tests.support.dockerfile import DOCKERFILE, stages
from stedi_assets_tests.support.documentation import blocks, execute

DEPLOY = PROJECT / "deploy"

FILES = sorted(path for path in [*DEPLOY.rglob("*"), PROJECT / "docs/deploy.md"] if path.is_file())


def loaded(path: str) -> Any:
    return yaml.safe_load((PROJECT / path).read_text())


PRODUCTION = loaded("deploy/dagster.yaml")
COMPOSE = loaded("deploy/compose.yaml")
VALUES = loaded("deploy/helm-values.yaml")


def text_of(stage: str, instruction: str) -> str:
    """The text of an instruction that a stage has once."""
    (text,) = [words for name, words in stages(DOCKERFILE.read_text())[stage].instructions if name == instruction]
    return text


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_stedi_variable_that_a_file_names_is_a_setting(file: Path) -> None:
    assert set(re.findall(r"\bSTEDI_[A-Z_]+\b", file.read_text())) <= variables()


@pytest.mark.parametrize("part", ["concurrency", "retention", "run_launcher", "telemetry", "nux"])
def test_production_queues_runs_and_forgets_ticks_as_the_project_does(part: str) -> None:
    assert PRODUCTION[part] == loaded(".dagster/dagster.yaml")[part]


def test_kubernetes_queues_retries_and_forgets_as_the_other_deployments_do() -> None:
    concurrency, days = PRODUCTION["concurrency"], PRODUCTION["retention"]
    assert VALUES["concurrency"]["runs"] == {"maxConcurrentRuns": concurrency["runs"]["max_concurrent_runs"]}
    assert VALUES["concurrency"]["pools"] == {
        "defaultLimit": concurrency["pools"]["default_limit"],
        "granularity": concurrency["pools"]["granularity"],
    }
    for kind in ("sensor", "schedule"):
        assert VALUES["retention"][kind]["purgeAfterDays"] == days[kind]["purge_after_days"]
    assert VALUES["additionalInstanceConfig"]["run_retries"] == PRODUCTION["run_retries"]
    assert VALUES["dagsterDaemon"]["runRetries"] == {"enabled": False}


def test_no_service_of_kubernetes_makes_a_variable_that_looks_like_a_setting() -> None:
    assert [each["name"] for each in VALUES["dagster-user-deployments"]["deployments"]] == ["steps"]


@pytest.mark.parametrize("target", ["duckdb", "spark"])
def test_an_image_runs_as_a_user_whose_number_kubernetes_can_compare(target: str) -> None:
    number = VALUES["dagsterWebserver"]["podSecurityContext"]["runAsUser"]
    assert text_of(target, "USER") == f"{number}:{number}"


def test_the_images_have_the_python_and_the_java_of_the_tests() -> None:
    images = {stage.parent for stage in stages(DOCKERFILE.read_text()).values()} - stages(DOCKERFILE.read_text()).keys()
    (image,) = images
    assert re.fullmatch(r"python:3\.11\.\d+-slim-bookworm", image)
    assert "openjdk-17-jre-headless" in (PROJECT / ".ci/run").read_text()


def test_duckdb_is_the_target_that_docker_builds_by_default() -> None:
    assert list(stages(DOCKERFILE.read_text()))[-1] == "duckdb"


def test_every_secret_of_compose_is_a_file_of_its_name_and_reaches_a_service() -> None:
    secrets = COMPOSE["secrets"]
    assert secrets == {name: {"file": f"secrets/{name}"} for name in secrets}
    assert {name for service in COMPOSE["services"].values() for name in service["secrets"]} == secrets.keys()


def test_the_documented_commands_make_every_secret_of_compose(tmp_path: Path) -> None:
    (tmp_path / "deploy").mkdir()
    (block,) = blocks((PROJECT / "docs/deploy.md").read_text())
    finished = execute(block.text, tmp_path)
    assert finished.returncode == 0, finished.stdout
    folder = tmp_path / "deploy/secrets"
    made = {file.name: file.read_text().strip() for file in folder.iterdir()}
    assert made.keys() == COMPOSE["secrets"].keys()
    assert f":{made['POSTGRES_PASSWORD']}@postgres:5432/" in made["DAGSTER_POSTGRES_URL"]
    assert Settings(pseudonym_key=made["STEDI_PSEUDONYM_KEY"]).pseudonym_key
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o444}


def test_every_service_of_compose_restarts_by_itself_and_is_looked_after() -> None:
    for name, service in COMPOSE["services"].items():
        assert service["restart"] == "unless-stopped"
        # That of the code server is in its image.
        assert "healthcheck" in service or name == "code"


def test_compose_has_the_s3_server_of_the_tests() -> None:
    (version,) = re.findall(r"versitygw@(v[\d.]+)", (PROJECT / "Makefile").read_text())
    assert COMPOSE["services"]["s3"]["image"] == f"versity/versitygw:{version}"


def with_secrets(folder: Path, *command: str, **given: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(DEPLOY / "with-secrets"), *command],
        env={"PATH": os.environ["PATH"], "SECRETS_FOLDER": str(folder), **given},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_secret_file_sets_the_variable_of_its_name_to_its_whole_text(tmp_path: Path) -> None:
    secret = "a b$HOME'\"\\n*é"
    (tmp_path / "STEDI_PSEUDONYM_KEY").write_text(f"{secret}\n")
    assert with_secrets(tmp_path, "printenv", "STEDI_PSEUDONYM_KEY").stdout == f"{secret}\n"


def test_a_file_whose_name_is_no_variable_and_a_folder_stay_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "tls.crt").write_text("x")
    (tmp_path / "1A").write_text("x")
    (tmp_path / "KUBERNETES").mkdir()
    finished = with_secrets(tmp_path, "printenv")
    assert finished.returncode == 0
    assert {line.partition("=")[0] for line in finished.stdout.splitlines()} <= {"PATH", "SECRETS_FOLDER", "PWD"}


@pytest.mark.parametrize("folder", ["empty", "missing"])
def test_without_secrets_the_command_runs_and_its_exit_code_is_kept(folder: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert with_secrets(tmp_path / folder, "sh", "-c", "exit 7").returncode == 7


def test_a_secret_that_may_not_be_read_stops_the_command(tmp_path: Path) -> None:
    (tmp_path / "STEDI_PSEUDONYM_KEY").write_text("x")
    (tmp_path / "STEDI_PSEUDONYM_KEY").chmod(0)
    command = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", str(DEPLOY / "with-secrets"), "printenv"]
    finished = subprocess.run(
        command,
        env={"PATH": os.environ["PATH"], "SECRETS_FOLDER": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode != 0
    assert "STEDI_PSEUDONYM_KEY" in finished.stderr
    assert finished.stdout == ""
