"""Pseudonyms: the same under one key, others without, and a key that nothing shows."""

import hmac
import pickle
from collections.abc import Sequence
from pathlib import Path

import dagster
import duckdb
import pytest
from pydantic import ValidationError

from stedi_assets.engines.duckdb.engine import DuckDBEngine
from stedi_assets.errors import StediError
from stedi_assets.privacy.pseudonyms import Pseudonyms
from stedi_assets.query import Query
from stedi_assets.settings import Settings, read_settings
from stedi_assets_tests.support.grid import on_both_engines, on_duckdb
from stedi_assets_tests.support.projects import Build, Project
from stedi_assets_tests.support.records import customer, device_reading, phone_reading
from stedi_assets_tests.support.runs import AT_DEBUG_LEVEL, QUIET
from stedi_assets_tests.support.training import TABLE, metadata, secret, subjects, with_readings_of_one_customer

pytestmark = on_both_engines

KEY = bytes(range(7, 39))


LONG_KEY = bytes(range(100, 200))


def test_a_key_may_be_longer_than_a_block(built_project: Project) -> None:
    assert built_project.materialize(TABLE, pseudonym_key=secret(LONG_KEY)).success
    assert subjects(built_project) == {hmac.new(LONG_KEY, b"ada@example.com", "sha256").hexdigest()}


def test_with_a_key_the_subjects_of_every_build_and_place_are_the_same(built_project: Project) -> None:
    for _ in range(2):
        result = built_project.materialize(TABLE, pseudonym_key=secret(KEY))
        assert metadata(result, TABLE)["pseudonym_key"] == "STEDI_PSEUDONYM_KEY"
        assert subjects(built_project) == {hmac.new(KEY, b"ada@example.com", "sha256").hexdigest()}


def test_without_a_key_the_subjects_of_another_build_are_others(built_project: Project) -> None:
    built = []
    for _ in range(2):
        result = built_project.materialize(TABLE)
        assert metadata(result, TABLE)["pseudonym_key"] == "random, for this build"
        built.append(subjects(built_project))
    assert len(built[0]) == len(built[1]) == 1
    assert not built[0] & built[1]


def test_without_a_key_two_builds_of_one_process_cannot_be_linked_either(ada: Project) -> None:
    job = ada.definitions().resolve_job_def("lakehouse")
    built = []
    for _ in range(2):
        with dagster.DagsterInstance.ephemeral() as instance:
            assert job.execute_in_process(QUIET, instance, asset_selection=[dagster.AssetKey(TABLE)]).success
        built.append(subjects(ada))
    assert not built[0] & built[1]


@on_duckdb
def test_the_metadata_says_how_many_rows_a_subject_has(ada: Project) -> None:
    ada.land("customer", "customer-2.json", [customer("eve", research=1)])
    ada.land("accelerometer", "accelerometer-2.json", [phone_reading("eve", 7), phone_reading("eve", 8)])
    ada.land("step_trainer", "step_trainer-2.json", [device_reading("eve", 7), device_reading("eve", 8)])
    found = metadata(ada.materialize(), TABLE)
    assert (found["subjects"], found["rows_per_subject_least"], found["rows_per_subject_median"]) == (2, 2, 2.5)


@on_duckdb
def test_a_table_without_rows_has_no_rows_per_subject(ada: Project) -> None:
    ada.land("customer", "customer-1.json", [customer("ada")])
    found = metadata(ada.materialize(), TABLE)
    assert found["subjects"] == 0
    assert "rows_per_subject_least" not in found


@on_duckdb
def test_only_the_table_with_pseudonyms_says_which_key(built: Build) -> None:
    assert metadata(built.result, TABLE)["pseudonym_key"] == "STEDI_PSEUDONYM_KEY"
    assert "pseudonym_key" not in metadata(built.result, "machine_learning_curated")


@pytest.mark.parametrize(
    "value", ["", "not hexadecimal", KEY.hex()[2:], KEY.hex() + "0", "x" * 64], ids=lambda value: f"{len(value)} long"
)
def test_an_illegal_key_is_one_line_that_does_not_show_it(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("STEDI_PSEUDONYM_KEY", value)
    with pytest.raises(StediError) as raised:
        read_settings()
    assert str(raised.value) == (
        "STEDI_PSEUDONYM_KEY is not legal: it is not 32 bytes or more as hexadecimal digits, such as "
        "openssl rand -hex 32 gives. Correct or unset the variable."
    )
    with pytest.raises(ValidationError) as refused:
        Settings()
    assert not value or value not in str(refused.value)


def test_a_key_shows_neither_in_the_settings_nor_in_what_makes_pseudonyms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEDI_PSEUDONYM_KEY", KEY.hex())
    assert KEY.hex() not in f"{read_settings()!r} {read_settings()}"
    assert repr(Pseudonyms(KEY)) == str(Pseudonyms(KEY)) == "Pseudonyms(under a given key)"
    assert repr(Pseudonyms()) == "Pseudonyms(under a random key)"


def test_pseudonyms_are_the_same_in_another_process() -> None:
    for pseudonyms in (Pseudonyms(KEY), Pseudonyms()):
        copy = pickle.loads(pickle.dumps(pseudonyms))
        assert copy("ada@example.com") == pseudonyms("ada@example.com")
        assert copy.is_linkable == pseudonyms.is_linkable


def forms_of_the_key() -> Sequence[bytes]:
    """The key and what it can be told from, as bytes and as text."""
    secrets = (KEY, *Pseudonyms(KEY).pads)
    spelt = [form for content in secrets for form in (content.hex(), content.hex(" "), content.hex("\\"))]
    escaped = ["".join(f"\\x{byte:02X}" for byte in content) for content in secrets]
    texts = [*spelt, *escaped]
    return [*secrets, *(form.encode() for text in texts for form in (text, text.upper(), text.lower()))]


def test_the_key_is_in_no_output_no_event_no_metadata_and_no_file(
    tmp_path: Path, empty_project: Project, capfd: pytest.CaptureFixture[str]
) -> None:
    ada = with_readings_of_one_customer(empty_project)
    job = ada.definitions(pseudonym_key=secret(KEY)).resolve_job_def("lakehouse")
    storage = tmp_path / "storage"
    storage.mkdir()
    with dagster.DagsterInstance.local_temp(str(storage)) as instance:
        result = job.execute_in_process(AT_DEBUG_LEVEL, instance)
        events = "".join(str(record) for record in instance.all_logs(result.run_id))
    assert subjects(ada) == {hmac.new(KEY, b"ada@example.com", "sha256").hexdigest()}
    captured = capfd.readouterr()
    printed = captured.out + captured.err
    assert "machine_learning_pseudonymized" in printed
    assert "machine_learning_pseudonymized" in events
    files = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    assert any(b"machine_learning_pseudonymized" in content for content in files.values())
    for form in forms_of_the_key():
        assert form not in printed.encode()
        assert form not in events.encode()
        assert not [file for file, content in files.items() if form in content]


@pytest.mark.parametrize(
    "expression",
    ["pseudonym()", "pseudonym(1, 2)", "pseudonym(missing)", "sum(pseudonym('ada'))", "abs(pseudonym('ada'))"],
)
def test_the_key_is_in_no_error(expression: str) -> None:
    with duckdb.connect() as connection:
        engine = DuckDBEngine(connection, pseudonyms=Pseudonyms(KEY))
        with pytest.raises(StediError) as raised:
            engine.rows(Query(f"SELECT {expression} AS subject"))
    for form in forms_of_the_key():
        assert form not in str(raised.value).encode()
