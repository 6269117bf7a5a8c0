"""Rows of archived raw files are erased too, and the certificate says which files nobody could look at."""

from contextlib import closing

import pytest

from stedi_assets.contract import TABLES
from stedi_assets.engines.engine import Engine
from stedi_assets.erasure.plan import plan_erasure
from stedi_assets.errors import StediError
from stedi_assets.lakehouse.lakehouse import Lakehouse
from stedi_assets_tests.support.engines import KEY
from stedi_assets_tests.support.erasing import EMAIL, SERIAL_NUMBER, erased, naming, opened
from stedi_assets_tests.support.grid import on_both_engines_and_in_both_places
from stedi_assets_tests.support.projects import Project

pytestmark = on_both_engines_and_in_both_places

ARCHIVED = (
    "customer/landing/customer-1.json",
    "accelerometer/landing/accelerometer-1.json",
    "accelerometer/landing/broken.json",
    "step_trainer/landing/step_trainer-1.json",
)

KEEPING = {"gone_files": "keep", "pseudonym_key": KEY.hex(), "max_quarantined": 1.0}


def keeping(project: Project, engine: Engine) -> Lakehouse:
    lakehouse = opened(project, engine)
    lakehouse.keeps_gone_files = True
    return lakehouse


@pytest.fixture
def archive(built_project: Project) -> Project:
    """A project whose raw files that name the customer are archived, one with a record that became no row."""
    built_project.land_text("accelerometer", "broken.json", f'{{"user": "{EMAIL}", "timestamp": "then"}}\n[1]\n')
    assert built_project.materialize("accelerometer_landing", **KEEPING).success
    for name in ARCHIVED:
        (built_project.landing / name).unlink()
    return built_project


def test_no_file_of_the_lakehouse_names_the_customer_afterwards(archive: Project, computing: Engine) -> None:
    assert naming(archive)
    assert erased(keeping(archive, computing)).is_complete
    assert not naming(archive)


def test_everybody_elses_rows_and_quarantined_records_stay(archive: Project, computing: Engine) -> None:
    tables = [name for name in TABLES if "machine" not in name]
    before = {name: archive.rows(name) for name in tables}
    erased(keeping(archive, computing))
    others = {
        name: {row: count for row, count in rows.items() if EMAIL not in f"{row}" and SERIAL_NUMBER not in row}
        for name, rows in before.items()
    }
    assert {name: archive.rows(name) for name in tables} == others
    assert others["accelerometer_quarantine"]


def test_the_certificate_names_the_archived_files(archive: Project, computing: Engine) -> None:
    certificate = erased(keeping(archive, computing))
    assert sorted(certificate.not_seen) == sorted(f"{archive.landing}/{name}" for name in ARCHIVED)
    assert "Not seen: 4 archived raw files" in certificate.text
    assert certificate.rows_by_table["accelerometer_landing"] == 3
    assert certificate.rows_by_table["accelerometer_quarantine"] == 1


def test_the_next_run_finds_every_byte_accounted_for_and_nothing_new(archive: Project, computing: Engine) -> None:
    erased(keeping(archive, computing))
    versions = {name: archive.delta(name).version() for name in TABLES}
    assert archive.materialize(**KEEPING).success
    assert {name: archive.delta(name).version() for name in TABLES} == versions


def test_an_archived_file_that_comes_back_is_read_without_the_customer(archive: Project, computing: Engine) -> None:
    erased(keeping(archive, computing))
    archive.land_text("accelerometer", "broken.json", f'{{"user": "{EMAIL}", "timestamp": 1}}\n')
    assert archive.materialize("accelerometer_landing", **KEEPING).success
    assert not [row for row in archive.rows("accelerometer_landing") if EMAIL in row]


def test_an_erasure_that_would_lose_the_archived_rows_is_refused_before_anything_is_changed(
    archive: Project, computing: Engine
) -> None:
    archive.delta("accelerometer_landing").delete("timestamp = 100")
    with closing(keeping(archive, computing)) as lakehouse, pytest.raises(StediError, match="which of them are"):
        plan_erasure(lakehouse, EMAIL)


def test_without_the_setting_it_is_refused_too(archive: Project, computing: Engine) -> None:
    for source in ("customer", "accelerometer", "step_trainer"):
        archive.land(source, "other.json", [])
    assert archive.materialize("accelerometer_landing", **KEEPING).success
    with closing(opened(archive, computing)) as lakehouse, pytest.raises(StediError, match="STEDI_GONE_FILES=keep"):
        plan_erasure(lakehouse, EMAIL)
