"""Folders with unusual names: a table lies in the very folder that was named, or the name is refused at the start."""

from pathlib import Path

import pytest

from stedi_assets_tests.support.grid import on_spark
from stedi_assets_tests.support.projects import Project
from stedi_assets_tests.support.records import CUSTOMERS
from stedi_assets_tests.support.shell import refused, stedi

USABLE = ("a b", "100%", "50%zz", "a#b", "a?b", "o'clock", 'a"b', "täbles", "a[1]", "a*b", "a{b}", "a;b&c=d", "a:b")

REFUSED = {
    "a%20b": "'%20'",
    "a%2Fb": "'%2F'",
    "a\\b": r"'\\\\'",
    "a\nb": r"'\\n'",
    "a\tb": r"'\\t'",
    "a\x7fb": r"'\\x7f'",
}


def in_folder(project: Project, tmp_path: Path, name: str) -> Project:
    """The project with both roots below a folder of this name."""
    project.landing = project.landing.rename(_made(tmp_path / "raw" / name) / "landing")
    project.lakehouse = _made(tmp_path / "tables" / name) / "lakehouse"
    return project


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def lies_where_it_should(project: Project, tmp_path: Path, name: str) -> None:
    for _ in range(2):
        assert project.materialize("customer_landing", full_refresh=True).success
    assert project.rows("customer_landing").total() == len(CUSTOMERS)
    assert (project.lakehouse / "customer/landing/_delta_log/00000000000000000001.json").is_file()
    assert list(project.lakehouse.glob("customer/landing/part-*"))
    assert [path.name for path in (tmp_path / "tables").iterdir()] == [name]


@pytest.mark.parametrize("name", USABLE)
def test_a_table_lies_in_the_very_folder_that_was_named(project: Project, tmp_path: Path, name: str) -> None:
    lies_where_it_should(in_folder(project, tmp_path, name), tmp_path, name)


@on_spark
@pytest.mark.parametrize("name", ["a b#100%?", "tä[1]*'"])
def test_a_table_that_spark_wrote_lies_there_too(project: Project, tmp_path: Path, name: str, engine: str) -> None:
    assert engine == "spark"
    lies_where_it_should(in_folder(project, tmp_path, name), tmp_path, name)


@pytest.mark.parametrize("root", ["landing", "lakehouse"])
@pytest.mark.parametrize(("name", "shown"), REFUSED.items(), ids=map(ascii, REFUSED))
def test_a_name_that_a_library_takes_for_another_is_refused_before_anything_is_written(
    empty_project: Project, tmp_path: Path, root: str, name: str, shown: str
) -> None:
    setattr(empty_project, root, tmp_path / name / root)
    line = refused(stedi(empty_project, "tables"))
    assert line.startswith(f"STEDI_{root.upper()}=")
    assert f"its path has {shown.replace(chr(92) * 2, chr(92))}, which Delta tables cannot have in theirs" in line
    assert line.count("rename the folder or choose another") == 1
    assert not (tmp_path / name).exists()
