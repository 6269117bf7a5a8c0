"""`stedi check`: the checks of the published tables, computed on all of their rows."""

import json
from pathlib import Path

from stedi_assets_tests.support.checks import rewrite
from stedi_assets_tests.support.commands import Finished, run
from stedi_assets_tests.support.projects import Project

LEAK = "FROM stored UNION ALL SELECT * REPLACE (NULL AS shareWithResearchAsOfDate) FROM stored LIMIT 4"


def check(project: Project, *arguments: str) -> Finished:
    return run("stedi", "check", *arguments, folder=project.landing, **project.variables)


def test_every_check_of_every_table_is_computed_and_warnings_exit_with_0(built_project: Project) -> None:
    stored = sorted(built_project.lakehouse.rglob("*"))
    finished = check(built_project, "--json")
    assert finished.exit_code == 0, finished.output
    results = json.loads(finished.output)
    by_name = {(result["table"], result["check"]): result for result in results}
    assert len(by_name) == len(results)
    assert by_name["machine_learning_curated", "has_no_unconsented_row"] == {
        "table": "machine_learning_curated",
        "check": "has_no_unconsented_row",
        "result": "warned",
        "blocking": False,
        "found": {"rows_before_consent": 2},
    }
    assert by_name["customer_quarantine", "has_none_quarantined"]["result"] == "passed"
    assert {result["result"] for result in results} == {"passed", "warned"}
    assert sorted(built_project.lakehouse.rglob("*")) == stored


def test_a_blocking_check_of_a_named_table_that_fails_exits_with_1_and_says_what_to_do(built_project: Project) -> None:
    rewrite(built_project, "customer_trusted", LEAK)
    finished = check(built_project, "Customer_TRUSTED")
    assert finished.exit_code == 1
    text = " ".join(finished.output.split())
    assert "customers_with_a_blank_consent" in text
    assert "failed" in text
    assert "Correct the SELECT" in text
    assert "accelerometer" not in text


def test_an_unknown_table_is_one_clear_line(built_project: Project) -> None:
    finished = check(built_project, "nothing")
    assert finished.exit_code == 1
    assert "nothing is not a table of the contract. The tables are customer_landing, " in finished.output


def test_a_table_that_does_not_exist_is_one_clear_line(project: Project, tmp_path: Path) -> None:
    finished = check(project, "customer_trusted")
    assert finished.exit_code == 1
    (line,) = finished.output.splitlines()
    assert "The table customer_" in line
    assert "does not exist at" in line
    assert not project.lakehouse.exists()
