"""The small files of a landing table are joined, on local disk and in a bucket, whatever interrupts the joining."""

from collections.abc import Mapping
from typing import Any

import pytest

from stedi_assets.lakehouse.build import Builder
from stedi_assets.lakehouse.compaction import compact
from stedi_assets.lakehouse.lakehouse import Lakehouse
from stedi_assets.storage import delta
from stedi_assets_tests.support.grid import in_both_places
from stedi_assets_tests.support.raw_files import reading_record, row_of
from stedi_assets_tests.support.shore import Shore, expected_rows

pytestmark = in_both_places

DELIVERIES = {f"{number}.json": reading_record(number) for number in (1, 2, 3)}
ROWS = sum((expected_rows([row_of(record)], name) for name, record in DELIVERIES.items()), start=expected_rows([], ""))


@pytest.fixture
def delivered(shore: Shore) -> Shore:
    """A landing table of three files, each of a delivery of its own."""
    for name, record in DELIVERIES.items():
        shore.put(name, record)
        shore.land()
    assert files(shore) == 3
    return shore


def files(shore: Shore) -> int:
    return len(shore.lakehouse.published(shore.source.landing).files)


def join(shore: Shore) -> int:
    return compact(Builder(shore.lakehouse), shore.source.landing, "a run", at_least=2)


def test_a_table_of_small_files_becomes_one_file_with_the_same_rows(delivered: Shore) -> None:
    assert join(delivered) == 3
    other = delivered.of_another_run()
    assert files(other) == 1
    assert other.landed() == ROWS
    assert not other.land().is_changed


INTERRUPTED: Mapping[str, tuple[Any, str]] = {
    "before the rows are read": (Builder, "rewrite"),
    "while the rows are written": (Lakehouse, "write"),
    "before the commit": (delta, "amend"),
    "after the commit": (delta, "refresh"),
}
"""From a moment to the function that is interrupted: its owner and its name."""


@pytest.mark.parametrize("moment", INTERRUPTED)
def test_an_interrupted_joining_loses_no_row_and_the_next_one_completes(
    delivered: Shore, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(*INTERRUPTED[moment], interrupt)
        join(delivered)
    other = delivered.of_another_run()
    assert other.landed() == ROWS
    is_committed = moment == "after the commit"
    assert (files(other) == 1) == is_committed
    assert not other.land().is_changed
    assert join(other) == (0 if is_committed else 3)
    assert other.landed() == ROWS
