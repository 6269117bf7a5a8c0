"""An optional source may have no folder or no file: its tables then have no rows, and later files give them some."""

from dataclasses import replace

import pytest

from stedi_assets.contract import TABLES
from stedi_assets.defs.checks.tables import table_checks
from stedi_assets.errors import StediError
from stedi_assets.lakehouse.audit import full_audit
from stedi_assets.landing.files import list_landing_files
from stedi_assets_tests.support.grid import in_both_places, on_both_engines_and_in_both_places
from stedi_assets_tests.support.places import Place
from stedi_assets_tests.support.raw_files import reading_record, row_of
from stedi_assets_tests.support.shore import PHONES, Shore, expected_rows

OPTIONAL = replace(PHONES, optional=True)


def without_folder(shore: Shore) -> Shore:
    shore.source = OPTIONAL
    shore.folder.rmdir()
    return shore


@on_both_engines_and_in_both_places
def test_a_missing_folder_of_an_optional_source_gives_empty_tables_and_later_files_give_rows(shore: Shore) -> None:
    folder = without_folder(shore).folder
    assert not shore.land().files_read
    assert not shore.landed()
    assert not shore.quarantined()
    assert not shore.of_another_run().land().is_changed
    folder.mkdir(parents=True)
    shore.put("a.json", reading_record(1) + b"\n" + b"no record\n")
    assert shore.land().files_read == ["a.json"]
    assert shore.landed() == expected_rows([row_of(reading_record(1))], "a.json")
    assert shore.quarantined().total() == 1


def test_the_rows_go_with_the_last_file_of_an_optional_source(shore: Shore) -> None:
    shore.source = OPTIONAL
    shore.put("a.json", reading_record(1))
    shore.land()
    (shore.folder / "a.json").unlink()
    assert shore.land().files_removed == ["a.json"]
    assert not shore.landed()


@pytest.mark.parametrize("table", [OPTIONAL.landing, OPTIONAL.quarantine])
def test_the_checks_of_tables_without_rows_pass(shore: Shore, table: str) -> None:
    without_folder(shore).land()
    results = full_audit(shore.lakehouse, table, table_checks(TABLES[table], {table: 0}, 0.0))
    assert results
    assert [result.check.name for result in results if not result.passed] == []


@in_both_places
def test_a_missing_folder_of_any_other_source_is_refused(shore: Shore) -> None:
    without_folder(shore).source = PHONES
    with pytest.raises(StediError, match="Put the files there, or set STEDI_LANDING to the folder that holds "):
        shore.land()


def test_a_landing_root_that_does_not_exist_is_a_mistake_even_if_a_source_is_optional(local_place: Place) -> None:
    with pytest.raises(StediError, match="cannot be read: No such file or directory"):
        list_landing_files(local_place.location("nowhere"), OPTIONAL)


def test_a_folder_that_leads_nowhere_is_refused_even_if_its_source_is_optional(shore: Shore) -> None:
    without_folder(shore).folder.symlink_to(shore.folder.parent / "nowhere")
    with pytest.raises(StediError, match="accelerometer/landing"):
        shore.land()
