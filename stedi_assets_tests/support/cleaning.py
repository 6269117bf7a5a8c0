"""`stedi clean`, and a table of somebody else."""

from pathlib import Path

import dagster
import pandas as pd

from stedi_assets.storage.holder import LEASE_NAME
from stedi_assets_tests.support.commands import run
from stedi_assets_tests.support.projects import Project


def names_below(folder: Path) -> set[str]:
    """The paths of the files in a folder, on disk or in a bucket, but for the lease, which stays in a bucket."""
    names = {str(path)[len(str(folder)) + 1 :] for path in folder.rglob("*") if path.is_file()}
    return names - {LEASE_NAME}


def build_others_table(project: Project) -> None:
    """Stores an asset of someone else's."""

    @dagster.asset
    def mine() -> pd.DataFrame:
        return pd.DataFrame({"a": [1, 2]})

    assert dagster.materialize([mine], resources=project.definitions().resources).success


def command(project: Project, tmp_path: Path, *options: str, **variables: str) -> tuple[int, str]:
    finished = run("stedi", "clean", *options, folder=tmp_path, **{**project.variables, **variables})
    return finished.exit_code, finished.output
