"""Removing what runs have made: all of it, nothing else, and never half a table."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import dagster
import pandas as pd
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import DeltaError

from stedi_assets.clean import clean, plan_cleaning
from stedi_assets.storage.removal import remove
from stedi_assets.tables import TABLES
from stedi_assets_tests.commands import PROGRAMS, environment, run
from stedi_assets_tests.conftest import Project, bucket, made_place, with_landing_files
from stedi_assets_tests.policies import policies_held, user_who_may
from stedi_assets_tests.servers import moto_server


@pytest.fixture
def engine() -> str:
    """Cleaning computes nothing."""
    return "duckdb"


def names_below(folder: Path) -> set[str]:
    """The paths of the files in a folder, on disk or in a bucket."""
    return {str(path)[len(str(folder)) + 1 :] for path in folder.rglob("*") if path.is_file()}


def build_others_table(project: Project) -> None:
    """Stores an asset of someone else's."""

    @dagster.asset
    def mine() -> pd.DataFrame:
        return pd.DataFrame({"a": [1, 2]})

    assert dagster.materialize([mine], resources=project.definitions().resources).success


def command(project: Project, tmp_path: Path, *options: str, **variables: str) -> tuple[int, str]:
    finished = run("stedi", "clean", *options, folder=tmp_path, **{**project.variables, **variables})
    return finished.exit_code, finished.output


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


def test_no_folder_of_a_table_is_left_on_disk(local_project: Project) -> None:
    assert local_project.materialize().success
    build_others_table(local_project)
    clean(plan_cleaning(local_project.settings()), local_project.settings())
    assert list(local_project.lakehouse.iterdir()) == []


def test_a_lakehouse_inside_the_landing_root_takes_no_raw_file_with_it(local_project: Project) -> None:
    project = Project(local_project.place, local_project.landing, local_project.landing / "lakehouse", "duckdb")
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
    assert lines[2].startswith("Would be removed: 2 tables with 4 files, ")
    assert names_below(project.lakehouse) == before


@pytest.mark.parametrize(("answer", "is_removed"), [("y\n", True), ("n\n", False), ("", False)])
def test_the_command_asks_first(local_project: Project, answer: str, is_removed: bool) -> None:
    assert local_project.materialize("customer_landing").success
    finished = subprocess.run(
        [str(PROGRAMS / "stedi"), "clean"],
        input=answer,
        env=environment(local_project.variables),
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Remove 2 tables with 4 files, " in finished.stdout
    assert finished.returncode == (0 if is_removed else 1)
    assert (names_below(local_project.lakehouse) == set()) == is_removed


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
    assert output.startswith("Error: Nothing was removed, for not all is this program's. ")
    assert output.count("\n") == 1
    assert names_below(project.lakehouse) == before


def test_many_foreign_files_are_named_by_the_first_few(local_project: Project) -> None:
    assert local_project.materialize("customer_landing").success
    for number in range(5):
        foreign_file(f"{number}.txt")(local_project)
    ((_, reason),) = plan_cleaning(local_project.settings()).refused
    assert reason == "it holds 0.txt, 1.txt, 2.txt and 2 more, which this program does not write"


def test_a_link_out_of_a_tables_folder_is_not_followed(local_project: Project, tmp_path: Path) -> None:
    assert local_project.materialize("customer_landing").success
    (tmp_path / "mine").mkdir()
    (local_project.lakehouse / "customer/landing/mine").symlink_to(tmp_path / "mine")
    ((_, reason),) = plan_cleaning(local_project.settings()).refused
    assert reason == "it holds mine, which this program does not write"


def test_files_beside_the_tables_stay(local_project: Project) -> None:
    assert local_project.materialize("customer_landing").success
    for name in ("notes.txt", "customer/notes.txt", "assets/notes.txt"):
        (local_project.lakehouse / name).parent.mkdir(exist_ok=True)
        (local_project.lakehouse / name).write_text("of a person's own")
    clean(plan_cleaning(local_project.settings()), local_project.settings())
    assert names_below(local_project.lakehouse) == {"notes.txt", "customer/notes.txt", "assets/notes.txt"}


LEFT_BY_KILLED_WRITERS = (
    "part-0b6d5d2e-8a53-4f6c-9b53-0a3a7a0f5c10-0.parquet",
    "part-0b6d5d2e-8a53-4f6c-9b53-0a3a7a0f5c10-0/part-00000-c000.snappy.parquet",
    "part-0b6d5d2e-8a53-4f6c-9b53-0a3a7a0f5c10-0/.part-00000-c000.snappy.parquet.crc",
    "part-0b6d5d2e-8a53-4f6c-9b53-0a3a7a0f5c10-staged/0/_SUCCESS",
    "part-00000-0b6d5d2e-8a53-4f6c-9b53-0a3a7a0f5c10-c000.zstd.parquet",
    ".part-00000-c000.parquet.crc",
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


def test_a_table_whose_log_is_damaged_is_named_and_nothing_of_it_goes(local_project: Project, tmp_path: Path) -> None:
    assert local_project.materialize("customer_landing", "customer_trusted").success
    assert local_project.materialize("customer_trusted").success
    (local_project.lakehouse / "customer/trusted/_delta_log/00000000000000000000.json").write_text("garbage")
    before = names_below(local_project.lakehouse / "customer/trusted")
    exit_code, output = command(local_project, tmp_path, "--yes")
    assert exit_code == 1
    assert f"The table at {local_project.lakehouse}/customer/trusted could not be emptied, and nothing of it" in output
    assert names_below(local_project.lakehouse / "customer/trusted") == before


def rows_seen(folder: Path) -> int | None:
    """The rows that a reader finds; None where it fails."""
    try:
        return len(DeltaTable(folder).to_pyarrow_table().to_pylist())
    except (DeltaError, OSError):
        return None


@pytest.fixture
def table_with_history(local_project: Project) -> Path:
    """A table with a checkpoint in its log and files of old versions in its folder."""
    for _ in range(3):
        assert local_project.materialize("customer_landing", full_refresh=True).success
    local_project.delta("customer_landing").create_checkpoint()
    assert local_project.materialize("customer_landing", full_refresh=True).success
    return local_project.lakehouse / "customer/landing"


def test_whenever_a_removal_is_interrupted_no_reader_sees_a_part_and_a_second_one_completes(
    table_with_history: Path, local_project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Path.unlink
    files = len(names_below(table_with_history)) + 1
    seen = []
    for allowed in range(files):
        folder = tmp_path / f"copies/{allowed}/customer/landing"
        shutil.copytree(table_with_history, folder)
        location = Project(local_project.place, tmp_path, tmp_path / f"copies/{allowed}", "duckdb").location("")
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


def test_a_refused_deletion_is_named_and_a_second_removal_goes_on(tmp_path: Path) -> None:
    with moto_server() as server:
        place = bucket(server.endpoint, "any", "any", tmp_path)
        project = with_landing_files(Project.at(place, "duckdb"))
        assert project.materialize("customer_landing").success
        keys = user_who_may(server, "s3:GetObject", "s3:PutObject")
        with policies_held(server):
            exit_code, output = command(
                project, tmp_path, "--yes", AWS_ACCESS_KEY_ID=keys[0], AWS_SECRET_ACCESS_KEY=keys[1]
            )
        folder = project.location("customer/landing")
        assert (exit_code, output.splitlines()[-1]) == (
            1,
            f"Error: Access was denied: s3:DeleteObject on {folder}. Allow the action, or use other credentials.",
        )
        assert project.delta("customer_landing").count() == 0
        assert command(project, tmp_path, "--yes")[0] == 0
        assert names_below(project.lakehouse) == set()


def test_a_missing_bucket_is_one_clear_error(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    place = made_place(request, "versitygw")
    project = Project.at(place, "duckdb")
    exit_code, output = command(project, tmp_path, "--yes", STEDI_LAKEHOUSE="s3://no-such-bucket-of-ours/lakehouse")
    assert exit_code == 1
    assert output.startswith("Error: The bucket does not exist: s3:ListBucket on s3://no-such-bucket-of-ours/lakehouse")
    assert output.count("\n") == 1


@pytest.fixture
def in_moto(request: pytest.FixtureRequest) -> Project:
    place = made_place(request, "moto")
    return with_landing_files(Project.at(place, "duckdb"))


def glue_of(project: Project) -> Any:
    session = boto3.Session("any", "any", region_name=project.place.variables["AWS_REGION"])
    return session.client("glue", endpoint_url=project.place.variables["AWS_ENDPOINT_URL"])


def databases(project: Project) -> set[str]:
    return {database["Name"] for database in glue_of(project).get_databases()["DatabaseList"]}


def test_the_entries_in_glue_go_with_their_tables_and_the_database_with_them(in_moto: Project, tmp_path: Path) -> None:
    assert in_moto.materialize("customer_landing", glue_database="cleaned_whole").success
    exit_code, output = command(in_moto, tmp_path, "--yes", STEDI_GLUE_DATABASE="cleaned_whole")
    assert exit_code == 0, output
    assert "AWS Glue: cleaned_whole.customer_landing\n" in output
    assert output.splitlines()[-1].endswith(", and 2 entries in AWS Glue, and its database.")
    assert "cleaned_whole" not in databases(in_moto)
    assert names_below(in_moto.lakehouse) == set()


def test_entries_of_others_stay_and_so_does_their_database(in_moto: Project) -> None:
    glue = glue_of(in_moto)
    assert in_moto.materialize("customer_landing", glue_database="shared").success
    delta = {"table_type": "DELTA"}
    locations = {"elsewhere": "s3://elsewhere/customer/landing/", "below": f"{in_moto.lakehouse}/reports/"}
    for name, location in locations.items():
        entry = {"Name": name, "Parameters": delta, "StorageDescriptor": {"Columns": [], "Location": location}}
        glue.create_table(DatabaseName="shared", TableInput=entry)
    raw = {"Name": "raw", "StorageDescriptor": {"Location": f"{in_moto.lakehouse}/customer/trusted/"}}
    glue.create_table(DatabaseName="shared", TableInput=raw)
    settings = in_moto.settings(glue_database="shared")
    assert not clean(plan_cleaning(settings), settings)
    assert {table["Name"] for table in glue.get_tables(DatabaseName="shared")["TableList"]} == {*locations, "raw"}


def test_an_empty_database_that_no_run_created_stays(in_moto: Project) -> None:
    glue_of(in_moto).create_database(DatabaseInput={"Name": "of_the_template"})
    assert in_moto.materialize("customer_landing", glue_database="of_the_template").success
    settings = in_moto.settings(glue_database="of_the_template")
    assert not clean(plan_cleaning(settings), settings)
    assert "of_the_template" in databases(in_moto)
    assert glue_of(in_moto).get_tables(DatabaseName="of_the_template")["TableList"] == []


def test_an_entry_whose_table_is_gone_is_removed(in_moto: Project) -> None:
    assert in_moto.materialize("customer_landing", glue_database="left_behind").success
    without_glue = in_moto.settings()
    clean(plan_cleaning(without_glue), without_glue)
    settings = in_moto.settings(glue_database="left_behind")
    cleaning = plan_cleaning(settings)
    assert (list(cleaning.tables), list(cleaning.entries)) == ([], ["customer_landing", "customer_quarantine"])
    assert clean(cleaning, settings)
