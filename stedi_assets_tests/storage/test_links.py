"""A table's folder that is a symbolic link: every command says so in one line, and changes nothing."""

from pathlib import Path

import pytest

from stedi_assets_tests.support.cleaning import build_others_table, names_below
from stedi_assets_tests.support.commands import run
from stedi_assets_tests.support.engines import KEY
from stedi_assets_tests.support.projects import Project

COMMANDS = (
    ("tables",),
    ("query", "FROM customer_trusted"),
    ("history", "customer_trusted"),
    ("diff", "customer_trusted", "0", "0"),
    ("duckdb", "views.duckdb"),
    ("vacuum", "--retention-days", "0", "--no-retention"),
    ("erase", "ada@example.com", "--yes"),
    ("clean", "--yes"),
)


def linked(project: Project, folder: str, target: Path) -> Path:
    (project.lakehouse / folder).rename(target)
    (project.lakehouse / folder).symlink_to(target)
    return project.lakehouse / folder


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_command_says_that_the_tables_folder_is_a_link_and_changes_nothing(
    built_project: Project, tmp_path: Path, command: tuple[str, ...]
) -> None:
    link = linked(built_project, "customer/trusted", tmp_path / "elsewhere")
    before = names_below(built_project.lakehouse) | names_below(tmp_path / "elsewhere")
    variables = {**built_project.variables, "STEDI_PSEUDONYM_KEY": KEY.hex()}
    finished = run("stedi", *command, folder=tmp_path, **variables)
    assert finished.exit_code == 1
    assert finished.output.splitlines()[-1].startswith(
        f"Error: The folder {link} is a symbolic link, or lies below one: it is {tmp_path / 'elsewhere'}."
    )
    assert "Traceback" not in finished.output
    assert names_below(built_project.lakehouse) | names_below(tmp_path / "elsewhere") == before


def test_a_run_says_so_and_leaves_the_table_as_it_was(built_project: Project, tmp_path: Path) -> None:
    link = linked(built_project, "customer/trusted", tmp_path / "elsewhere")
    before = names_below(tmp_path / "elsewhere")
    finished = run("stedi", "run", "--select", "key:customer_trusted", folder=tmp_path, **built_project.variables)
    assert finished.exit_code == 1
    assert f"customer_trusted: The folder {link} is a symbolic link" in finished.output
    assert names_below(tmp_path / "elsewhere") == before


def test_a_link_to_another_persons_table_is_told_too(project: Project, tmp_path: Path) -> None:
    build_others_table(project)
    link = linked(project, "assets/mine", tmp_path / "elsewhere")
    finished = run("stedi", "vacuum", folder=tmp_path, **project.variables)
    assert (finished.exit_code, finished.output.count("\n")) == (1, 1)
    assert finished.output.startswith(f"Error: The folder {link} is a symbolic link")


def test_a_lakehouse_that_is_a_link_itself_is_the_folder_it_leads_to(project: Project, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    project.lakehouse.symlink_to(tmp_path / "elsewhere")
    assert project.materialize("customer_landing").success
    assert (tmp_path / "elsewhere/customer/landing/_delta_log").is_dir()
