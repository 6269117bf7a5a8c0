"""Erasing a customer: nothing names them afterwards, nothing else is touched, and a crash costs nothing."""

import gzip
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import cast

import dagster
import duckdb
import pytest

from stedi_assets.engines import Engine
from stedi_assets.engines.duckdb.engine import DuckDBEngine
from stedi_assets.erasure import Certificate, erase, find_customer, find_email, keyed_hash, plan
from stedi_assets.errors import StediError
from stedi_assets.lakehouse import Lakehouse
from stedi_assets.maintenance import vacuum_tables
from stedi_assets.pseudonyms import Pseudonyms
from stedi_assets.tables import TABLES
from stedi_assets.tombstones import tombstone_hash
from stedi_assets_tests.commands import run
from stedi_assets_tests.conftest import (
    PROJECT,
    Project,
    bucket,
    customer,
    device_reading,
    failure,
    phone_reading,
    with_landing_files,
)
from stedi_assets_tests.servers import MotoServer

KEY = bytes(range(32))

EMAIL = "ada@example.com"
SERIAL_NUMBER = "serial-ada"


@pytest.fixture(params=["local", "versitygw"])
def place_kind(request: pytest.FixtureRequest) -> str:
    """Local disk and a bucket that outlives its server: what is to be gone must have been kept."""
    kind: str = request.param
    return kind


@pytest.fixture
def lakehouse(project: Project, computing: Engine) -> Lakehouse:
    """The project's tables, built, as an erasure reaches them."""
    assert project.materialize(pseudonym_key=KEY.hex()).success
    return opened(project, computing)


def opened(project: Project, engine: Engine, key: bytes = KEY) -> Lakehouse:
    landing = type(project.location())  # The same kind of location for the raw files.
    root = project.location()
    return Lakehouse(
        landing(str(project.lakehouse), root.aws),
        landing(str(project.landing), root.aws),
        engine,
        pseudonyms=Pseudonyms(key),
    )


def erased(lakehouse: Lakehouse, email: str = EMAIL) -> Certificate:
    return erase(lakehouse, find_customer(lakehouse, email), "the data protection officer", "a run")


def all_bytes(folder: Path) -> Iterator[tuple[Path, bytes]]:
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            yield path, gzip.decompress(content) if path.name.endswith(".gz") else content


def naming(project: Project) -> list[str]:
    """The files that name the customer, and the tables that do in any of their Parquet files."""
    import io

    import pyarrow.parquet as pq

    named = []
    for folder in (project.landing, project.lakehouse):
        for path, content in all_bytes(folder):
            text = content
            if path.name.endswith(".parquet"):
                text += str(pq.read_table(io.BytesIO(content)).to_pylist()).encode()
            if EMAIL.encode() in text or SERIAL_NUMBER.encode() in text:
                named.append(path.name)
    return named


@pytest.mark.on_spark
def test_no_file_names_the_customer_afterwards(project: Project, lakehouse: Lakehouse) -> None:
    assert naming(project)
    certificate = erased(lakehouse)
    assert not naming(project)
    assert certificate.is_complete


@pytest.mark.on_spark
def test_everybody_elses_rows_stay_as_they_were(project: Project, lakehouse: Lakehouse) -> None:
    tables = [name for name in TABLES if not name.endswith("quarantine") and "machine" not in name]
    before = {table: project.rows(table) for table in tables}
    erased(lakehouse)
    for table in tables:
        others = {row: count for row, count in before[table].items() if EMAIL not in row and SERIAL_NUMBER not in row}
        assert project.rows(table) == others


def test_the_certificate_says_what_was_removed_where(project: Project, lakehouse: Lakehouse) -> None:
    certificate = erased(lakehouse)
    assert certificate.records_by_file == {
        f"{project.landing}/step_trainer/landing/step_trainer-1.json": 2,
        f"{project.landing}/accelerometer/landing/accelerometer-1.json": 3,
        f"{project.landing}/customer/landing/customer-1.json": 1,
    }
    assert certificate.rows_by_table["accelerometer_landing"] == 3
    assert certificate.rows_by_table["customer_curated"] == 1
    assert certificate.files_deleted > 0
    assert certificate.requested_by == "the data protection officer"
    assert EMAIL not in repr(certificate)


def test_files_that_do_not_name_the_customer_are_not_rewritten(project: Project, lakehouse: Lakehouse) -> None:
    other = project.landing / "accelerometer/landing/accelerometer-2.json.gz"
    before = other.read_bytes(), other.stat().st_mtime
    erased(lakehouse)
    assert (other.read_bytes(), other.stat().st_mtime) == before


def test_what_is_left_of_a_rewritten_file_is_as_it_was(project: Project, lakehouse: Lakehouse) -> None:
    file = project.landing / "accelerometer/landing/accelerometer-1.json"
    lines = [line for line in file.read_text().splitlines() if EMAIL not in line]
    erased(lakehouse)
    assert file.read_text().splitlines() == lines


@pytest.mark.parametrize(
    "text",
    [
        '{"user": "\\u0061da@example.com", "timestamp": 100}\n',
        '{"user": "ADA@example.com", "timestamp": 100}\n',
        '[{"user": "ada@example.com", "timestamp": 1}, {"user": "eve@example.com", "timestamp": 1}]',
        '{"user": "ada@example.com", "timest',
        "ada@example.com;100\n",
    ],
)
@pytest.mark.parametrize("suffix", [".json", ".json.gz"])
def test_a_customer_is_found_behind_escapes_in_other_shapes_and_in_what_is_broken(
    project: Project, computing: Engine, text: str, suffix: str
) -> None:
    project.land_text("accelerometer", f"more{suffix}", text)
    project.materialize(pseudonym_key=KEY.hex(), max_quarantined=1.0)
    assert erased(opened(project, computing)).is_complete
    assert not naming(project)


def test_a_customer_whose_email_ends_alike_stays(project: Project, computing: Engine) -> None:
    project.land("customer", "customer-2.json", [customer("bada", research=100)])
    project.land("accelerometer", "more.json", [phone_reading("bada", 100)])
    project.materialize(pseudonym_key=KEY.hex())
    assert erased(opened(project, computing)).is_complete
    assert [row for row in project.rows("accelerometer_trusted") if row[0] == "bada@example.com"]


def test_readings_of_a_serial_number_that_others_have_too_stay_and_are_told(
    project: Project, computing: Engine
) -> None:
    project.land("customer", "customer-2.json", [customer("fay", research=100, serialNumber=SERIAL_NUMBER)])
    project.materialize(pseudonym_key=KEY.hex())
    certificate = erased(opened(project, computing))
    assert certificate.shared_serial_numbers == 1
    assert [row for row in project.rows("step_trainer_landing") if SERIAL_NUMBER in row]


@pytest.mark.on_spark
def test_a_later_delivery_of_the_customer_is_quarantined_without_its_text(
    project: Project, lakehouse: Lakehouse, computing: Engine
) -> None:
    erased(lakehouse)
    project.land("customer", "customer-9.json", [customer("ada", research=100), customer("gus", research=100)])
    project.land("accelerometer", "late.json", [phone_reading("ada", 100)])
    project.land("step_trainer", "late.json", [device_reading("ada", 100)])
    result = project.materialize(pseudonym_key=KEY.hex(), max_quarantined=1.0)
    assert result.success
    assert not [row for row in project.rows("customer_landing") if EMAIL in row]
    assert [row for row in project.rows("customer_landing") if "gus@example.com" in row]
    for subject in ("customer", "accelerometer", "step_trainer"):
        ((text, code),) = [(row[3], row[4]) for row in project.rows(f"{subject}_quarantine")]
        assert (text, code) == ("", "erased_customer")


def test_without_the_key_of_the_erasure_new_files_are_not_read(project: Project, lakehouse: Lakehouse) -> None:
    erased(lakehouse)
    project.land("customer", "customer-9.json", [customer("ada", research=100)])
    for others in ({}, {"pseudonym_key": "11" * 32}):
        assert not project.materialize("customer_landing", **others).success
    assert not [row for row in project.rows("customer_landing") if EMAIL in row]


def test_a_tombstone_holds_no_name(project: Project, lakehouse: Lakehouse) -> None:
    erased(lakehouse)
    tombstones = list(all_bytes(project.lakehouse / "erasure"))
    assert len(tombstones) == 3
    assert not [path for path, content in tombstones if EMAIL in f"{path}{content!r}"]


def test_an_erasure_needs_a_key(project: Project, computing: Engine) -> None:
    project.materialize()
    lakehouse = Lakehouse(project.location(), project.location(), computing)
    with pytest.raises(StediError, match="An erasure needs STEDI_PSEUDONYM_KEY"):
        find_customer(lakehouse, EMAIL)


def test_a_plan_counts_and_changes_nothing(project: Project, lakehouse: Lakehouse) -> None:
    before = dict(all_bytes(project.landing))
    counted = plan(lakehouse, find_customer(lakehouse, EMAIL))
    assert sum(counted.values()) == 6
    assert dict(all_bytes(project.landing)) == before
    assert naming(project)


def test_a_customer_is_found_by_the_keyed_hash(lakehouse: Lakehouse) -> None:
    assert find_email(lakehouse, keyed_hash(lakehouse, EMAIL)) == EMAIL
    with pytest.raises(StediError, match="No customer in customer_landing has this keyed hash"):
        find_email(lakehouse, "0" * 64)


def test_a_table_of_somebody_elses_that_names_the_customer_is_told(project: Project, lakehouse: Lakehouse) -> None:
    lakehouse.store("my_customers", lakehouse.load("customer_landing", __import__("pandas").DataFrame), "a run")
    certificate = erased(lakehouse)
    assert not certificate.is_complete
    assert all("/assets/my_customers/" in path for path in certificate.still_named_in)


CRASHING = """
import os, signal, sys
import duckdb
from stedi_assets.engines.duckdb.engine import DuckDBEngine
from stedi_assets.erasure import erase, find_customer
from stedi_assets.lakehouse import Lakehouse
from stedi_assets.maintenance import vacuum_tables
from stedi_assets.pseudonyms import Pseudonyms
from stedi_assets.storage.location import Location

landing, root, last_step = sys.argv[1], sys.argv[2], int(sys.argv[3])
steps = []

def crash_after_steps(step):
    steps.append(step)
    if len(steps) == last_step:
        os.kill(os.getpid(), signal.SIGKILL)

with duckdb.connect() as connection:
    engine = DuckDBEngine(connection, None, Pseudonyms(bytes(range(32))))
    tables = Lakehouse(Location.parse(root), Location.parse(landing), engine, pseudonyms=Pseudonyms(bytes(range(32))))
    erase(tables, find_customer(tables, "ada@example.com"), "somebody", "a run", progress=crash_after_steps)
print("\\n".join(steps))
"""


def test_an_erasure_that_is_killed_at_any_step_completes_when_it_is_run_again(
    local_project: Project, tmp_path: Path
) -> None:
    import shutil

    project = local_project
    assert project.materialize(pseudonym_key=KEY.hex()).success
    kept = tmp_path / "kept"
    for folder in (project.landing, project.lakehouse):
        shutil.copytree(folder, kept / folder.name)

    def run_until(last_step: int) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", CRASHING, str(project.landing), str(project.lakehouse), str(last_step)]
        return subprocess.run(
            command, env={**os.environ, "PYTHONPATH": str(PROJECT)}, capture_output=True, text=True, check=False
        )

    steps = run_until(0).stdout.split("\n")[:-1]
    assert len(steps) > 15
    for last_step in range(1, len(steps) + 1):
        for folder in (project.landing, project.lakehouse):
            shutil.rmtree(folder)
            shutil.copytree(kept / folder.name, folder)
        assert run_until(last_step).returncode == -signal.SIGKILL
        completed = run_until(0)
        assert completed.returncode == 0, completed.stderr
        assert not naming(project), steps[last_step - 1]
        assert project.delta("customer_landing").count() == 4


# By command and by job.


def test_the_command_changes_nothing_without_yes_and_certifies_with_it(local_project: Project) -> None:
    project = local_project
    variables = {**project.variables, "STEDI_PSEUDONYM_KEY": KEY.hex()}
    assert project.materialize(pseudonym_key=KEY.hex()).success
    tried = run("stedi", "erase", EMAIL, folder=project.landing, **variables)
    assert tried.exit_code == 0, tried.output
    assert "6 records in all. Nothing was changed; --yes erases them." in tried.output
    assert naming(project)
    done = run("stedi", "erase", EMAIL, "--yes", "--requested-by", "ticket 7", folder=project.landing, **variables)
    assert done.exit_code == 0, done.output
    assert "requested by ticket 7" in done.output
    assert EMAIL not in done.output
    assert not naming(project)


def erase_by_job(project: Project, email: str) -> tuple[dagster.ExecuteInProcessResult, str]:
    job = project.definitions(pseudonym_key=KEY.hex()).resolve_job_def("erase_customer")
    config = {"customer": tombstone_hash(Pseudonyms(KEY), email), "requested_by": "ticket 7"}
    with dagster.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(
            {"ops": {"erase_from_every_table": {"config": config}}}, instance, raise_on_error=False
        )
        recorded = "".join(map(str, [*instance.all_logs(result.run_id), instance.get_run_by_id(result.run_id)]))
    return result, recorded


def test_the_job_erases_and_records_who_asked_but_not_whom(project: Project) -> None:
    assert project.materialize(pseudonym_key=KEY.hex()).success
    result, recorded = erase_by_job(project, EMAIL)
    assert result.success
    assert not naming(project)
    assert "ticket 7" in recorded
    assert EMAIL not in recorded
    assert SERIAL_NUMBER not in recorded


def test_the_job_fails_for_a_customer_it_does_not_know(local_project: Project) -> None:
    assert local_project.materialize(pseudonym_key=KEY.hex()).success
    result, _ = erase_by_job(local_project, "nobody@example.com")
    assert "No customer in customer_landing has this keyed hash" in failure(result, "erase_from_every_table")


# A bucket with versioning.


@pytest.fixture
def versioned(moto: MotoServer, tmp_path: Path) -> Project:
    place = bucket(moto.endpoint, "any", "any", tmp_path)
    name = str(place.root).removeprefix("s3://")
    place.aws.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    project = with_landing_files(Project(place, place.root / "landing", place.root / "lakehouse", "duckdb"))
    assert project.materialize(pseudonym_key=KEY.hex()).success
    return project


@pytest.mark.parametrize("all_object_versions", [False, True])
def test_old_versions_of_objects_are_told_or_removed(versioned: Project, all_object_versions: bool) -> None:
    aws = versioned.place.aws
    with duckdb.connect() as connection:
        lakehouse = opened(versioned, DuckDBEngine(connection, aws, Pseudonyms()))
        certificate = erase(
            lakehouse,
            find_customer(lakehouse, EMAIL),
            "somebody",
            "a run",
            all_object_versions=all_object_versions,
        )
    assert certificate.is_complete == all_object_versions
    assert bool(certificate.object_versions_left) != all_object_versions
    name = str(versioned.place.root).removeprefix("s3://")
    listed = aws.s3.list_object_versions(Bucket=name, Prefix="landing/")
    contents = [
        aws.s3.get_object(Bucket=name, Key=entry["Key"], VersionId=entry["VersionId"])["Body"].read()
        for entry in listed["Versions"]
    ]
    assert any(EMAIL.encode() in content for content in contents) != all_object_versions


# Withdrawn consent, and old versions of tables.


def test_a_withdrawn_customer_is_gone_from_disk_after_a_vacuum(project: Project) -> None:
    assert project.materialize().success
    project.land("customer", "customer-2.json", [customer("ada", lastUpdateDate=30)])
    assert project.materialize().success
    trusted = [name for name, table in TABLES.items() if table.zone != "landing"]
    for table in trusted:
        assert not [row for row in project.rows(table) if EMAIL in row or SERIAL_NUMBER in row]
    vacuum_tables(Lakehouse(project.location(), project.location(), cast("Engine", None)), timedelta(0))
    for table in trusted:
        folder = project.lakehouse / TABLES[table].path
        assert sorted(file.name for file in folder.glob("*.parquet")) == sorted(
            Path(file).name for file in project.files(table)
        )


def test_a_vacuum_keeps_versions_within_the_retention(project: Project) -> None:
    for _ in range(2):
        project.materialize("customer_landing", full_refresh=True)
    vacuum_tables(Lakehouse(project.location(), project.location(), cast("Engine", None)), timedelta(days=7))
    assert project.delta("customer_landing", version=0).to_pyarrow_table().num_rows == 5


def test_no_retention_needs_a_flag(local_project: Project) -> None:
    assert local_project.materialize("customer_landing").success
    refused = run("stedi", "vacuum", "--retention-days", "0", folder=local_project.landing, **local_project.variables)
    assert refused.exit_code == 2
    assert "say so with --no-retention" in refused.output
    allowed = ("stedi", "vacuum", "--retention-days", "0", "--no-retention", "--json")
    assert run(*allowed, folder=local_project.landing, **local_project.variables).exit_code == 0


def test_the_vacuum_job_runs_weekly_once_it_is_switched_on(local_project: Project) -> None:
    definitions = local_project.definitions()
    schedule = definitions.resolve_schedule_def("weekly_vacuum")
    assert schedule.default_status == dagster.DefaultScheduleStatus.STOPPED
    assert schedule.cron_schedule == "0 3 * * 0"
    local_project.materialize("customer_landing")
    with dagster.DagsterInstance.ephemeral() as instance:
        assert definitions.resolve_job_def("vacuum").execute_in_process(instance=instance).success


def test_folders_of_the_lakehouse_are_for_the_owners_eyes_alone(local_project: Project) -> None:
    assert local_project.materialize("customer_landing").success
    for folder in (local_project.lakehouse, local_project.lakehouse / "customer/landing"):
        assert folder.stat().st_mode & 0o777 == 0o700
