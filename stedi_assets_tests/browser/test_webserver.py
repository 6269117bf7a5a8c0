"""Dagster's web server over the project's history, asked as its pages ask it."""

import shutil
from pathlib import Path

from stedi_assets.contract import TABLES
from stedi_assets_tests.support.commands import run, serving
from stedi_assets_tests.support.course import COURSE_COUNTS
from stedi_assets_tests.support.deployed import ask
from stedi_assets_tests.support.graph import GRAPH


def test_the_ui_shows_the_graph_and_the_history_of_the_run(checkout: Path, tmp_path: Path) -> None:
    shutil.copyfile(checkout / ".dagster/dagster.yaml", tmp_path / "dagster.yaml")
    variables = {"DAGSTER_HOME": str(tmp_path), "STEDI_LAKEHOUSE": str(tmp_path / "lakehouse")}
    finished = run("stedi", "run", folder=tmp_path, PYTHONPATH=str(checkout), **variables)
    assert finished.exit_code == 0, finished.output
    with serving(checkout, **variables) as address:
        nodes = ask(
            address,
            """{ assetNodes {
                assetKey { path } groupName kinds isMaterializable dependencyKeys { path }
                assetMaterializations(limit: 1) { metadataEntries { label ... on IntMetadataEntry { intValue } } }
                assetChecksOrError { ... on AssetChecks { checks {
                    name executionForLatestMaterialization { status }
                } } }
            } }""",
        )["assetNodes"]
        (location,) = ask(
            address,
            "{ repositoriesOrError { ... on RepositoryConnection { nodes { jobs { name runs { status } } } } } }",
        )["repositoriesOrError"]["nodes"]
    # The page of jobs and the timeline ask so.
    (lakehouse,) = [job for job in location["jobs"] if job["name"] == "lakehouse"]
    assert lakehouse["runs"] == [{"status": "SUCCESS"}]
    by_name = {node["assetKey"]["path"][0]: node for node in nodes}
    assert {name for name, node in by_name.items() if node["isMaterializable"]} == {*TABLES, "lakehouse_report"}
    assert {key["path"][0] for key in by_name["step_trainer_trusted"]["dependencyKeys"]} == {
        "step_trainer_landing",
        "customer_curated",
    }
    for name, count in COURSE_COUNTS.items():
        node = by_name[name]
        assert node["groupName"] == GRAPH[name][0]
        assert set(node["kinds"]) == {"duckdb", "delta"}
        (materialization,) = node["assetMaterializations"]
        entries = {entry["label"]: entry for entry in materialization["metadataEntries"]}
        assert entries["dagster/row_count"]["intValue"] == count
        statuses = {
            check["name"]: check["executionForLatestMaterialization"]["status"]
            for check in node["assetChecksOrError"]["checks"]
        }
        assert statuses["has_expected_rows"] == "SUCCEEDED"
