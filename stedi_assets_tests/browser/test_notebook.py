"""The example notebook, executed as a reader executes it."""

import re
from collections.abc import Mapping

import pytest

from stedi_assets_tests.support.checkout import PROJECT
from stedi_assets_tests.support.course import COURSE_DATA, available
from stedi_assets_tests.support.notebook import READERS, build, execute, kept, texts

# One process executes it.
pytestmark = pytest.mark.xdist_group("notebook")

NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")

CHANCE = "There is nothing to learn"


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """What each cell of code printed or gave, over the made-up landing files."""
    lakehouse = tmp_path_factory.mktemp("lakehouse")
    build(PROJECT / "data", lakehouse)
    return texts(execute(kept(), lakehouse))


def scores(printed: str) -> dict[str, float]:
    lines = (line.rpartition(": ") for line in printed.splitlines() if "±" in line)
    return {name: float(score.split(" ")[0]) for name, _, score in lines}


def numbers(text: str) -> list[float]:
    return [float(number.replace(",", "")) for number in NUMBER.findall(text)]


def test_the_notebook_reads_the_whole_table(executed: Mapping[str, str]) -> None:
    assert "32,025 rows of 472 subjects" in executed["read"]


def test_the_notebook_tells_of_no_customer(executed: Mapping[str, str]) -> None:
    assert "@" not in "".join(executed.values())


def test_a_split_by_subject_beats_a_guess_and_a_random_split_is_too_good(executed: Mapping[str, str]) -> None:
    found = scores(executed["course"])
    assert 0.48 < found["a guess"] < 0.52
    assert 0.62 < found["split by subject"] < 0.70
    assert found["random split"] > found["split by subject"] + 0.04
    assert abs(found["machine_learning_curated"] - found["split by subject"]) < 0.04
    assert CHANCE not in executed["result"]


def test_every_library_reads_the_same(executed: Mapping[str, str]) -> None:
    for library in ("pandas", "polars", "duckdb", "spark"):
        count, mean = numbers(executed[library])[:2]
        assert count == 32_025
        assert mean == pytest.approx(263.64, abs=0.01)


def test_an_earlier_version_is_read_by_the_command_and_by_deltalake(executed: Mapping[str, str]) -> None:
    assert numbers(executed["as-of"]) == [32_025, 32_025]


def test_the_notebook_is_kept_with_the_outputs_of_an_execution(executed: Mapping[str, str]) -> None:
    """To renew them: python -m stedi_assets_tests.support.notebook."""
    outputs = texts(kept())
    assert outputs.keys() == executed.keys()
    for cell, text in outputs.items():
        assert NUMBER.sub("", text) == NUMBER.sub("", executed[cell])
        assert numbers(text) == pytest.approx(numbers(executed[cell]), abs=0.02)


def test_the_notebook_is_kept_with_its_pictures() -> None:
    pictures = [
        cell["id"]
        for cell in kept().cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    assert pictures == ["picture", "leaking"]


def test_the_readings_of_the_course_teach_the_model_nothing(tmp_path_factory: pytest.TempPathFactory) -> None:
    landing, lakehouse = available(COURSE_DATA), tmp_path_factory.mktemp("course")
    build(landing, lakehouse)
    notebook = kept()
    notebook.cells = [cell for cell in notebook.cells if READERS not in cell["metadata"].get("tags", [])]
    found = texts(execute(notebook, lakehouse))
    for score in scores(found["course"]).values():
        assert 0.47 < score < 0.53
    assert found["result"].startswith(CHANCE)
