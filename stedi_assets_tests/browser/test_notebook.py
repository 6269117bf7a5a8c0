"""The example notebook, executed as a reader executes it."""

from collections.abc import Mapping
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from stedi_assets.definitions import build_definitions
from stedi_assets.settings import Settings
from stedi_assets_tests.support.checkout import PROJECT
from stedi_assets_tests.support.runs import QUIET

NOTEBOOK = PROJECT / "examples/train.ipynb"


def notebook() -> nbformat.NotebookNode:
    read: nbformat.NotebookNode = nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]
    return read


def cells() -> Mapping[str, Any]:
    return {cell["id"]: cell for cell in notebook().cells}


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """What each cell of code printed or gave, over the generated landing files."""
    lakehouse = tmp_path_factory.mktemp("lakehouse")
    job = build_definitions(Settings(lakehouse=str(lakehouse))).resolve_job_def("lakehouse")
    assert job.execute_in_process(QUIET).success
    read = notebook()
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("STEDI_LAKEHOUSE", str(lakehouse))
        NotebookClient(read, timeout=300, resources={"metadata": {"path": str(NOTEBOOK.parent)}}).execute()
    return {
        cell["id"]: "".join(output.get("text") or output["data"]["text/plain"] for output in cell["outputs"] if output)
        for cell in read.cells
        if cell["cell_type"] == "code"
    }


def test_the_notebook_reads_the_whole_table(executed: Mapping[str, str]) -> None:
    assert "27,190 readings of 331 subjects" in executed["features"]


def test_the_notebook_tells_of_no_customer(executed: Mapping[str, str]) -> None:
    assert "@" not in "".join(executed.values())


def test_made_up_readings_teach_the_model_no_more_than_a_guess(executed: Mapping[str, str]) -> None:
    scores = dict(line.split(": ") for line in executed["scores"].splitlines())
    assert scores.keys() == {"guess", "logistic regression"}
    for score in scores.values():
        assert 0.48 < float(score.split(" ")[0]) < 0.52


def test_the_notebook_is_kept_without_outputs() -> None:
    for cell in cells().values():
        assert cell["cell_type"] == "markdown" or (cell["outputs"], cell["execution_count"]) == ([], None)
