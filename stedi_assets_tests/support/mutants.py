"""Mistakes that a change could make in the modules that decide, each of which a test should find.

Usage: python -m stedi_assets_tests.support.mutants [OPTION OF PYTEST …]

Makes each mistake in this checkout's own files, runs the tests of the folders that are named with it until one fails,
and puts the file back. Prints which mistakes no test found, and ends with 1 where there are any.
"""

import subprocess
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from stedi_assets_tests.support.checkout import PROJECT


@dataclass(frozen=True)
class Mutant:
    """A mistake.

    Attributes:
        module: The module's path in the package.
        right: Text that stands in it once.
        wrong: What the mistake makes of it.
        tests: Folders of tests, the likeliest first.
    """

    module: str
    right: str
    wrong: str
    tests: Sequence[str]


def mutants() -> list[Mutant]:
    """Returns the mistakes of `stedi_assets_tests/mutants.toml`."""
    listed = tomllib.loads((PROJECT / "stedi_assets_tests/mutants.toml").read_text())["mutant"]
    return [Mutant(**entry) for entry in listed]


def is_found(mutant: Mutant, options: list[str]) -> bool:
    """Makes a mistake, and says whether a test fails.

    Args:
        mutant: The mistake.
        options: For pytest, such as the mark of a tier.

    Raises:
        ValueError: The text is not in the module once.
    """
    file = PROJECT / "stedi_assets" / mutant.module
    text = file.read_text()
    if text.count(mutant.right) != 1:
        raise ValueError(f"{mutant.module} does not have: {mutant.right}")
    tests = [f"stedi_assets_tests/{folder}" for folder in mutant.tests]
    first_failure = ["--exitfirst", "--hypothesis-profile=unshrunk"]
    command = [sys.executable, "-m", "pytest", *first_failure, "--quiet", "--numprocesses=2", *options, *tests]
    try:
        file.write_text(text.replace(mutant.right, mutant.wrong))
        ended = subprocess.run(command, cwd=PROJECT, capture_output=True, check=False).returncode
        return ended not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
    finally:
        file.write_text(text)


def main(options: list[str]) -> int:
    """Makes every mistake in turn, and prints those that no test found.

    Args:
        options: For pytest.

    Returns:
        The exit code.
    """
    listed = mutants()
    missed = []
    for number, mutant in enumerate(listed, 1):
        found = is_found(mutant, options)
        print(f"{number}/{len(listed)} {mutant.module}: {'found' if found else 'MISSED'}: {mutant.wrong}", flush=True)
        missed += [] if found else [mutant]
    print(f"{len(listed) - len(missed)} of {len(listed)} were found")
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
