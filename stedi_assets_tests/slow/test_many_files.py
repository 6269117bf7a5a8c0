"""A landing folder that has grown for years: the sensor, with more files than it lists each time."""

import json
import time

import dagster

from stedi_assets.contract import SOURCES
from stedi_assets.lakehouse.difference import FEW_FILES
from stedi_assets.landing.files import list_landing_files
from stedi_assets.storage.location import Location
from stedi_assets_tests.support.projects import Project
from stedi_assets_tests.support.records import phone_reading
from stedi_assets_tests.support.sensor import look, skipped

FILES = 30_000


def land(project: Project, numbers: range) -> None:
    """Writes files of one reading, in folders of a thousand."""
    for number in numbers:
        name = f"days/{number // 1_000:03}/reading-{number:06}.json"
        project.land("accelerometer", name, [phone_reading("ada", number)])


def test_the_file_after_thirty_thousand_starts_a_run(project: Project, instance: dagster.DagsterInstance) -> None:
    assert FILES > FEW_FILES
    land(project, range(FILES))
    project.materialize("customer_landing", "accelerometer_landing", "step_trainer_landing")
    cursor = json.dumps({"requested": "", "looked": int(time.time())})
    assert "only files were listed whose names come after" in skipped(look(project, instance, cursor))
    land(project, range(FILES, FILES + 1))
    (request,) = look(project, instance, cursor).run_requests
    assert request.tags["stedi/files_to_read"] == "1"


def test_a_hundred_thousand_files_are_listed_in_order(project: Project) -> None:
    land(project, range(100_000))
    found = list_landing_files(Location.parse(str(project.landing)), SOURCES["accelerometer_files"]).files
    names = [file.name for file in found]
    assert len(names) == 100_000 + 2
    assert names == sorted(names)
