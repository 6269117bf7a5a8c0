"""`stedi clean` removes the tables, and nothing that is not the program's own."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import DeltaError

from stedi_assets.contract import TABLES
from stedi_assets.errors import ConflictError
from stedi_assets.lakehouse.cleaning import clean, plan_cleaning
from stedi_assets.storage import delta
from stedi_assets.storage.removal import remove
from stedi_assets_tests.support.cleaning import build_others_table, command, names_below
from stedi_assets_tests.support.commands import PROGRAMS, environment
from stedi_assets_tests.support.grid import in_both_places, on_duckdb
from stedi_assets_tests.support.projects import Project
from stedi_assets_tests.support.records import customer

pytestmark = in_both_places


def test_the_command_removes_every_table_and_no_landing_file(project: Project, tmp_path: Path) -> None:
    landing_files = names_below(project.landing)
    assert project.materialize().success
    build_others_table(project)
    exit_code, output = command(project, tmp_path, "--yes")
    assert exit_code == 0, output
    assert output.splitlines()[-1].startswith(f"Removed: {len(TABLES) + 1} tables with ")
    assert names_below(project.lakehouse) == set()
    assert names_below(project.landing) == landing_files


def test_a_cleaned_lakehouse_can_be_built_again(project: Project) -> None:
    assert project.materialize().success
    before = project.counts()
    clean(plan_cleaning(project.settings()), project.settings())
    assert project.materialize().success
    assert project.counts() == before
    assert project.delta("customer_landing").version() == 0


def test_a_lakehouse_without_a_table_is_nothing_to_remove(empty_project: Project, tmp_path: Path) -> None:
    exit_code, output = command(empty_project, tmp_path, "--yes")
    assert (exit_code, output) == (0, f"There is nothing to remove at {empty_project.lakehouse}.\n")


@on_duckdb
def test_no_folder_of_a_table_is_left_on_disk(project: Project) -> None:
    assert project.materialize().success
    build_others_table(project)
    clean(plan_cleaning(project.settings()), project.settings())
    assert list(project.lakehouse.iterdir()) == []


@on_duckdb
def test_a_lakehouse_inside_the_landing_root_takes_no_raw_file_with_it(project: Project) -> None:
    project = Project(project.place, project.landing, project.landing / "lakehouse", "duckdb")
    before = names_below(project.landing)
    assert project.materialize("customer_landing").success
    clean(plan_cleaning(project.settings()), project.settings())
    assert names_below(project.landing) == before


def test_a_dry_run_lists_what_would_go_and_removes_nothing(project: Project, tmp_path: Path) -> None:
    assert project.materialize("customer_landing").success
    before = names_below(project.lakehouse)
    exit_code, output = command(project, tmp_path, "--dry-run")
    lines = output.splitlines()
    assert exit_code == 0, output
    assert [line.partition(": ")[0] for line in lines[:2]] == [
        str(project.location("customer/landing")),
        str(project.location("customer/quarantine")),
    ]
    assert lines[2].startswith("Would be removed: 2 tables with 7 files, ")
    assert names_below(project.lakehouse) == before


@on_duckdb
@pytest.mark.parametrize(("answer", "is_removed"), [("y\n", True), ("n\n", False), ("", False)])
def test_the_command_asks_first(project: Project, answer: str, is_removed: bool) -> None:
    assert project.materialize("customer_landing").success
    finished = subprocess.run(
        [str(PROGRAMS / "stedi"), "clean"],
        input=answer,
        env=environment(project.variables),
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Remove 2 tables with 7 files, " in finished.stdout
    assert finished.returncode == (0 if is_removed else 1)
    assert (names_below(project.lakehouse) == set()) == is_removed


def other_programs_table(project: Project) -> None:
    folder = project.location("assets/theirs")
    write_deltalake(folder.path, pa.table({"a": [1]}), storage_options=folder.delta_options)


def files_without_a_log(project: Project) -> None:
    (project.lakehouse / "assets/lost").mkdir(parents=True, exist_ok=True)
    (project.lakehouse / "assets/lost/part-0.parquet").write_text("rows")


def foreign_file(name: str) -> Callable[[Project], None]:
    def put(project: Project) -> None:
        file = project.lakehouse / "customer/landing" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("of a person's own")

    return put


FOREIGN: dict[str, tuple[Callable[[Project], None], str, str]] = {
    "a file": (foreign_file("notes.txt"), "customer/landing", "it holds notes.txt, which this program does not write"),
    "a Parquet file": (foreign_file("part-mine.parquet"), "customer/landing", "it holds part-mine.parquet, which"),
    "a Parquet file named as another program names its own": (
        foreign_file("part-00000-0b6d5d2e-8a53-4f6c-9b53-0a3a7a0f5c10-c000.zstd.parquet"),
        "customer/landing",
        "it holds part-00000-0b6d5d2e-8a53-4f6c-9b53-0a3a7a0f5c10-c000.zstd.parquet, which",
    ),
    "a folder": (foreign_file("old/part-0.parquet"), "customer/landing", "it holds old/part-0.parquet, which"),
    "a file in the log": (foreign_file("_delta_log/notes.txt"), "customer/landing", "it holds _delta_log/notes.txt, "),
    "another program's table": (other_programs_table, "assets/theirs", "no commit in its log is one of this program's"),
    "files without a log": (files_without_a_log, "assets/lost", "it is not a Delta table"),
}


@pytest.mark.parametrize(("put", "folder", "reason"), FOREIGN.values(), ids=FOREIGN.keys())
def test_what_is_not_the_programs_own_stops_everything(
    project: Project, tmp_path: Path, put: Callable[[Project], None], folder: str, reason: str
) -> None:
    assert project.materialize("customer_landing").success
    put(project)
    before = names_below(project.lakehouse)
    exit_code, output = command(project, tmp_path, "--yes")
    assert exit_code == 1
    assert f"{project.location(folder)}: {reason}" in output
    assert output.startswith("Error: Nothing was removed, because not all files are this program's. ")
    assert output.count("\n") == 1
    assert names_below(project.lakehouse) == before


@on_duckdb
def test_many_foreign_files_are_named_by_the_first_few(project: Project) -> None:
    assert project.materialize("customer_landing").success
    for number in range(5):
        foreign_file(f"{number}.txt")(project)
    ((_, reason),) = plan_cleaning(project.settings()).refused
    assert reason == "it holds 0.txt, 1.txt, 2.txt and 2 more, which this program does not write"


@on_duckdb
def test_a_link_out_of_a_tables_folder_is_not_followed(project: Project, tmp_path: Path) -> None:
    assert project.materialize("customer_landing").success
    (tmp_path / "mine").mkdir()
    (project.lakehouse / "customer/landing/mine").symlink_to(tmp_path / "mine")
    ((_, reason),) = plan_cleaning(project.settings()).refused
    assert reason == "it holds mine, which this program does not write"


@on_duckdb
def test_files_beside_the_tables_stay(project: Project) -> None:
    assert project.materialize("customer_landing").success
    for name in ("notes.txt", "customer/notes.txt", "assets/notes.txt"):
        (project.lakehouse / name).parent.mkdir(exist_ok=True)
        (project.lakehouse / name).write_text("of a person's own")
    clean(plan_cleaning(project.settings()), project.settings())
    assert names_below(project.lakehouse) == {"notes.txt", "customer/notes.txt", "assets/notes.txt"}


LEFT_BY_KILLED_WRITERS = (
    "part-0b6d5d2e-8a53-4f6c-9b53-0a3a7a0f5c10-0.parquet",
    "part-0b6d5d2e-8a53-4f6c-9b53-0a3a7a0f5c10-0/part-00000-c000.snappy.parquet",
    "part-0b6d5d2e-8a53-4f6c-9b53-0a3a7a0f5c10-0/.part-00000-c000.snappy.parquet.crc",
    "part-0b6d5d2e-8a53-4f6c-9b53-0a3a7a0f5c10-staged/0/_SUCCESS",
    ".part-0b6d5d2e-8a53-4f6c-9b53-0a3a7a0f5c10-0.parquet.crc",
    "_delta_log/.00000000000000000000.json.crc",
    "_delta_log/_commit_0b6d5d2e-8a53-4f6c-9b53-0a3a7a0f5c10.json.tmp",
)


def test_what_a_killed_writer_left_beside_a_table_goes_with_it(project: Project) -> None:
    assert project.materialize("customer_landing").success
    for name in LEFT_BY_KILLED_WRITERS:
        foreign_file(name)(project)
    clean(plan_cleaning(project.settings()), project.settings())
    assert names_below(project.lakehouse) == set()
    if project.location().is_local:
        assert list(project.lakehouse.iterdir()) == []


def test_a_table_with_checkpoints_that_another_program_wrote_to_since_is_still_ours(project: Project) -> None:
    folder = project.location("customer/landing")
    assert project.materialize("customer_landing").success
    project.delta("customer_landing").create_checkpoint()
    rows = project.delta("customer_landing").to_pyarrow_table()
    write_deltalake(folder.path, rows, mode="append", storage_options=folder.delta_options)
    project.delta("customer_landing").create_checkpoint()
    clean(plan_cleaning(project.settings()), project.settings())
    assert names_below(project.lakehouse) == set()


def test_files_that_only_a_checkpoint_names_as_replaced_go_with_their_table(project: Project) -> None:
    folder = project.location("customer/landing")
    assert project.materialize("customer_landing").success
    rows = project.delta("customer_landing").to_pyarrow_table()
    for _ in range(2):
        write_deltalake(folder.path, rows, mode="overwrite", storage_options=folder.delta_options)
    foreign_file(f".{PurePosixPath(project.files('customer_landing')[0]).name}.crc")(project)
    project.delta("customer_landing").create_checkpoint()
    (project.lakehouse / "customer/landing/_delta_log/00000000000000000001.json").unlink()
    clean(plan_cleaning(project.settings()), project.settings())
    assert names_below(project.lakehouse) == set()


@on_duckdb
def test_a_table_whose_log_is_damaged_is_named_and_nothing_of_it_goes(project: Project, tmp_path: Path) -> None:
    assert project.materialize("customer_landing", "customer_trusted").success
    project.land("customer", "customer-2.json", [customer("fay", research=100)])
    assert project.materialize("customer_landing", "customer_trusted").success
    (project.lakehouse / "customer/trusted/_delta_log/00000000000000000000.json").write_text("garbage")
    before = names_below(project.lakehouse / "customer/trusted")
    exit_code, output = command(project, tmp_path, "--yes")
    assert exit_code == 1
    assert f"The table at {project.lakehouse}/customer/trusted could not be emptied, and nothing of it" in output
    assert names_below(project.lakehouse / "customer/trusted") == before


@on_duckdb
def test_a_table_that_another_writer_changes_during_its_removal_is_a_conflict_and_stays(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert project.materialize("customer_landing").success
    folder = project.location("customer/landing")
    amend = delta.amend

    def amend_after_another_writer(*arguments: Any) -> int:
        table = project.delta("customer_landing")
        write_deltalake(table, table.to_pyarrow_table(), mode="append")
        return amend(*arguments)

    monkeypatch.setattr(delta, "amend", amend_after_another_writer)
    with pytest.raises(ConflictError, match="could not be emptied, and nothing of it was removed") as lost:
        remove(folder)
    assert (lost.value.folder, lost.value.expected, lost.value.found) == (str(folder), 0, 1)
    assert project.delta("customer_landing").count() == 10


def rows_seen(folder: Path) -> int | None:
    """The rows that a reader finds; None where it fails."""
    try:
        return len(DeltaTable(folder).to_pyarrow_table().to_pylist())
    except (DeltaError, OSError):
        return None


@pytest.fixture
def table_with_history(project: Project) -> Path:
    """A table with a checkpoint in its log and files of old versions in its folder."""
    for _ in range(3):
        assert project.materialize("customer_landing", full_refresh=True).success
    project.delta("customer_landing").create_checkpoint()
    assert project.materialize("customer_landing", full_refresh=True).success
    return project.lakehouse / "customer/landing"


@on_duckdb
def test_whenever_a_removal_is_interrupted_no_reader_sees_a_part_and_a_second_one_completes(
    table_with_history: Path, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Path.unlink
    files = len(names_below(table_with_history)) + 1
    seen = []
    for allowed in range(files):
        folder = tmp_path / f"copies/{allowed}/customer/landing"
        shutil.copytree(table_with_history, folder)
        location = Project(project.place, tmp_path, tmp_path / f"copies/{allowed}", "duckdb").location("")
        remaining = iter([True] * allowed)

        def unlink(path: Path, missing_ok: bool = False, remaining: Any = remaining) -> None:
            if not next(remaining, False):
                raise KeyboardInterrupt
            original(path, missing_ok)

        monkeypatch.setattr(Path, "unlink", unlink)
        with pytest.raises(KeyboardInterrupt):
            remove(location / "customer/landing")
        monkeypatch.setattr(Path, "unlink", original)
        seen.append(rows_seen(folder))
        remove(location / "customer/landing")
        assert not folder.exists()
    data_files = len(list(table_with_history.glob("*.parquet")))
    assert seen[: data_files + 1] == [0] * (data_files + 1)
    assert set(seen) == {0, None}
