"""A run that cannot open its lakehouse, as Dagster records it."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import dagster
import pytest

from stedi_assets_tests.support.projects import Project
from stedi_assets_tests.support.runs import failure


def _without_spark(monkeypatch: pytest.MonkeyPatch, _: Path) -> None:
    monkeypatch.setitem(sys.modules, "pyspark", None)
    # Another test may have imported them already.
    for name in [name for name in sys.modules if name.startswith("stedi_assets.engines.spark.")]:
        monkeypatch.delitem(sys.modules, name)


def _without_a_folder_for_temporary_files(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    file = folder / "file"
    file.touch()
    monkeypatch.setattr("tempfile.tempdir", str(file))


MISSING: Mapping[str, tuple[Callable[[pytest.MonkeyPatch, Path], None], str, str]] = {
    "Spark": (
        _without_spark,
        "spark",
        "Spark needs pyspark, which is not installed. pip install 'stedi_assets[spark]'.",
    ),
    "a folder for temporary files": (
        _without_a_folder_for_temporary_files,
        "duckdb",
        "A folder for temporary files cannot be made in {folder}/file: Not a directory. Check its permissions and its "
        "free space, or name another folder by TMPDIR or STEDI_DUCKDB_SPILL_FOLDER.",
    ),
}


@pytest.mark.parametrize(("hide", "computed_by", "said"), MISSING.values(), ids=MISSING.keys())
def test_the_failure_of_each_step_says_what_is_missing_in_place_of_a_stack_trace(
    project: Project,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    hide: Callable[[pytest.MonkeyPatch, Path], None],
    computed_by: str,
    said: str,
) -> None:
    job = project.definitions(engine=computed_by).resolve_job_def("lakehouse")
    selection = [dagster.AssetKey(name) for name in ("customer_landing", "customer_quarantine")]
    with dagster.DagsterInstance.ephemeral() as instance:
        hide(monkeypatch, tmp_path)
        result = job.execute_in_process(instance=instance, asset_selection=selection, raise_on_error=False)
        monkeypatch.undo()
    (event,) = result.get_step_failure_events()
    assert failure(result, str(event.step_key)) == said.format(folder=tmp_path)
