"""The settings that a user can choose, and the message for those that are not legal."""

import json
import os
from pathlib import Path

import dagster
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stedi_assets.errors import StediError
from stedi_assets.settings import OWNER, read_expected_counts, read_settings, variables
from stedi_assets.storage.location import Location
from stedi_assets_tests.support.checkout import PROJECT


def test_default_paths_are_anchored_at_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = read_settings()
    assert settings.landing.local_path == PROJECT / "data"
    assert settings.lakehouse.local_path == PROJECT / "lakehouse"


def test_a_relative_path_is_taken_from_where_the_user_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STEDI_LAKEHOUSE", "tables/here")
    assert read_settings().lakehouse.local_path == tmp_path / "tables/here"


def test_a_file_uri_is_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEDI_LAKEHOUSE", (tmp_path / "with space").as_uri())
    assert read_settings().lakehouse.local_path == tmp_path / "with space"


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("STEDI_ENGINE", "flink", "STEDI_ENGINE='flink' is not legal: Input should be 'duckdb'"),
        ("STEDI_EXECUTOR", "celery", "'in_process' or 'multiprocess'"),
        ("STEDI_LANDING", "", "STEDI_LANDING='' is not legal: it is empty"),
        ("STEDI_LANDING", "gs://bucket", "STEDI_LANDING='gs://bucket' is not legal: it is neither a folder, nor"),
        ("STEDI_LAKEHOUSE", "file://host/x", "STEDI_LAKEHOUSE='file://host/x' is not legal"),
        ("STEDI_DUCKDB_MEMORY_LIMIT", "much", "STEDI_DUCKDB_MEMORY_LIMIT='much' is not legal"),
        ("STEDI_DUCKDB_SPILL_FOLDER", "/nowhere/at/all", "it is not an existing folder"),
        ("STEDI_OWNERS", "data", "STEDI_OWNERS='data' is not legal: 'data' is neither an email address nor a team"),
        ("STEDI_OWNERS", "team:data,", "'' is neither an email address nor a team such as team:data"),
        ("STEDI_COMMIT", "main", "STEDI_COMMIT='main' is not legal"),
        ("STEDI_LAKEHUOSE", "x", "Unknown setting STEDI_LAKEHUOSE. Unset it, or use one of"),
    ],
)
def test_an_illegal_value_is_one_line_that_names_the_variable_and_what_is_legal(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, message: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(StediError) as raised:
        read_settings()
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_owners_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEDI_OWNERS", "team:data, ada@example.com")
    assert read_settings().owners == ("team:data", "ada@example.com")


@given(st.from_regex(r"[\w.|+-]{0,3}@?[\w.|-]{0,4}\.?[\w|]{0,8}|(team:|Team:)?[\w ]{0,2}", fullmatch=True))
@example("a@b.co")
@example("+a@b.co")
@example("a@b.c|")
@example("team:")
@example("team:a b")
def test_an_owner_is_legal_as_dagster_has_it(owner: str) -> None:
    try:
        dagster.AssetSpec("table", owners=[owner])
    except dagster.DagsterInvalidDefinitionError:
        is_legal = False
    else:
        is_legal = True
    assert bool(OWNER.fullmatch(owner)) == is_legal


def test_every_illegal_value_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEDI_ENGINE", "flink")
    monkeypatch.setenv("STEDI_EXECUTOR", "celery")
    with pytest.raises(StediError, match=r"STEDI_ENGINE.*STEDI_EXECUTOR"):
        read_settings()


@pytest.mark.parametrize(
    ("landing", "lakehouse"),
    [("root", "root"), ("root", "root/customer/landing/tables"), ("root/customer/trusted/raw", "root")],
    ids=["equal", "a table in a raw folder", "a raw folder in a table"],
)
def test_roots_under_which_a_table_would_overlap_raw_files_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, landing: str, lakehouse: str
) -> None:
    monkeypatch.setenv("STEDI_LANDING", str(tmp_path / landing))
    monkeypatch.setenv("STEDI_LAKEHOUSE", str(tmp_path / lakehouse))
    with pytest.raises(StediError, match=r"overlaps the raw files .* Set STEDI_LAKEHOUSE to a folder of its own"):
        read_settings()


def test_a_symbolic_link_does_not_hide_an_overlap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "landing").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "landing")
    monkeypatch.setenv("STEDI_LANDING", str(tmp_path / "landing"))
    monkeypatch.setenv("STEDI_LAKEHOUSE", str(tmp_path / "link"))
    with pytest.raises(StediError, match="overlaps"):
        read_settings()


def test_a_lakehouse_inside_the_landing_root_but_beside_the_raw_folders_is_fine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEDI_LANDING", str(tmp_path))
    monkeypatch.setenv("STEDI_LAKEHOUSE", str(tmp_path / "lakehouse"))
    assert read_settings().lakehouse == Location.parse(str(tmp_path / "lakehouse"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "are not JSON"),
        ("[1]", "are not an object from table to rows"),
        ('{"customer_landing": "5"}', "are not an object from table to rows"),
        ('{"customer_landing": -1}', "are not an object from table to rows"),
        ('{"landing_files": 5}', "are not an object from table to rows"),
        ('{"customer_landig": 5}', "name unknown tables: customer_landig"),
    ],
)
def test_malformed_expected_counts_are_an_error_that_names_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, message: str
) -> None:
    file = tmp_path / "counts.json"
    file.write_text(content)
    monkeypatch.setenv("STEDI_EXPECTED_COUNTS", str(file))
    with pytest.raises(StediError, match=message) as raised:
        read_expected_counts(read_settings())
    assert str(file) in str(raised.value)


def test_expected_counts_that_are_named_but_missing_are_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEDI_EXPECTED_COUNTS", str(tmp_path / "missing.json"))
    with pytest.raises(StediError, match=r"missing\.json: No such file"):
        read_expected_counts(read_settings())


def test_the_committed_expected_counts_are_those_of_the_landing_root() -> None:
    committed = json.loads((PROJECT / "data/expected_counts.json").read_text())
    expected = read_expected_counts(read_settings())
    assert {"landing_files": expected.landing_files, **expected.rows} == committed


def test_the_documentation_lists_every_setting() -> None:
    page = (PROJECT / "docs/settings.md").read_text()
    documented = {line.split("`")[1] for line in page.splitlines() if line.startswith("| `STEDI_")}
    assert documented == variables()
    assert not [name for name in os.environ if name.startswith("STEDI_")]
