"""Folders that are gone, full or closed, and names that are too long: one line of what and where, and exit code 1."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from stedi_assets_tests.support.commands import run
from stedi_assets_tests.support.projects import Project

WITHOUT_RIGHTS_OF_ROOT = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()

SELECTED = ("stedi", "run", "--select", "key:customer_landing")

LONG_NAME = "x" * 300


def small_disk(folder: Path) -> Sequence[str]:
    """A program that runs a command with a disk of 300 kB mounted at a folder, seen by that command alone."""
    mounted = f"mount -t tmpfs -o size=300k tmpfs '{folder}' && exec \"$@\""
    return ("unshare", "--map-root-user", "--mount", "sh", "-c", mounted, "sh")


def missing(folder: Path) -> str:
    folder.rmdir()
    return str(folder)


def a_file(folder: Path) -> str:
    folder.rmdir()
    folder.write_text("")
    return str(folder)


def closed(folder: Path) -> str:
    folder.chmod(0o555)
    return str(folder)


def relative(folder: Path) -> str:
    return folder.name


HOMES = {
    "missing": (missing, "DAGSTER_HOME={home} is missing. Set DAGSTER_HOME to"),
    "a file": (a_file, "DAGSTER_HOME={home} is not a folder. Set DAGSTER_HOME to"),
    "unwritable": (closed, "DAGSTER_HOME={home} cannot be written. Make the folder writable"),
    "relative": (relative, "DAGSTER_HOME={home} is a relative path. Set DAGSTER_HOME to"),
}


@pytest.mark.parametrize(("spoiled", "message"), HOMES.values(), ids=HOMES.keys())
def test_a_history_that_cannot_be_kept_is_one_line(
    project: Project, tmp_path: Path, spoiled: Callable[[Path], str], message: str
) -> None:
    (tmp_path / "home").mkdir()
    home = spoiled(tmp_path / "home")
    finished = run(*SELECTED, folder=tmp_path, before=WITHOUT_RIGHTS_OF_ROOT, **project.variables, DAGSTER_HOME=home)
    assert (finished.exit_code, finished.output.count("\n")) == (1, 1)
    assert finished.output.startswith(f"Error: {message.format(home=home)}")


@pytest.mark.parametrize(("variable", "executor"), [("DAGSTER_HOME", "in_process"), ("TMPDIR", "multiprocess")])
def test_a_full_disk_under_the_history_is_one_line(
    project: Project, tmp_path: Path, variable: str, executor: str
) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    (folder / "dagster.yaml").write_text("")
    variables = {**project.variables, variable: str(folder), "STEDI_EXECUTOR": executor}
    finished = run(*SELECTED, folder=tmp_path, before=small_disk(folder), **variables)
    assert finished.exit_code == 1
    assert "Traceback" not in finished.output
    assert finished.output.splitlines()[-1].startswith(
        f"Error: The history of the run could not be written to {folder}"
    )
    assert "its free space" in finished.output


def test_a_history_that_nobody_keeps_takes_no_room(project: Project, tmp_path: Path) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    finished = run(*SELECTED, folder=tmp_path, before=small_disk(folder), **project.variables, TMPDIR=str(folder))
    assert finished.exit_code == 0, finished.output


def test_a_run_writes_nothing_to_the_home_folder(project: Project, tmp_path: Path) -> None:
    home, history = tmp_path / "home", tmp_path / "history"
    home.mkdir()
    history.mkdir()
    finished = run(*SELECTED, folder=tmp_path, **{**project.variables, "HOME": str(home), "DAGSTER_HOME": str(history)})
    assert finished.exit_code == 0, finished.output
    assert list(home.iterdir()) == []
    assert not (history / ".telemetry").exists()
    assert (history / "history").is_dir()


NAMES_TOO_LONG = (
    ("query", "SELECT 1 AS a", "--output", f"{LONG_NAME}.csv"),
    ("duckdb", f"{LONG_NAME}.duckdb"),
    ("report", "--output", f"{LONG_NAME}.html"),
    ("ddl", "--dialect", "duckdb", "--output", LONG_NAME),
    ("sample-data", "--output", LONG_NAME),
)


@pytest.mark.parametrize("command", NAMES_TOO_LONG, ids=lambda command: command[0])
def test_the_name_of_a_file_to_write_that_is_too_long_is_one_line(
    empty_project: Project, tmp_path: Path, command: tuple[str, ...]
) -> None:
    finished = run("stedi", *command, folder=tmp_path, **empty_project.variables)
    assert (finished.exit_code, finished.output.count("\n")) == (1, 1)
    assert LONG_NAME in finished.output
    assert "File name too long" in finished.output


def test_a_name_as_long_as_the_disk_takes_is_written(empty_project: Project, tmp_path: Path) -> None:
    name = f"{'x' * 251}.csv"
    finished = run("stedi", "query", "SELECT 1 AS a", "--output", name, folder=tmp_path, **empty_project.variables)
    assert finished.exit_code == 0, finished.output
    assert (tmp_path / name).read_text() == "a\n1\n"


@pytest.mark.parametrize(
    "command",
    [("run",), ("query", "SELECT 1 AS a", "--output", "a.csv"), ("duckdb", "a.duckdb"), ("report",)],
    ids=lambda command: command[0],
)
def test_a_working_folder_that_was_deleted_is_one_line(
    project: Project, tmp_path: Path, command: tuple[str, ...]
) -> None:
    gone = ("sh", "-c", 'mkdir gone && cd gone && rmdir ../gone && exec "$@"', "sh")
    finished = run("stedi", *command, folder=tmp_path, before=gone, **project.variables)
    # A run also says what it begins with.
    errors = [line for line in finished.output.splitlines() if not line.startswith("Building tables")]
    assert finished.exit_code == 1
    assert errors == ["Error: The working folder does not exist any more. Change to another folder."]
