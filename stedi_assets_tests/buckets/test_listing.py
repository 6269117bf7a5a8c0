"""A landing folder in a bucket is listed with as few requests as there are pages of a thousand keys."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from stedi_assets.contract import SOURCES
from stedi_assets.landing.files import list_landing_files
from stedi_assets.storage.location import Location
from stedi_assets_tests.support.grid import in_a_bucket
from stedi_assets_tests.support.projects import Project
from stedi_assets_tests.support.servers import FaultyProxy, Versitygw, faulty_proxy

pytestmark = in_a_bucket

READINGS = SOURCES["accelerometer_files"]
FILES = 1_001


@pytest.fixture
def behind_proxy(project: Project, gateway: Versitygw) -> Iterator[tuple[Location, FaultyProxy]]:
    """A landing root with many files, reached through a proxy."""
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda number: project.land("accelerometer", f"day-{number:06}.json", []), range(FILES)))
    with faulty_proxy(gateway.endpoint) as proxy:
        yield Location.parse(str(project.landing), gateway.aws(endpoint_url=proxy.endpoint)), proxy


def test_a_listing_takes_one_request_for_a_thousand_files_from_a_name_on(
    behind_proxy: tuple[Location, FaultyProxy],
) -> None:
    root, proxy = behind_proxy
    assert len(list_landing_files(root, READINGS).files) == FILES + 2
    assert len(proxy.requests("GET", "list-type=2")) == 2
    proxy.fail()
    rest = list_landing_files(root, READINGS, f"day-{FILES - 3:06}.json").files
    assert [file.name for file in rest] == [f"day-{FILES - 2:06}.json", f"day-{FILES - 1:06}.json"]
    assert len(proxy.requests("GET", "list-type=2")) == 1
