"""A build to look at."""

import pytest

from stedi_assets_tests.support.projects import (
    Build,
)
from stedi_assets_tests.support.shown import Metadata, metadata_by_asset


@pytest.fixture
def shown(built: Build) -> dict[str, Metadata]:
    """What its materializations show."""
    return metadata_by_asset(built.result)
