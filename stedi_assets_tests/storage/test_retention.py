"""A run deletes what only versions older than the retention need, once a day for each table."""

import json
from datetime import timedelta

from stedi_assets.storage.attempt import STATE_FILE
from stedi_assets_tests.support.grid import in_both_places
from stedi_assets_tests.support.shore import Shore

RECORD = b'{"user":"ada@example.com","timestamp":1,"x":0.5,"y":0.5,"z":0.5}\n'


def data_files(shore: Shore) -> int:
    folder = shore.lakehouse.folder(shore.source.landing)
    return sum(file.name.endswith(".parquet") for file in folder.files.walk(folder.path))


def with_an_old_version(shore: Shore) -> int:
    """Lands a file that then changes, so that the first version has a file of its own."""
    shore.put("a.json", RECORD)
    shore.land()
    shore.put("a.json", 2 * RECORD)
    shore.land()
    return data_files(shore)


def let_a_day_pass(shore: Shore) -> None:
    """Makes the last vacuum one of long ago."""
    folder = shore.lakehouse.folder(shore.source.landing)
    path = f"{folder}/{STATE_FILE}"
    state = json.loads(folder.files.read(path) or b"")
    folder.files.write(path, json.dumps(state | {"vacuumed": 0}).encode())


@in_both_places
def test_a_run_with_nothing_new_deletes_what_only_older_versions_need(shore: Shore) -> None:
    before = with_an_old_version(shore)
    let_a_day_pass(shore)
    assert shore.land(retention=timedelta(0)).landing.plan.kind == "nothing"
    assert data_files(shore) == before - 1


@in_both_places
def test_versions_within_the_retention_stay(shore: Shore) -> None:
    before = with_an_old_version(shore)
    let_a_day_pass(shore)
    shore.land(retention=timedelta(days=7))
    assert data_files(shore) == before


def test_a_table_is_vacuumed_once_a_day(shore: Shore) -> None:
    before = with_an_old_version(shore)
    shore.land(retention=timedelta(0))
    assert data_files(shore) == before


def test_without_a_retention_a_run_deletes_nothing(shore: Shore) -> None:
    before = with_an_old_version(shore)
    let_a_day_pass(shore)
    shore.land()
    assert data_files(shore) == before
