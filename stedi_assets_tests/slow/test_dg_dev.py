"""`dg dev`: Dagster's pages and its daemon, started by Dagster's newer command."""

import json
import urllib.request
from pathlib import Path

from stedi_assets_tests.support.commands import serving
from stedi_assets_tests.support.graph import GRAPH
from stedi_assets_tests.support.projects import Project

QUERY = {"query": "{ assetNodes { assetKey { path } } }"}


def test_dg_dev_serves_the_pages_of_the_tables(checkout: Path, project: Project, tmp_path: Path) -> None:
    # dg keeps settings of its own in the home folder.
    variables = {"DAGSTER_HOME": str(tmp_path), "HOME": str(tmp_path), **project.variables}
    with serving(checkout, command=("dg", "dev"), **variables) as address:
        request = urllib.request.Request(
            f"{address}/graphql", json.dumps(QUERY).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            nodes = json.load(answer)["data"]["assetNodes"]
    assert GRAPH.keys() <= {"/".join(node["assetKey"]["path"]) for node in nodes}
