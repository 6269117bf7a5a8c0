"""Machines that are not as a developer's: a user without a name, a disk without hard links, a log that is not UTF-8."""

import errno
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from stedi_assets_tests.support.commands import run
from stedi_assets_tests.support.no_hard_links import without_hard_links
from stedi_assets_tests.support.projects import Project

SELECTED = ("stedi", "run", "--select", "key:customer_landing")

NAMELESS = ("unshare", "--user", "--map-user=54321", "--map-group=54321", "env", "-u", "HOME", "-u", "USER")
"""A program that runs a command as a user who has no name, as in a container. LOGNAME and its siblings are none."""

KEY = "00112233445566778899aabbccddeeff" * 2


@pytest.mark.parametrize(
    "command",
    [SELECTED, ("stedi", "tables"), ("stedi", "query", "FROM customer_trusted"), ("stedi", "report")],
    ids=lambda command: command[1],
)
def test_a_user_without_a_name_uses_duckdb(built_project: Project, tmp_path: Path, command: Sequence[str]) -> None:
    finished = run(*command, folder=tmp_path, before=NAMELESS, **built_project.variables)
    assert finished.exit_code == 0, finished.output


def test_who_asked_for_an_erasure_is_a_number_where_the_user_has_no_name(
    built_project: Project, tmp_path: Path
) -> None:
    variables = {**built_project.variables, "STEDI_PSEUDONYM_KEY": KEY}
    erase = ("stedi", "erase", "ada@example.com", "--yes", "--force", "--json")
    finished = run(*erase, folder=tmp_path, before=(*NAMELESS, "-u", "LOGNAME", "-u", "LNAME"), **variables)
    assert finished.exit_code == 0, finished.output
    assert json.loads(finished.output.splitlines()[-1])["requested_by"] == "54321"


@pytest.mark.parametrize("error", [errno.EPERM, errno.ENOTSUP], ids=["EPERM", "ENOTSUP"])
def test_a_disk_without_hard_links_is_one_line_with_both_remedies(project: Project, tmp_path: Path, error: int) -> None:
    finished = run(*SELECTED, folder=tmp_path, before=without_hard_links(error), **project.variables)
    assert finished.exit_code == 1
    assert finished.output.splitlines()[-2] == (
        f"customer_landing: The table at {project.lakehouse}/customer/quarantine could not be committed: its disk "
        "takes no hard links, without which delta-rs cannot be sure that a commit never replaces another one. The "
        "table is as it was. Set STEDI_LAKEHOUSE to a folder on another disk; or, where no other program writes the "
        "tables at the same time, set MOUNT_ALLOW_UNSAFE_RENAME=true, at which delta-rs renames files instead."
    )


def test_a_disk_without_hard_links_is_written_where_the_user_allows_renames(project: Project, tmp_path: Path) -> None:
    allowed = {**project.variables, "MOUNT_ALLOW_UNSAFE_RENAME": "true"}
    for version in range(2):
        before = without_hard_links(errno.EPERM)
        finished = run(*SELECTED, folder=tmp_path, before=before, **allowed, STEDI_FULL_REFRESH="true")
        assert finished.exit_code == 0, finished.output
        assert project.delta("customer_landing").version() == version


NOT_UTF_8 = {
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "latin-1": {"PYTHONIOENCODING": "latin-1"},
    "the locale C": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
}

COMMANDS = (
    ("tables",),
    ("settings",),
    ("settings", "--markdown"),
    ("history", "customer_trusted"),
    ("diff", "accelerometer_trusted", "0", "1"),
    ("duckdb", "☃.duckdb"),
    ("ddl",),
    ("vacuum", "--dry-run"),
    ("clean", "--dry-run"),
    ("report", "--output", "☃.html"),
    ("erase", "ada@example.com"),
    ("sample-data", "--output", "sample"),
    ("completion", "bash"),
    ("run",),
    ("history", "☃"),
    ("--help",),
)

OF_ITS_OWN = ("env",)
"""A program that runs a command in a new process: a fork has the encoding of what it was forked from."""


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_prints_where_the_locale_knows_ascii_alone(
    built_project: Project, tmp_path: Path, command: Sequence[str]
) -> None:
    if command[0] == "diff":
        assert built_project.materialize("accelerometer_trusted", full_refresh=True).success
    variables = {**built_project.variables, **NOT_UTF_8["the locale C"], "STEDI_PSEUDONYM_KEY": KEY}
    finished = run("stedi", *command, folder=tmp_path, before=OF_ITS_OWN, **variables)
    assert finished.exit_code == (1 if command == ("history", "☃") else 0), finished.output
    assert "Unicode" not in finished.output


@pytest.mark.parametrize("variables", NOT_UTF_8.values(), ids=NOT_UTF_8.keys())
def test_a_letter_that_the_encoding_lacks_is_a_question_mark(
    built_project: Project, tmp_path: Path, variables: dict[str, str]
) -> None:
    query = ("stedi", "query", "SELECT '☃' || 'a' AS snow")
    finished = run(*query, folder=tmp_path, before=OF_ITS_OWN, **built_project.variables, **variables)
    assert finished.exit_code == 0, finished.output
    assert "?a" in finished.output
    written = run(*query, "--format", "csv", folder=tmp_path, before=OF_ITS_OWN, **built_project.variables, **variables)
    assert written.output == "snow\n☃a\n"


def test_what_is_not_in_the_encoding_of_an_error_is_a_question_mark(tmp_path: Path) -> None:
    finished = run("stedi", "☃", folder=tmp_path, before=OF_ITS_OWN, PYTHONIOENCODING="latin-1")
    assert (finished.exit_code, finished.output) == (2, "Error: No such command '?'. See stedi --help.\n")


FULL = (
    ("query", "FROM accelerometer_landing CROSS JOIN range(20_000)", "--output", "small/a.csv"),
    ("duckdb", "small/a.duckdb"),
    ("report", "--output", "small/a.html"),
    ("ddl", "--dialect", "duckdb", "--output", "small/ddl"),
    ("sample-data", "--output", "small/sample"),
)


@pytest.mark.parametrize("command", FULL, ids=lambda command: command[0])
def test_a_full_disk_under_what_a_command_writes_is_one_line(
    built_project: Project, tmp_path: Path, command: Sequence[str]
) -> None:
    (tmp_path / "small").mkdir()
    mounted = f"mount -t tmpfs -o size=8k tmpfs '{tmp_path}/small' && exec \"$@\""
    small_disk = ("unshare", "--map-root-user", "--mount", "sh", "-c", mounted, "sh")
    finished = run("stedi", *command, folder=tmp_path, before=small_disk, **built_project.variables)
    assert (finished.exit_code, finished.output.count("\n")) == (1, 1), finished.output
    assert "small" in finished.output
