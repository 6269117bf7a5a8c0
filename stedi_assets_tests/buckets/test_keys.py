"""The names of objects: a key is the same object for every library, or its folder is refused at the start."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from stedi_assets.storage.s3 import split_path
from stedi_assets_tests.support.commands import run
from stedi_assets_tests.support.grid import Cell
from stedi_assets_tests.support.projects import Project
from stedi_assets_tests.support.records import customer

NAMES = [
    "plain.json",
    "a space.json",
    "question?mark.json",
    "question?s3_region=nowhere.json",
    "question.json?",
    "percent%20twenty.json",
    "percent%2Fslash.json",
    "percent%.json",
    "number#sign.json",
    "plus+plus.json",
    "and&and.json",
    "equals=equals.json",
    "star*.json",
    "bracket[1].json",
    "brace{a,b}.json",
    "back\\slash.json",
    "quote'quote.json",
    'double"quote.json',
    "colon:colon.json",
    "caret^pipe|.json",
    "umlaut ä.json",
    "umlaut a\u0308.json",
    "日本.json",
    "Upper.json",
    "upper.json",
    "2026/11/28/stream-1",
    "2026/11/28/stream?1",
    "year=2026/stream 1",
]
"""Keys of raw files below their folder, some of which are the same name but for a character."""

USABLE = "a b+c&d=e'f,g;h%i umlaut ä, a\u0308 日本 (j)!k$l~m"
"""A prefix of all characters that make no difference."""

UNUSABLE = {"a?b": "?", "a%20b": "%20", "a%2Fb": "%2F", "a#b": "#", "a\\b": "\\", "a[1]": "[", "a^b": "^", "a|b": "|"}

ON_BOTH_ENGINES = pytest.mark.grid((Cell("duckdb", "versitygw"), Cell("spark", "versitygw")))


@ON_BOTH_ENGINES
def test_raw_files_are_read_whatever_their_keys(project: Project) -> None:
    bucket, prefix = split_path(str(project.landing))
    for number, name in enumerate(NAMES):
        line = json.dumps(customer(f"customer{number}", research=1))
        project.place.aws.s3.put_object(Bucket=bucket, Key=f"{prefix}/customer/landing/{name}", Body=line.encode())
    assert project.materialize("customer_landing").success
    rows = project.delta("customer_landing").to_pyarrow_table().to_pylist()
    named = {row["sourceFile"]: row["email"] for row in rows if row["sourceFile"] in NAMES}
    assert named == {name: f"customer{number}@example.com" for number, name in enumerate(NAMES)}
    assert project.delta("customer_quarantine").count() == 0


@ON_BOTH_ENGINES
def test_tables_lie_where_the_prefix_says_whatever_its_characters(project: Project) -> None:
    bucket, _ = split_path(str(project.landing))
    project.land("customer", "customer-1.json", [customer("ada", research=1)])
    there = replace(project, lakehouse=project.place.root / USABLE / "lake")
    assert there.materialize("customer_landing", "customer_trusted").success
    found = project.place.aws.s3.list_objects_v2(Bucket=bucket, Prefix=f"{USABLE}/lake/customer/trusted/")
    names = [entry["Key"].rpartition("/")[2] for entry in found["Contents"]]
    assert "00000000000000000000.json" in names
    assert any(name.endswith(".parquet") for name in names)
    assert there.delta("customer_trusted").count() == 1


@pytest.mark.parametrize(("name", "found"), UNUSABLE.items(), ids=UNUSABLE)
def test_a_prefix_that_the_libraries_read_differently_is_refused_at_the_start(
    tmp_path: Path, name: str, found: str
) -> None:
    lakehouse = f"s3://steps-1/{name}/lake"
    finished = run("stedi", "run", folder=tmp_path, STEDI_LAKEHOUSE=lakehouse)
    assert finished.exit_code == 1
    assert finished.output == (
        f"Error: STEDI_LAKEHOUSE={lakehouse!r} is not legal: its path has {found!r}, which Delta tables cannot have in "
        "theirs; rename the folder or choose another. Correct or unset the variable.\n"
    )


@pytest.mark.parametrize("path", ["a/../b", "a/./b", "..", "."])
def test_a_prefix_with_a_step_up_is_refused(tmp_path: Path, path: str) -> None:
    finished = run("stedi", "tables", folder=tmp_path, STEDI_LAKEHOUSE=f"s3://steps-1/{path}")
    assert finished.exit_code == 1
    assert "its path has '." in finished.output
