"""Tables that change from run to run."""

from pathlib import Path

import pytest

from stedi_assets_tests.support.changing import Changing
from stedi_assets_tests.support.days import three_days
from stedi_assets_tests.support.engines import duckdb_engine


@pytest.fixture(scope="session")
def built_by_day(tmp_path_factory: pytest.TempPathFactory) -> Changing:
    """Three days of readings and their tables, for tests that change nothing."""
    return three_days(tmp_path_factory.mktemp("days"), duckdb_engine)


@pytest.fixture
def changing(built_by_day: Changing, tmp_path: Path) -> Changing:
    """A copy of the test's own."""
    return built_by_day.copied(tmp_path / "days")
