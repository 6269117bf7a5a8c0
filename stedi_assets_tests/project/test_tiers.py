"""The tests themselves: which of them run where, and files that a reader can hold."""

import ast
import subprocess
import sys

import pytest

from stedi_assets_tests.support.checkout import PROJECT
from stedi_assets_tests.support.commands import environment
from stedi_assets_tests.support.mutants import Mutant, mutants

TESTS = PROJECT / "stedi_assets_tests"

FILES = sorted(TESTS.rglob("*.py"))

ABSENT = ("pyspark", "boto3", "botocore", "moto", "cloudpathlib", "playwright", "nbclient", "sklearn")
"""What the tests without a mark do without."""

COLLECT_WITHOUT = f"""
import sys
sys.modules.update(dict.fromkeys({ABSENT}))  # an import of any of them fails
import pytest
sys.exit(pytest.main(["--collect-only", "--quiet", "-p", "no:cacheprovider", {str(TESTS)!r}]))
"""

BUILD_WITHOUT = f"""
import sys
sys.modules.update(dict.fromkeys({(*ABSENT, "pandas", "pyarrow")}))
from dagster import DagsterInstance
from stedi_assets.definitions import build_definitions
from stedi_assets.settings import Settings
job = build_definitions(Settings(lakehouse=sys.argv[1])).resolve_job_def("lakehouse")
with DagsterInstance.ephemeral() as instance:
    sys.exit(not job.execute_in_process(instance=instance).success)
"""


LOCATIONS_WITHOUT = f"""
import sys
sys.modules.update(dict.fromkeys({ABSENT}))
from stedi_assets.cli import main
sys.argv = ["stedi", *sys.argv[1:]]
main()
"""


def pytest_run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--collect-only", "--quiet", *arguments]
    return subprocess.run(command, cwd=PROJECT, env=environment(variables), capture_output=True, text=True, check=False)


def test_the_tests_without_a_mark_import_no_spark_no_aws_and_no_browser() -> None:
    command = [sys.executable, "-c", COLLECT_WITHOUT]
    finished = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stdout


def test_the_tables_are_built_where_no_extra_is_installed(tmp_path_factory: pytest.TempPathFactory) -> None:
    command = [sys.executable, "-c", BUILD_WITHOUT, str(tmp_path_factory.mktemp("lakehouse"))]
    finished = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr


@pytest.mark.parametrize("variable", ["STEDI_LANDING", "STEDI_LAKEHOUSE"])
@pytest.mark.parametrize("command", ["run", "tables", "settings", "ddl"])
def test_a_bucket_where_boto3_is_not_installed_is_one_line_that_says_how_to_get_it(command: str, variable: str) -> None:
    finished = subprocess.run(
        [sys.executable, "-c", LOCATIONS_WITHOUT, command],
        cwd=PROJECT,
        env=environment({variable: "s3://steps-1/lakehouse"}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 1
    assert "S3 needs boto3, which is not installed. pip install 'stedi_assets[s3]'." in finished.stderr


@pytest.mark.parametrize(
    ("tier", "tool"), [("spark", "java"), ("bucket", "versitygw"), ("browser", "chromium"), ("slow", "initdb")]
)
def test_a_tier_whose_program_is_missing_fails_in_one_line_that_says_how_to_get_it(tier: str, tool: str) -> None:
    program = f"import shutil\nshutil.which = lambda name, **_: None if name == {tool!r} else name\n"
    command = [sys.executable, "-c", f"{program}import pytest, sys; sys.exit(pytest.main(['-m', {tier!r}]))"]
    finished = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert finished.returncode == pytest.ExitCode.USAGE_ERROR
    (line,) = filter(None, finished.stderr.splitlines())
    assert line.startswith(f"ERROR: The tests marked {tier} need {tool}: ")
    assert "install" in line


def test_an_unknown_mark_fails() -> None:
    finished = pytest_run("-m", "sparks")
    assert finished.returncode == pytest.ExitCode.USAGE_ERROR
    assert "-m names a mark that does not exist: sparks." in finished.stderr


@pytest.mark.parametrize("mutant", mutants(), ids=lambda mutant: f"{mutant.module}: {mutant.wrong}")
def test_a_mistake_that_tests_are_tried_with_can_be_made(mutant: Mutant) -> None:
    assert (PROJECT / "stedi_assets" / mutant.module).read_text().count(mutant.right) == 1
    assert all((TESTS / folder).is_dir() for folder in mutant.tests)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(TESTS)))
def test_a_file_of_tests_is_short_and_imports_no_other(file: str) -> None:
    text = (TESTS / file).read_text()
    assert len(text.splitlines()) <= 400
    imported = [node.module or "" for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)]
    ours = [name for name in imported if name.split(".")[0] == TESTS.name]
    assert [name for name in ours if not name.startswith(f"{TESTS.name}.support.")] == []
