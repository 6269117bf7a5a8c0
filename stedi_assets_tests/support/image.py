"""The image of `deploy/Dockerfile` as far as it can be tried without Docker.

`python -m stedi_assets_tests.support.image` executes the Dockerfile's own commands for DuckDB below a folder, starts
what its ENTRYPOINT and CMD start, and asks its HEALTHCHECK until it answers. With dagster-k8s, which the image for
Kubernetes has, it reads the parts of the Helm values that are Kubernetes' own.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from stedi_assets_tests.support.checkout import PROJECT
from stedi_assets_tests.support.dockerfile import DOCKERFILE, Image, execute, stages
from stedi_assets_tests.support.processes import ended_with_us
from stedi_assets_tests.support.servers import HOST, free_port

PATIENCE_SECONDS = 120

EXTRAS = "postgres,s3,kubernetes"

READ_VALUES = """
import json, sys
from dagster_k8s.job import UserDefinedDagsterK8sConfig
from dagster_k8s.models import k8s_model_from_dict, k8s_snake_case_dict
from kubernetes.client import models

def read(kind, value):
    k8s_model_from_dict(kind, k8s_snake_case_dict(kind, value))

values = json.load(sys.stdin)
(steps,) = values["dagster-user-deployments"]["deployments"]
for part in (values["dagsterWebserver"], values["dagsterDaemon"], steps):
    read(models.V1PodSecurityContext, part["podSecurityContext"])
    read(models.V1SecurityContext, part["securityContext"])
    for variable in part["env"]:
        read(models.V1EnvVar, variable)
read(models.V1Probe, values["dagsterWebserver"]["readinessProbe"])
read(models.V1ResourceRequirements, steps["resources"])
for secret in steps["envSecrets"]:
    read(models.V1SecretEnvSource, secret)
runs = values["runLauncher"]["config"]["k8sRunLauncher"]["runK8sConfig"]
UserDefinedDagsterK8sConfig.from_dict(
    {"container_config": runs["containerConfig"], "job_spec_config": runs["jobSpecConfig"]}
)
"""


def main() -> None:
    """Builds and tries it."""
    with tempfile.TemporaryDirectory() as folder, free_port() as port:
        image = execute("duckdb-packages", Path(folder), EXTRAS=EXTRAS)
        begun = time.monotonic()
        _start_and_ask(image, str(port))
        started = time.monotonic() - begun
        values = json.dumps(yaml.safe_load((PROJECT / "deploy/helm-values.yaml").read_text()))
        subprocess.run([str(image.at("/opt/stedi/bin/python")), "-c", READ_VALUES], input=values, text=True, check=True)
    print(f"The Dockerfile's commands work, its code server is healthy after {started:.0f} s, the Helm values are read")


def _start_and_ask(image: Image, port: str) -> None:
    instructions = dict(stages(DOCKERFILE.read_text())["base"].instructions)
    command = json.loads(instructions["CMD"])
    question = json.loads(instructions["HEALTHCHECK"].partition("CMD ")[2])
    command, question = (
        [{"0.0.0.0": HOST, "4000": port}.get(word, word) for word in words] for words in (command, question)
    )
    home = image.at("/opt/dagster")
    home.mkdir(parents=True)
    variables = {"PATH": f"{image.at('/opt/stedi/bin')}:/usr/bin:/bin", "DAGSTER_HOME": str(home), "HOME": str(home)}
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    program = [*ended_with_us(), str(PROJECT / "deploy/with-secrets"), *command]
    with (home / "log").open("w") as log:
        server = subprocess.Popen(program, cwd=home, env=variables, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while subprocess.run(question, cwd=home, env=variables, capture_output=True, check=False).returncode:
            if server.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"The code server of the image is not healthy:\n{(home / 'log').read_text()}")
            time.sleep(0.5)
    finally:
        server.terminate()
        server.wait(timeout=PATIENCE_SECONDS)


if __name__ == "__main__":
    main()
