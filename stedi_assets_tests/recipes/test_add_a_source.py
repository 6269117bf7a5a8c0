"""CONTRIBUTING's recipes make a source and a table of it, in a copy of the package: nothing else has to be edited."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from stedi_assets.storage.aws import Aws
from stedi_assets_tests.support.checkout import PROJECT
from stedi_assets_tests.support.commands import Finished, run
from stedi_assets_tests.support.engines import KEY
from stedi_assets_tests.support.erasing import EMAIL, SERIAL_NUMBER, naming
from stedi_assets_tests.support.places import Place
from stedi_assets_tests.support.projects import Project, with_landing_files
from stedi_assets_tests.support.recipes import copied_package, section, steps
from stedi_assets_tests.support.records import Record

CONTRIBUTING = (PROJECT / "CONTRIBUTING.md").read_text()
SOURCE = steps(section(CONTRIBUTING, "Add a source"))
TABLE = steps(section(CONTRIBUTING, "Add a table"))


def heart_rate(name: str, instant: int) -> Record:
    return {"user": f"{name}@example.com", "timestamp": instant, "bpm": 60}


@dataclass
class Fork:
    """A copy of the package with a landing root and a lakehouse, in which a test stands for its user."""

    package: Path
    project: Project

    def stedi(self, *arguments: str) -> Finished:
        variables = {
            **self.project.variables,
            "STEDI_PSEUDONYM_KEY": KEY.hex(),
            "STEDI_MAX_QUARANTINED": "0.5",
            "PYTHONPATH": str(self.package),
        }
        return run("stedi", *arguments, folder=self.package, **variables)

    def succeeds(self, *arguments: str) -> str:
        finished = self.stedi(*arguments)
        assert finished.exit_code == 0, finished.output
        return finished.output

    def counts(self) -> dict[str, int | None]:
        listed: list[dict[str, Any]] = json.loads(self.succeeds("tables", "--json"))
        return {table["name"]: table["rows"] for table in listed if table["name"].startswith("heart_rate")}


@pytest.fixture(scope="module")
def fork(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fork]:
    """A copy of the package to which both recipes were applied, and the tables that it built without the new files."""
    folder = tmp_path_factory.mktemp("fork")
    package = copied_package(folder / "package")
    for step in (*SOURCE, *TABLE):
        step.make(package)
    project = with_landing_files(Project.at(Place(folder, Aws(), {}), "duckdb"))
    yield Fork(package, project)


def test_the_recipe_of_a_source_edits_two_files_and_runs_one_command() -> None:
    assert [(step.kind, step.file) for step in SOURCE] == [("insert", "stedi_assets/contract.py"), ("run", None)]
    numbered = section(CONTRIBUTING, "Add a source")
    assert "1. `stedi_assets/contract.py`" in numbered
    assert "2. `docs/tables.md`" in numbered


def test_a_new_source_is_run_queried_and_erased_like_any_other(fork: Fork) -> None:
    # The source is optional, and its folder is missing.
    fork.succeeds("run")
    assert fork.counts() == {"heart_rate_landing": 0, "heart_rate_quarantine": 0, "heart_rate_trusted": 0}

    # Later files arrive: readings of a customer who consents and one who does not, and text that is no record.
    readings = [heart_rate("ada", 100), heart_rate("ada", 200), heart_rate("eve", 100), heart_rate("bob", 100)]
    fork.project.land("heart_rate", "heart_rate-1.json", readings)
    fork.project.land_text("heart_rate", "damaged.json", '{"user": "ada@example.com", "timestamp": "late"}\n')
    fork.succeeds("run", "--select", "+key:heart_rate_trusted")
    assert fork.counts() == {"heart_rate_landing": 4, "heart_rate_quarantine": 1, "heart_rate_trusted": 3}
    assert "60" in fork.succeeds("query", "SELECT bpm FROM heart_rate_trusted LIMIT 1")

    # An erasure finds the customer's records of the new source.
    printed = fork.succeeds("erase", EMAIL, "--yes", "--force", "--json")
    certificate = json.loads(printed.splitlines()[-1])
    files = {path.rpartition("/")[2]: records for path, records in certificate["records_by_file"].items()}
    assert (files["heart_rate-1.json"], files["damaged.json"]) == (2, 1)
    assert certificate["rows_by_table"]["heart_rate_trusted"] == 2
    assert (certificate["still_named_in"], certificate["not_verified"]) == ([], {})
    assert fork.counts() == {"heart_rate_landing": 2, "heart_rate_quarantine": 0, "heart_rate_trusted": 1}
    assert naming(fork.project) == []
    assert SERIAL_NUMBER not in printed


def test_the_statements_of_the_new_tables_are_written(fork: Fork) -> None:
    written = {file.stem for file in (fork.package / "ddl").iterdir()}
    assert {"heart_rate_files", "heart_rate_landing", "heart_rate_quarantine"} <= written


@pytest.mark.parametrize(("command", "text"), [("upload", "heart_rate/landing"), ("ddl", "heart_rate_files")])
def test_the_help_of_a_command_names_the_new_source(fork: Fork, command: str, text: str) -> None:
    assert text in fork.succeeds(command, "--help")


def test_the_settings_name_the_new_folder(fork: Fork) -> None:
    assert "step_trainer/landing, heart_rate/landing." in fork.succeeds("settings", "--markdown")
