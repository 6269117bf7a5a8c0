"""No value of a personal column in any output, event or metadata."""

import json

import dagster
import pytest

from stedi_assets.query import Query
from stedi_assets_tests.support.grid import on_both_engines
from stedi_assets_tests.support.projects import Project
from stedi_assets_tests.support.records import customer, device_reading, phone_reading
from stedi_assets_tests.support.runs import AT_DEBUG_LEVEL
from stedi_assets_tests.support.training import land

pytestmark = on_both_engines

MARKED = {
    "customerName": "Mark Markerson",
    "email": "marked@example.com",
    "phone": "2065550177",
    "birthDay": "1971-07-17",
    "serialNumber": "serial-marked",
}
"""What a customer's record holds that nobody else's does."""


def with_marked_files(project: Project) -> Project:
    """Lands files of a customer whose personal values are looked for, whole and broken ones."""
    record = customer("marked", research=100, **MARKED)
    garbled = [json.dumps(record)[:-7], json.dumps({**record, "email": [MARKED["email"]]}), ";".join(MARKED.values())]
    for number, text in enumerate(garbled):
        project.land_text("customer", f"garbled-{number}.json", text)
    return land(project, [record], [phone_reading("marked", 100)], [device_reading("marked", 100)])


@dagster.asset(io_manager_key="io_manager", deps=["customer_landing"])
def names_as_numbers() -> Query:
    """An asset of somebody's that fails over a personal value."""
    return Query("SELECT CAST(customer.email AS BIGINT) AS email FROM customer_landing AS customer")


def test_no_personal_value_is_in_any_output_event_or_metadata_of_runs_at_debug_level(
    empty_project: Project, tmp_path_factory: pytest.TempPathFactory, capfd: pytest.CaptureFixture[str]
) -> None:
    project, storage = with_marked_files(empty_project), tmp_path_factory.mktemp("storage")
    events = []
    with dagster.DagsterInstance.local_temp(str(storage)) as instance:
        for max_quarantined, succeeds in ((1.0, True), (0.0, False)):
            job = project.definitions(max_quarantined=max_quarantined, full_refresh=True).resolve_job_def("lakehouse")
            result = job.execute_in_process(AT_DEBUG_LEVEL, instance, raise_on_error=False)
            assert result.success == succeeds
            events += [str(record) for record in instance.all_logs(result.run_id)]
        failed = dagster.materialize(
            [names_as_numbers], resources=project.definitions().resources, instance=instance, raise_on_error=False
        )
        assert not failed.success
        events += [str(record) for record in instance.all_logs(failed.run_id)]
    captured = capfd.readouterr()
    stored = b"".join(file.read_bytes() for file in storage.rglob("*") if file.is_file())
    assert {row[1] for row in project.rows("customer_trusted")} == {MARKED["email"]}
    for told in (captured.out + captured.err, "".join(events), stored.decode(errors="replace")):
        assert "customer_trusted" in told
        assert [value for value in MARKED.values() if value in told] == []
