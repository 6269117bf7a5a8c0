"""A command that writes a file replaces an existing one only with --force."""

import subprocess
from pathlib import Path

import pytest

from stedi_assets_tests.support.checkout import PROJECT
from stedi_assets_tests.support.commands import run
from stedi_assets_tests.support.shell import BuiltTwice

WRITING = {
    "query.csv": ("query", "SELECT 1 AS a", "--output", "query.csv"),
    "lakehouse.duckdb": ("duckdb", "lakehouse.duckdb"),
    "report.html": ("report",),
    "customer_trusted.sql": ("ddl", "customer_trusted", "--dialect", "duckdb", "--output", "."),
}
"""From a file to the command that writes it."""


@pytest.mark.parametrize("file", WRITING)
def test_a_command_replaces_an_existing_file_only_with_force(built: BuiltTwice, tmp_path: Path, file: str) -> None:
    existing = tmp_path / file
    existing.write_text("as it was")
    refused = run("stedi", *WRITING[file], folder=tmp_path, **built.project.variables)
    assert (refused.exit_code, refused.output) == (
        1,
        f"Error: The file {file} exists. Give --force to replace it.\n",
    )
    assert existing.read_text() == "as it was"
    replaced = run("stedi", *WRITING[file], "--force", folder=tmp_path, **built.project.variables)
    assert replaced.exit_code == 0, replaced.output
    assert existing.read_bytes() != b"as it was"


def test_sample_data_replace_an_earlier_sample_only_with_force(tmp_path: Path) -> None:
    command = ("stedi", "sample-data", "--output", ".")
    assert run(*command, folder=tmp_path).exit_code == 0
    written = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.json")}
    refused = run(*command, "--scale", "2", folder=tmp_path)
    assert refused.output == "Error: The file expected_counts.json exists. Give --force to replace it.\n"
    assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.json")} == written
    assert run(*command, "--days", "2", "--force", folder=tmp_path).exit_code == 0
    assert len(list((tmp_path / "accelerometer/landing").iterdir())) == 2


def test_several_existing_files_are_counted(tmp_path: Path) -> None:
    for name in ("customer_trusted.sql", "customer_curated.sql"):
        (tmp_path / name).write_text("as it was")
    refused = run("stedi", "ddl", "--dialect", "duckdb", "--output", ".", folder=tmp_path)
    assert refused.output == "Error: The file customer_trusted.sql and 1 more exist. Give --force to replace them.\n"
    assert {file.name for file in tmp_path.iterdir()} == {"customer_trusted.sql", "customer_curated.sql"}


def test_git_ignores_the_files_that_the_commands_of_the_documentation_write() -> None:
    written = ["report.html", "training.parquet", "lakehouse.duckdb", "lakehouse/customer", "sample/landing"]
    ignored = subprocess.run(
        ["git", "check-ignore", *written], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert ignored.stdout.split() == written
