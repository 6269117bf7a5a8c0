"""The example notebook, executed: by its tests, and to renew the outputs that it is kept with.

Usage: python -m stedi_assets_tests.support.notebook
"""

import os
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

from stedi_assets.definitions import build_definitions
from stedi_assets.settings import Settings
from stedi_assets_tests.support.checkout import PROJECT
from stedi_assets_tests.support.engines import KEY
from stedi_assets_tests.support.runs import QUIET

NOTEBOOK = PROJECT / "examples/train.ipynb"

READERS = "readers"
"""The tag of the cells that show how libraries read the table."""


def kept() -> nbformat.NotebookNode:
    """Returns the notebook as it is kept."""
    notebook: nbformat.NotebookNode = nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]
    return notebook


def build(landing: Path, lakehouse: Path) -> None:
    """Builds the tables that the notebook reads, with pseudonyms that are the same in each build."""
    choices: dict[str, Any] = {"landing": str(landing), "lakehouse": str(lakehouse), "pseudonym_key": KEY.hex()}
    job = build_definitions(Settings(**choices)).resolve_job_def("lakehouse")
    assert job.execute_in_process(QUIET).success


def execute(notebook: nbformat.NotebookNode, lakehouse: Path) -> nbformat.NotebookNode:
    """Executes a notebook over a lakehouse, as a reader does.

    Returns:
        The notebook, with the outputs of each cell but what it logs, which names folders of this machine.
    """
    environment = {**os.environ, "STEDI_LAKEHOUSE": str(lakehouse), "PYTHONPATH": str(PROJECT)}
    resources = {"metadata": {"path": str(NOTEBOOK.parent)}}
    client = NotebookClient(notebook, timeout=300, resources=resources, record_timing=False)
    client.execute(env=environment)
    for cell in notebook.cells:
        if cell["cell_type"] == "code":
            cell["outputs"] = [output for output in cell["outputs"] if output.get("name") != "stderr"]
    return notebook


def texts(notebook: nbformat.NotebookNode) -> dict[str, str]:
    """Returns what each cell of code printed or gave, by the cell's id."""
    return {
        cell["id"]: "".join(output.get("text") or output["data"]["text/plain"] for output in cell["outputs"])
        for cell in notebook.cells
        if cell["cell_type"] == "code"
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        build(PROJECT / "data", Path(folder))
        nbformat.write(execute(kept(), Path(folder)), NOTEBOOK)  # type: ignore[no-untyped-call]
