"""What `stedi run` prints while it runs, and at its end."""

import json
from typing import Any

import pytest
from rich.console import Console

from stedi_assets.cli.results import COLUMNS, TableResult, table_of, verdict
from stedi_assets.contract import TABLES
from stedi_assets_tests.support.commands import run
from stedi_assets_tests.support.projects import Project


def lines(project: Project, *options: str, **variables: str) -> list[str]:
    finished = run("stedi", "run", *options, folder=project.landing, **project.variables, **variables)
    return finished.output.splitlines()


def result(name: str, *, added: int = 0, removed: int = 0, **checks: str) -> TableResult:
    plan = {"plan": "part: 2 raw files are new or changed, 0 are gone", "rows_added": added, "rows_removed": removed}
    return TableResult(
        name, {"dagster/row_count": 1_234_567, "seconds": {"all": 1.26}, **plan}, checks, expected=1_234_567
    )


RESULTS = [result(name, added=1_234_567, one="passed", two="warned") for name in TABLES]


@pytest.mark.parametrize("executor", ["in_process", "multiprocess"])
def test_a_line_for_each_table_is_printed_as_its_step_ends(project: Project, executor: str) -> None:
    printed = lines(project, "--select", "+key:customer_trusted", STEDI_EXECUTOR=executor)
    assert printed[0] == f"Building tables with DuckDB, {project.lakehouse}"
    progress = [line.split() for line in printed if line.startswith("customer_")]
    assert [line[:4] + line[5:7] for line in progress] == [
        ["customer_landing", "5", "rows", "+5", "8", "passed"],
        ["customer_trusted", "3", "rows", "+3", "4", "passed"],
    ]
    assert {line[-1] for line in progress} == {"s"}


def test_a_failure_is_told_once_and_the_verdict_says_what_was_not_built(project: Project) -> None:
    (project.landing / "expected_counts.json").write_text(json.dumps({"customer_trusted": 4}))
    printed = lines(project, "--select", "+customer_trusted+")
    assert [line.split() for line in printed if line.startswith("customer_trusted ")] == [
        ["customer_trusted", "rejected", "4", "passed,", "1", "failed"],
        ["customer_trusted", "failed"],
    ]
    assert len([line for line in printed if line.startswith("customer_trusted: ")]) == 1
    assert printed[-1] == "FAILED: 1 check, 3 tables not built; each stays at its last version"


def test_the_results_as_json_have_everything_that_the_table_has(project: Project) -> None:
    printed = "\n".join(lines(project, "--select", "+key:customer_trusted", "--json"))
    shown = json.loads(printed[printed.index("{") :])
    tables: dict[str, dict[str, Any]] = {table["table"]: table for table in shown["tables"]}
    assert shown["success"] is True
    assert shown["seconds"] > 0
    assert shown["verdict"] == "2 tables: 2 changed, 0 unchanged, 12 checks passed"
    assert {name: (table["state"], table["rows"]) for name, table in tables.items()} == {
        "customer_landing": ("published", 5),
        "customer_trusted": ("published", 3),
    }
    assert tables["customer_trusted"]["path"] == str(project.lakehouse / "customer/trusted")
    assert set(tables["customer_trusted"]["checks"].values()) == {"passed"}


@pytest.mark.parametrize(
    ("width", "last"), [(200, "plan"), (120, "expected"), (90, "checks"), (80, "change"), (50, "rows")]
)
def test_a_narrow_table_leaves_out_columns_from_the_right_and_cuts_no_name(width: int, last: str) -> None:
    console = Console(width=width)
    with console.capture() as captured:
        console.print(table_of(RESULTS, "Run", console))
    headings = list(COLUMNS)[: list(COLUMNS).index(last) + 1]
    heading = next(line for line in captured.get().splitlines() if "table" in line)
    assert [each.strip() for each in heading.split("┃")[1:-1]] == headings
    assert all(name in captured.get() for name in TABLES)


REJECTED = TableResult("customer_trusted", None, {"one": "failed", "two": "failed"})
NOT_BUILT = TableResult("customer_curated")


@pytest.mark.parametrize(
    ("results", "said"),
    [
        (
            [result("a", added=2, one="passed"), result("b", one="passed")],
            "2 tables: 1 changed, 1 unchanged, 2 checks passed",
        ),
        ([result("a", one="passed", two="warned")], "1 table: 0 changed, 1 unchanged, 1 check passed, 1 warning"),
        (
            [result("a", one="passed"), REJECTED, NOT_BUILT],
            "FAILED: 2 checks, 2 tables not built; each stays at its last version",
        ),
        ([NOT_BUILT], "FAILED: 1 table not built; each stays at its last version"),
    ],
)
def test_the_verdict_is_one_line(results: list[TableResult], said: str) -> None:
    assert verdict(results, success=REJECTED not in results and NOT_BUILT not in results).plain == said
