"""Expected rows that are those of certain landing files, and what they say of other files."""

import json
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import dagster
import pytest

from stedi_assets.landing.files import landing_digest
from stedi_assets.settings import read_settings
from stedi_assets_tests.support.checkout import PROJECT
from stedi_assets_tests.support.commands import run
from stedi_assets_tests.support.course import with_generated_data
from stedi_assets_tests.support.grid import in_both_places
from stedi_assets_tests.support.projects import Builds, Project
from stedi_assets_tests.support.records import EXPECTED_COUNTS, customer, device_reading, phone_reading
from stedi_assets_tests.support.runs import evaluations
from stedi_assets_tests.support.sensor import look

CHECK = "has_expected_rows"

CHANGES: Mapping[str, Callable[[Path], Any]] = {
    "added": lambda folder: (folder / "more.json").write_text("{}\n"),
    "removed": lambda folder: (folder / "accelerometer-1.json").unlink(),
    "renamed": lambda folder: (folder / "accelerometer-1.json").rename(folder / "renamed.json"),
    "of another size": lambda folder: (folder / "accelerometer-1.json").write_text("{}\n"),
}


def expect(project: Project, counts: Mapping[str, int]) -> Path:
    """Says that the files of the landing root give so many rows."""
    file = project.landing / "expected_counts.json"
    digest = landing_digest(project.place.location("landing"))
    file.write_text(json.dumps({"landing_files": digest, **counts}))
    return file


def test_counts_of_the_same_files_block(project: Project) -> None:
    expect(project, {"customer_landing": 4})
    result = project.materialize("customer_landing")
    assert not result.success
    found = evaluations(result)["customer_landing", CHECK]
    assert found.severity == dagster.AssetCheckSeverity.ERROR
    assert {"actual", "expected", "what_to_do"} == found.metadata.keys()


def test_counts_of_other_files_warn_and_say_so(project: Project) -> None:
    expect(project, EXPECTED_COUNTS)
    project.land("customer", "more.json", [customer("zoe")])
    result = project.materialize()
    assert result.success
    found = evaluations(result)["customer_landing", CHECK]
    assert not found.passed
    assert found.severity == dagster.AssetCheckSeverity.WARN
    assert {name: value.value for name, value in found.metadata.items()} == {
        "actual": 6,
        "expected": 5,
        "expected_counts_are_of": "other landing files",
        "what_to_do": "If the landing files differ on purpose, correct or remove the expected counts.",
    }
    assert evaluations(result)["accelerometer_landing", CHECK].passed


def test_counts_that_the_user_names_block_whatever_files_there_are(project: Project) -> None:
    named = expect(project, EXPECTED_COUNTS)
    project.land("customer", "more.json", [customer("zoe")])
    result = project.materialize("customer_landing", expected_counts=named)
    assert not result.success
    assert evaluations(result)["customer_landing", CHECK].severity == dagster.AssetCheckSeverity.ERROR


def test_stedi_check_warns_of_counts_of_other_files_and_exits_with_0(built_project: Project) -> None:
    expect(built_project, {"customer_landing": 4})
    built_project.land("customer", "more.json", [customer("zoe")])
    command = ("stedi", "check", "customer_landing", "--json")
    finished = run(*command, folder=built_project.landing, **built_project.variables)
    assert finished.exit_code == 0, finished.output
    (found,) = [result for result in json.loads(finished.output) if result["check"] == CHECK]
    assert (found["result"], found["blocking"]) == ("warned", False)


def test_the_first_try_of_the_sensor_is_green_with_a_warning(
    builds: Builds, empty_project: Project, instance: dagster.DagsterInstance
) -> None:
    project = builds("local", "duckdb", with_generated_data).copy_to(empty_project)
    counts = (PROJECT / "data/expected_counts.json").read_text()
    (project.landing / "expected_counts.json").write_text(counts)
    project.land("accelerometer", "more.json", [phone_reading("zoe", 1), phone_reading("zoe", 2)])
    assert look(project, instance).run_requests
    finished = run("stedi", "run", folder=project.landing, **project.variables)
    assert finished.exit_code == 0, finished.output
    assert (
        "accelerometer_landing: the check has_expected_rows warned: actual 81275, expected 81273, "
        "expected_counts_are_of other landing files."
    ) in finished.output
    assert project.delta("accelerometer_landing").count() == 81_275


def test_the_digest_of_data_is_that_of_its_expected_counts() -> None:
    committed = json.loads((PROJECT / "data/expected_counts.json").read_text())
    assert landing_digest(read_settings().landing) == committed["landing_files"]


@in_both_places
def test_the_digest_is_of_the_names_and_sizes_of_the_files_wherever_they_are(empty_project: Project) -> None:
    sizes = {}
    for source, record in {
        "customer": customer("ada"),
        "accelerometer": phone_reading("ada", 1),
        "step_trainer": device_reading("ada", 1),
    }.items():
        file = empty_project.land(source, "b/a.json", [record])
        sizes[f"{source}/landing", "b/a.json"] = file.stat().st_size
    listed = [[*names, size] for names, size in sorted(sizes.items())]
    digest = sha256(json.dumps(listed).encode()).hexdigest()[:16]
    assert landing_digest(empty_project.place.location("landing")) == digest


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_the_digest_changes_when_a_file_is(project: Project, change: Callable[[Path], Any]) -> None:
    before = landing_digest(project.place.location("landing"))
    change(project.landing / "accelerometer/landing")
    assert landing_digest(project.place.location("landing")) != before
