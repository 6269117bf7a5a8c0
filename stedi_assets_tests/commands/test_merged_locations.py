"""`stedi run` in a code location that merges the project's definitions with its own."""

import json
from pathlib import Path
from typing import Any

import pytest

from stedi_assets_tests.support.commands import Finished, run
from stedi_assets_tests.support.projects import Project

MODULE = '''
import dagster
import pandas as pd

import stedi_assets.definitions

DAYS = dagster.DailyPartitionsDefinition("2024-01-01")


@dagster.asset(partitions_def=DAYS, metadata={"partition_expr": "day"})
def by_day(context: dagster.AssetExecutionContext, customer_trusted: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"day": [context.partition_key], "customers": [len(customer_trusted)]})


@dagster.asset(partitions_def=dagster.StaticPartitionsDefinition(["north", "west"]), metadata={"partition_expr": "c"})
def by_region(context: dagster.AssetExecutionContext) -> pd.DataFrame:
    return pd.DataFrame({"c": [context.partition_key], "n": [1]})


@dagster.asset
def whole(customer_trusted: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"customers": [len(customer_trusted)]})


@dagster.asset(deps=[whole])
def message() -> None:
    """Sends a message, and stores nothing."""


mine = dagster.Definitions(assets=[by_day, by_region, whole, message])
'''

MERGED = "defs = dagster.Definitions.merge(stedi_assets.definitions.defs, mine)\ndel mine\n"

MADE = """
@dagster.definitions
def defs():
    return dagster.Definitions.merge(stedi_assets.definitions.defs, mine)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the modules `merged` and `made`, away from the checkout."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "merged.py").write_text(MODULE + MERGED)
    (folder / "made.py").write_text(MODULE + MADE)
    return folder


def stedi_run(folder: Path, project: Project, *options: str, **variables: str) -> Finished:
    return run("stedi", "run", *options, folder=folder, **project.variables, **variables)


def shown(finished: Finished) -> dict[str, Any]:
    assert finished.exit_code == 0, finished.output
    found: dict[str, Any] = json.loads(finished.output[finished.output.index("\n{") :])
    return found


def test_assets_with_partitions_are_left_out_with_a_line_that_says_how_to_run_them(
    folder: Path, built_project: Project
) -> None:
    finished = stedi_run(folder, built_project, "-m", "merged")
    assert finished.exit_code == 0, finished.output
    assert finished.output.splitlines()[:2] == [
        f"{name} has partitions and is left out. To materialize one: "
        f"stedi run --select 'key:\"{name}\"' --partition KEY"
        for name in ("by_day", "by_region")
    ]
    assert built_project.rows("whole") == {(3,): 1}
    assert not (built_project.lakehouse / "assets/by_day").exists()


def test_an_asset_that_returns_none_is_said_to_have_stored_nothing(folder: Path, built_project: Project) -> None:
    finished = stedi_run(folder, built_project, "-m", "merged", "--select", "key:message or key:whole", "--json")
    states = {table["table"]: table["state"] for table in shown(finished)["tables"]}
    assert states == {"message": "nothing stored", "whole": "published"}
    assert "2 tables: 1 changed, 1 unchanged" in finished.output
    assert [line.split()[:3] for line in finished.output.splitlines() if line.startswith("message ")] == [
        ["message", "nothing", "stored"]
    ]


@pytest.mark.parametrize("executor", ["in_process", "multiprocess"])
def test_a_partition_of_the_assets_that_have_it_is_materialized_and_nothing_else(
    folder: Path, built_project: Project, executor: str
) -> None:
    variables = {"STEDI_MODULE": "made", "STEDI_EXECUTOR": executor}
    finished = stedi_run(folder, built_project, "--partition", "2024-01-31", "--json", **variables)
    assert [table["table"] for table in shown(finished)["tables"]] == ["by_day"]
    assert "by_region has other partitions and is left out." in finished.output
    assert built_project.rows("by_day") == {("2024-01-31", 3): 1}
    assert not (built_project.lakehouse / "assets/whole").exists()


REFUSED = {
    "only assets with partitions": (
        ["--select", "key:by_day or key:by_region"],
        "Every asset that 'key:by_day or key:by_region' selects has partitions: by_day, by_region. Name one with "
        "--partition KEY.",
    ),
    "a partition that no asset has": (
        ["--partition", "2023-12-31"],
        "No asset that '*' selects has the partition '2023-12-31'. With partitions there are: by_day, by_region.",
    ),
    "a selection without partitions": (
        ["--select", "whole", "--partition", "north"],
        "No asset that 'whole' selects has the partition 'north'. None of them has partitions.",
    ),
    "a plan of a partition": (["--plan", "--partition", "north"], "An asset with partitions has no plan"),
    "a module that is missing": (["-m", "absent.too"], "The module absent.too cannot be imported"),
    "a module without definitions": (
        ["-m", "json"],
        "The module json has 0 Definitions at its top level",
    ),
    "a module of its own": (["-m", "own"], "The Definitions of the module own lack the tables of this project."),
    "no name of a module": (["-m", "my-module"], "STEDI_MODULE='my-module' is not legal"),
}


@pytest.mark.parametrize(("options", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_run_is_one_line(folder: Path, project: Project, options: list[str], said: str) -> None:
    (folder / "own.py").write_text(MODULE)
    finished = stedi_run(folder, project, *options, **({} if "-m" in options else {"STEDI_MODULE": "merged"}))
    assert finished.exit_code != 0
    assert said in finished.output
    assert len(finished.output.splitlines()) == 1


def test_the_plan_of_a_merged_location_leaves_out_assets_that_have_none(folder: Path, project: Project) -> None:
    finished = stedi_run(folder, project, "-m", "merged", "--plan", "--select", "+whole")
    assert finished.exit_code == 0, finished.output
    assert "customer_trusted" in finished.output
    assert "whole" not in finished.output
