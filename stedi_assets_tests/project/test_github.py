"""What GitHub reads: forms, the security policy, updates of dependencies, actions, and the container."""

import json
import re
import subprocess
from typing import Any

import pytest
import yaml

from stedi_assets_tests.support.checkout import PROJECT

GITHUB = PROJECT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))


def form(name: str) -> dict[str, Any]:
    """An issue form by the ids of its fields."""
    loaded = yaml.safe_load((GITHUB / f"ISSUE_TEMPLATE/{name}.yml").read_text())
    assert {"name", "description", "labels", "body"} <= loaded.keys()
    fields = [field for field in loaded["body"] if field["type"] != "markdown"]
    assert len({field["id"] for field in fields}) == len({field["attributes"]["label"] for field in fields})
    return {field["id"]: field for field in fields}


@pytest.mark.parametrize("name", ["bug", "feature"])
def test_an_issue_asks_for_the_settings_and_keeps_personal_data_and_keys_out(name: str) -> None:
    fields = form(name)
    assert "`stedi settings`" in fields["settings"]["attributes"]["label"]
    (option,) = fields["private"]["attributes"]["options"]
    assert option == {"label": "What I paste holds no personal data and no key.", "required": True}


def test_a_bug_names_what_was_run_the_settings_and_the_check_that_failed() -> None:
    fields = form("bug")
    required = {name for name, field in fields.items() if field.get("validations", {}).get("required")}
    assert required == {"happened", "expected", "settings", "versions"}
    assert fields["check"]["attributes"]["label"] == "The check that failed"


def test_no_issue_goes_without_a_form() -> None:
    assert yaml.safe_load((GITHUB / "ISSUE_TEMPLATE/config.yml").read_text()) == {"blank_issues_enabled": False}


def test_a_pull_request_says_how_it_was_tested_and_holds_no_personal_data() -> None:
    text = (GITHUB / "pull_request_template.md").read_text()
    for asked in ("`stedi settings`", "the check that failed", "make lint", "personal data, a key"):
        assert asked in text


def test_the_security_policy_counts_a_consent_leak_and_an_incomplete_erasure() -> None:
    text = (PROJECT / "SECURITY.md").read_text()
    for said in ("*Report a vulnerability*", "**A consent leak.**", "**An incomplete erasure.**", "## Which versions"):
        assert said in text


def test_libraries_and_actions_are_renewed_once_a_week_in_one_pull_request_each() -> None:
    configuration = yaml.safe_load((GITHUB / "dependabot.yml").read_text())
    assert configuration["version"] == 2
    updates = {update["package-ecosystem"]: update for update in configuration["updates"]}
    assert set(updates) == {"pip", "github-actions"}
    for update in updates.values():
        assert update["directory"] == "/"
        assert update["schedule"] == {"interval": "weekly"}
        assert [group["patterns"] for group in update["groups"].values()] == [["*"]]


def test_an_action_has_one_version_in_all_workflows() -> None:
    used = {
        tuple(step["uses"].split("@"))
        for workflow in WORKFLOWS
        for job in yaml.safe_load(workflow.read_text())["jobs"].values()
        for step in job["steps"]
        if "uses" in step
    }
    assert {action for action, _ in used} >= {"actions/checkout", "actions/setup-python"}
    assert len({action for action, _ in used}) == len(used)


def test_the_container_builds_what_the_makefile_names() -> None:
    folder = PROJECT / ".devcontainer"
    configuration = json.loads(re.sub(r"^ *//.*", "", (folder / "devcontainer.json").read_text(), flags=re.MULTILINE))
    assert (folder / configuration["build"]["dockerfile"]).is_file()
    command = configuration["postCreateCommand"].partition(" && ")[0].split()
    subprocess.run([*command, "--dry-run"], cwd=PROJECT, check=True, capture_output=True)
