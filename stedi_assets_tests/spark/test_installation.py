"""What keeps Spark from starting on a machine: one line that names it, before Java starts."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pyspark
import pytest

from stedi_assets_tests.support.commands import Finished, run
from stedi_assets_tests.support.projects import Project

NAMELESS = ("unshare", "--user", "--map-user=54321", "--map-group=54321")
"""A program that runs a command as a user who has no name, as in a container."""

NO_JAVA = {"JAVA_HOME": "/nowhere"}
"""With it, what starts Java, or looks for it, fails otherwise than the tests expect."""


def run_on_spark(project: Project, before: Sequence[str] = (), **variables: str) -> Finished:
    command = ("stedi", "run", "--select", "key:customer_landing")
    given = {**project.variables, "STEDI_ENGINE": "spark", **variables}
    return run(*command, folder=project.landing.parent, before=before, **given)


def spark_home(folder: Path, *jars: str) -> str:
    """A folder as another Spark's, with these jars."""
    (folder / "jars").mkdir(parents=True)
    for jar in jars:
        (folder / "jars" / jar).touch()
    return str(folder)


HOMES: dict[str, tuple[Callable[[Path], str], str]] = {
    "of another version": (
        lambda folder: spark_home(folder, "spark-core_2.12-3.5.1.jar", "spark-sql_2.12-3.5.1.jar"),
        "SPARK_HOME={home} is the folder of Spark 3.5.1, but pyspark is {version}.",
    ),
    "of nothing": (spark_home, "SPARK_HOME={home} is not the folder of a Spark installation."),
    "missing": (str, "SPARK_HOME={home} is not the folder of a Spark installation."),
    "empty": (lambda _: "", "SPARK_HOME={home} is not the folder of a Spark installation."),
}


@pytest.mark.parametrize(("made", "message"), HOMES.values(), ids=HOMES.keys())
def test_the_home_of_another_spark_is_named(
    project: Project, tmp_path: Path, made: Callable[[Path], str], message: str
) -> None:
    home = made(tmp_path / "other")
    finished = run_on_spark(project, **NO_JAVA, SPARK_HOME=home)
    assert finished.exit_code == 1
    told = message.format(home=home, version=pyspark.__version__)
    remedy = f"Unset SPARK_HOME, or set it to the folder of Spark {pyspark.__version__}."
    assert finished.output.splitlines()[-2] == f"customer_landing: {told} {remedy}"


def test_the_home_of_the_same_spark_is_used(project: Project) -> None:
    home = str(Path(pyspark.__file__).parent)
    finished = run_on_spark(project, SPARK_HOME=home, PYSPARK_SUBMIT_ARGS="pyspark-shell")
    assert finished.exit_code == 0, finished.output
    assert project.delta("customer_landing").count() == 5


@pytest.mark.parametrize("arguments", ["--packages io.delta:delta-spark_2.12:3.2.0 pyspark-shell", "--master yarn", ""])
def test_arguments_for_another_spark_are_named_and_not_quoted(project: Project, arguments: str) -> None:
    finished = run_on_spark(project, **NO_JAVA, PYSPARK_SUBMIT_ARGS=arguments)
    assert finished.exit_code == 1
    assert finished.output.splitlines()[-2] == (
        "customer_landing: PYSPARK_SUBMIT_ARGS is set: Spark would start with options that are not in the settings. "
        "Unset it, and set options with STEDI_SPARK_CONF."
    )


def test_a_user_without_a_name_is_told_how_to_get_one(project: Project) -> None:
    finished = run_on_spark(project, NAMELESS, **NO_JAVA)
    assert finished.exit_code == 1
    assert finished.output.splitlines()[-2] == (
        "customer_landing: Spark needs the user's name, and the user id 54321 has none on this machine. Add a line "
        "such as stedi:x:54321:0::/tmp:/bin/sh to /etc/passwd, or run as a user who has a name."
    )


def test_a_folder_of_jars_without_one_is_named(project: Project, tmp_path: Path) -> None:
    jars = tmp_path / "jars"
    jars.mkdir()
    finished = run_on_spark(project, STEDI_SPARK_JARS=str(jars))
    assert finished.exit_code == 1
    assert finished.output.splitlines()[-2] == (
        f"customer_landing: The folder {jars} holds no jar. Fill it with make spark-jars, or unset STEDI_SPARK_JARS."
    )
