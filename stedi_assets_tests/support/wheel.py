"""A wheel, tried as a user installs it: in a virtual environment of its own, away from the checkout.

`python -m stedi_assets_tests.support.wheel dist/*.whl` installs it there with the pinned versions, makes landing files,
builds the tables from them, and compares the rows with those that the course's data give.
"""

import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from stedi_assets.landing.expected import read_counts
from stedi_assets_tests.support.checkout import PROJECT
from stedi_assets_tests.support.commands import environment

ROOTS = {"STEDI_LANDING": "landing", "STEDI_LAKEHOUSE": "lakehouse"}


class Elsewhere:
    """A folder with a virtual environment, which sees nothing of the checkout."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        venv.create(folder / "venv", with_pip=True)
        self._environment = {name: value for name, value in environment(ROOTS).items() if name != "PYTHONPATH"}

    def run(self, program: str, *arguments: str) -> str:
        """Runs a program of the virtual environment in the folder, and returns what it prints.

        Raises:
            subprocess.CalledProcessError: The program failed. What it says about it is on standard error.
        """
        finished = subprocess.run(
            [str(self._folder / "venv/bin" / program), *arguments],
            cwd=self._folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return finished.stdout


def main(wheel: Path) -> None:
    """Installs a wheel and runs it.

    Args:
        wheel: The file, built from this checkout.
    """
    expected = read_counts(PROJECT / "data/expected_counts.json").rows
    with tempfile.TemporaryDirectory() as folder:
        elsewhere = Elsewhere(Path(folder))
        pinned = ("--constraint", str(PROJECT / "constraints.txt"))
        elsewhere.run("pip", "install", "--quiet", "--disable-pip-version-check", *pinned, str(wheel.resolve()))
        elsewhere.run("stedi", "sample-data", "--output", ROOTS["STEDI_LANDING"])
        elsewhere.run("stedi", "run")
        rows = {table["name"]: table["rows"] for table in json.loads(elsewhere.run("stedi", "tables", "--json"))}
        wrong = {name: (rows.get(name), count) for name, count in expected.items() if rows.get(name) != count}
        if wrong:
            sys.exit(f"{wheel.name} builds wrong tables; the rows and what they should be: {wrong}")
        # Its page comes from templates, which a wheel can lack.
        elsewhere.run("stedi", "report", "--output", "report.html")
    print(f"{wheel.name}: installed away from the checkout, {len(expected)} tables have the rows they should")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
