"""A lakehouse that two runs have built, and the commands that look at it."""

import csv
import io
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from stedi_assets.cli import main
from stedi_assets_tests.support.projects import Project
from stedi_assets_tests.support.records import phone_reading

LATER_READINGS = [phone_reading("ada", 500), phone_reading("ada", 500), phone_reading("eve", 600)]


ESCAPE_SEQUENCE = "\x1b[2J"
"""Clears the screen of a terminal that is given it."""


@dataclass(frozen=True)
class BuiltTwice:
    """A project that two runs have built: accelerometer_landing and what comes of it gained rows in the second.

    Attributes:
        project: The project, with a table of another's asset beside those of the contract.
        runs: The ids of the runs.
    """

    project: Project
    runs: tuple[str, str]

    @property
    def lakehouse(self) -> Path:
        return self.project.lakehouse

    def stedi(self, *arguments: str, **options: Any) -> Result:
        return stedi(self.project, *arguments, **options)


def built_twice(project: Project) -> BuiltTwice:
    first = project.materialize()
    project.land("accelerometer", "accelerometer-3.json", LATER_READINGS)
    second = project.materialize()
    assert first.success and second.success
    return BuiltTwice(project, (first.run_id, second.run_id))


def stedi(project: Project, *arguments: str, **options: Any) -> Result:
    return CliRunner(env=project.variables).invoke(main, arguments, **options)


def succeeded(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(result: Result, exit_code: int = 1) -> str:
    """The one line that a failure prints."""
    assert result.exit_code == exit_code, result.output
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: ")
    return line.removeprefix("Error: ")


def rows_of_csv(text: str) -> Counter[tuple[str, ...]]:
    return Counter(tuple(row) for row in list(csv.reader(io.StringIO(text)))[1:])
