"""Bad input: one clear message of what, where and what to do; a non-zero exit code; the tables as they were."""

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from stedi_assets_tests.support.commands import WITHOUT_RIGHTS_OF_ROOT, Finished, run
from stedi_assets_tests.support.projects import Project
from stedi_assets_tests.support.records import customer

MATERIALIZE = ("dagster", "asset", "materialize", "-m", "stedi_assets.definitions", "--select")

CUSTOMERS = "key:customer_landing or key:customer_trusted"
"""The tables whose messages most cases show."""


@dataclass(frozen=True)
class BadInput:
    """One thing that can be wrong.

    Attributes:
        spoil: Makes it wrong, in a project that has been built once.
        message: What the command says, {landing} and {lakehouse} standing for the roots.
        variables: What the user set.
        takes_rights: Whether it is of a user who may not do everything.
        select: The tables that the command is asked for.
    """

    spoil: Callable[[Project], object]
    message: str
    variables: tuple[tuple[str, str], ...] = ()
    takes_rights: bool = False
    select: str = CUSTOMERS


def nothing(_: Project) -> None: ...


def no_rights(folder: str) -> Callable[[Project], None]:
    def spoil(project: Project) -> None:
        for path in (project.landing.parent / folder, *(project.landing.parent / folder).rglob("*")):
            path.chmod(path.stat().st_mode & ~0o222)

    return spoil


def no_rights_for_new_rows(project: Project) -> None:
    project.land("customer", "customer-2.json", [customer("fay", research=100)])
    no_rights("lakehouse")(project)


def truncated(project: Project) -> Path:
    return project.land_text("step_trainer", "step_trainer-2.json", '{"sensorReadingTime": 1, "serialNumber": "ada')


CASES = {
    "an unknown engine": BadInput(
        nothing,
        "Error: STEDI_ENGINE='flink' is not legal: Input should be 'duckdb' or 'spark'.",
        (("STEDI_ENGINE", "flink"),),
    ),
    "a malformed landing root": BadInput(
        nothing,
        "Error: STEDI_LANDING='ftp://host/x' is not legal: it is neither a folder, nor file:///folder, nor s3://bucket/prefix.",
        (("STEDI_LANDING", "ftp://host/x"),),
    ),
    "a malformed lakehouse": BadInput(
        nothing, "Error: STEDI_LAKEHOUSE='' is not legal: it is empty; give a folder.", (("STEDI_LAKEHOUSE", ""),)
    ),
    "overlapping roots": BadInput(
        nothing,
        "Error: The table customer_landing would be stored at {landing}/customer/landing, which overlaps the raw files "
        "at {landing}/customer/landing: rebuilding the table would destroy them. Set STEDI_LAKEHOUSE to a folder of "
        "its own.",
        (("STEDI_LAKEHOUSE", "{landing}"),),
    ),
    "a missing landing folder": BadInput(
        lambda project: shutil.rmtree(project.landing / "customer"),
        "The folder {landing}/customer/landing cannot be read: No such file or directory. Put the files there, "
        "or set STEDI_LANDING to the folder that holds customer/landing, accelerometer/landing, step_trainer/landing.",
    ),
    "an empty landing folder": BadInput(
        lambda project: (project.landing / "customer/landing/customer-1.json").unlink(),
        "The folder {landing}/customer/landing holds no file to read.",
    ),
    "an unreadable landing folder": BadInput(
        lambda project: (project.landing / "customer/landing").chmod(0),
        "The folder {landing}/customer/landing cannot be read: Permission denied.",
        takes_rights=True,
    ),
    "an unreadable landing file": BadInput(
        lambda project: project.land("customer", "customer-2.json", []).chmod(0),
        "The file {landing}/customer/landing/customer-2.json cannot be read: Permission denied.",
        takes_rights=True,
    ),
    "a file that is not JSON": BadInput(
        lambda project: project.land_text("customer", "customer-2.json", "ada@example.com;secret\n"),
        "customer_landing: the check has_few_quarantined failed",
    ),
    "a value of another type": BadInput(
        lambda project: project.land_text("accelerometer", "a.json", '{"user": "u", "timestamp": "secret"}\n'),
        "accelerometer_landing: the check has_few_quarantined failed",
        select="key:accelerometer_landing",
    ),
    "a truncated file": BadInput(
        truncated,
        "step_trainer_landing: the check has_few_quarantined failed",
        select="key:step_trainer_landing",
    ),
    "a file that is not gzip": BadInput(
        lambda project: (project.landing / "customer/landing/customer-2.json.gz").write_text("{}"),
        "customer_landing: the check has_few_quarantined failed",
    ),
    "a folder without write permission": BadInput(
        no_rights_for_new_rows,
        'DuckDB could not read or write: IO Error: Cannot open file "{lakehouse}/customer/landing/part-',
        takes_rights=True,
    ),
    "expected counts that are not JSON": BadInput(
        lambda project: (project.landing / "expected_counts.json").write_text("{"),
        "Error: The expected counts are not JSON: {landing}/expected_counts.json.",
    ),
}


def materialize(project: Project, select: str = CUSTOMERS, before: Sequence[str] = (), **variables: str) -> Finished:
    return run(*MATERIALIZE, select, folder=project.landing.parent, before=before, **{**project.variables, **variables})


def unfilled(project: Project, text: str) -> str:
    return text.replace("{landing}", str(project.landing)).replace("{lakehouse}", str(project.lakehouse))


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_bad_input_is_one_clear_message_and_leaves_the_tables_as_they_were(
    built_project: Project, case: BadInput
) -> None:
    project = built_project
    rows = project.rows("machine_learning_curated")
    case.spoil(project)
    before = WITHOUT_RIGHTS_OF_ROOT if case.takes_rights and os.geteuid() == 0 else ()
    variables = {name: unfilled(project, value) for name, value in case.variables}
    finished = materialize(project, case.select, before, **variables)
    assert finished.exit_code == 1
    assert unfilled(project, case.message) in finished.output
    assert "/stedi_assets/" not in finished.output.split(unfilled(project, case.message))[0]
    assert "secret" not in finished.output
    assert project.rows("machine_learning_curated") == rows


def test_a_table_missing_upstream_is_named_with_the_command_that_makes_it(project: Project) -> None:
    finished = run(
        *MATERIALIZE,
        "customer_trusted",
        folder=project.landing,
        **project.variables,
    )
    assert finished.exit_code == 1
    assert (
        f"The table customer_landing does not exist at {project.lakehouse}/customer/landing. Materialize it first: "
        "stedi run --select '+key:customer_landing'."
    ) in finished.output


@pytest.fixture
def small_disk(tmp_path: Path) -> Sequence[str]:
    """A program that runs a command with a disk of 1 MB mounted at `disk`, seen by that command alone."""
    disk = tmp_path / "disk"
    disk.mkdir()
    return (
        "unshare",
        "--map-root-user",
        "--mount",
        "sh",
        "-c",
        f"mount -t tmpfs -o size=1m tmpfs '{disk}' && cp -R '{tmp_path}/built/.' '{disk}' && \"$@\"; code=$?; "
        f"cp -R '{disk}' '{tmp_path}/after'; exit $code",
        "sh",
    )


def test_a_full_disk_is_one_clear_message_and_leaves_the_table_as_it_was(
    project: Project, small_disk: Sequence[str], tmp_path: Path
) -> None:
    built = tmp_path / "built"
    project.lakehouse = built
    assert project.materialize("accelerometer_landing").success
    rows = project.rows("accelerometer_landing")
    project.land(
        "accelerometer",
        "accelerometer-9.json",
        ({"user": f"{number * 7919 % 100_003}@example.com", "timestamp": number} for number in range(200_000)),
    )
    finished = materialize(project, "key:accelerometer_landing", small_disk, STEDI_LAKEHOUSE=str(tmp_path / "disk"))
    assert finished.exit_code == 1
    assert "No space left on device. Check the folder's permissions and its free space" in finished.output
    project.lakehouse = tmp_path / "after"
    assert project.rows("accelerometer_landing") == rows
    # Nothing of the attempt takes up the disk.
    assert len(list((tmp_path / "after/accelerometer/landing").glob("*.parquet"))) == len(
        project.files("accelerometer_landing")
    )
