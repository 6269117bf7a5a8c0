"""Erasing a customer: nothing names them afterwards, nothing else is touched, and a crash costs nothing."""

import functools
import gzip
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path, PurePath
from typing import cast

import dagster
import duckdb
import pytest
from cloudpathlib import S3Path

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
    KEY,
    OPENED,
    PROJECT,
    Build,
    Builds,
    Place,
    Project,
    bucket,
    customer,
    device_reading,
    failure,
    new_place,
    phone_reading,
    with_landing_files,
)
from stedi_assets_tests.servers import MotoServer, ended_with_us

EMAIL = "ada@example.com"
SERIAL_NUMBER = "serial-ada"


@pytest.fixture(params=["local", "versitygw"])
def place_kind(request: pytest.FixtureRequest) -> str:
    """Local disk and a bucket that outlives its server: what is to be gone must have been kept."""
    kind: str = request.param
    return kind


@pytest.fixture
def lakehouse(built_project: Project, computing: Engine) -> Lakehouse:
    """The project's tables as an erasure reaches them."""
    return opened(built_project, computing)


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


def all_bytes(folder: Path) -> Iterator[tuple[PurePath, bytes]]:
    for path, content in stored_bytes(folder):
        yield path, gzip.decompress(content) if path.name.endswith(".gz") else content


def stored_bytes(folder: Path) -> Iterator[tuple[PurePath, bytes]]:
    if not isinstance(folder, S3Path):
        yield from ((path, path.read_bytes()) for path in folder.rglob("*") if path.is_file())
        return
    # One request an object, where a path of the bucket makes five.
    for stored in folder.client.s3.Bucket(folder.bucket).objects.filter(Prefix=f"{folder.key}/"):
        yield PurePath(stored.key), stored.get()["Body"].read()


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


@dataclass(frozen=True)
class Erased:
    """A project before and after an erasure."""

    before: Project
    after: Project
    certificate: Certificate


@pytest.fixture(scope="session")
def erasures(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, builds: Builds
) -> Callable[[str, str], Erased]:
    """Erases the customer once in each kind of place with each engine."""

    @functools.cache
    def erase_once(kind: str, engine: str) -> Erased:
        build = builds(kind, engine, with_landing_files)
        place = new_place(request, kind, tmp_path_factory.mktemp("erased"))
        project = build.copy_to(Project.at(place, engine))
        with OPENED[engine](place.location("").aws) as computing:
            certificate = erased(opened(project, computing))
        return Erased(build.project, project, certificate)

    return erase_once


@pytest.fixture
def erasure(erasures: Callable[[str, str], Erased], place_kind: str, engine: str) -> Erased:
    """An erasure, for tests that change nothing."""
    return erasures(place_kind, engine)


@pytest.fixture
def erased_project(erasure: Erased, empty_project: Project) -> Project:
    """A copy of what it leaves, of the test's own."""
    erasure.after.place.copy_to(empty_project.place)
    return empty_project


def test_no_file_names_the_customer_afterwards(erasure: Erased) -> None:
    assert naming(erasure.before)
    assert not naming(erasure.after)
    assert erasure.certificate.is_complete


def test_everybody_elses_rows_stay_as_they_were(erasure: Erased) -> None:
    for table in (name for name in TABLES if not name.endswith("quarantine") and "machine" not in name):
        before = erasure.before.rows(table)
        others = {row: count for row, count in before.items() if EMAIL not in row and SERIAL_NUMBER not in row}
        assert len(others) < len(before)
        assert erasure.after.rows(table) == others


def test_the_certificate_says_what_was_removed_where(erasure: Erased) -> None:
    certificate, landing = erasure.certificate, erasure.after.landing
    assert certificate.records_by_file == {
        f"{landing}/step_trainer/landing/step_trainer-1.json": 2,
        f"{landing}/accelerometer/landing/accelerometer-1.json": 3,
        f"{landing}/customer/landing/customer-1.json": 1,
    }
    assert certificate.rows_by_table["accelerometer_landing"] == 3
    assert certificate.rows_by_table["customer_curated"] == 1
    assert certificate.files_deleted > 0
    assert certificate.requested_by == "the data protection officer"
    assert EMAIL not in repr(certificate)


def test_files_that_do_not_name_the_customer_are_not_rewritten(built_project: Project, lakehouse: Lakehouse) -> None:
    other = built_project.landing / "accelerometer/landing/accelerometer-2.json.gz"
    before = other.read_bytes(), other.stat().st_mtime
    erased(lakehouse)
    assert (other.read_bytes(), other.stat().st_mtime) == before


def test_what_is_left_of_a_rewritten_file_is_as_it_was(erasure: Erased) -> None:
    before, after = (
        (project.landing / "accelerometer/landing/accelerometer-1.json").read_text().splitlines()
        for project in (erasure.before, erasure.after)
    )
    assert after == [line for line in before if EMAIL not in line]


def test_a_tombstone_holds_no_name(erasure: Erased) -> None:
    tombstones = list(all_bytes(erasure.after.lakehouse / "erasure"))
    assert len(tombstones) == 3
    assert not [path for path, content in tombstones if EMAIL in f"{path}{content!r}"]


HIDDEN = (
    '{"user": "\\u0061da@example.com", "timestamp": 100}\n',
    '{"user": "ADA@example.com", "timestamp": 100}\n',
    '[{"user": "ada@example.com", "timestamp": 1}, {"user": "eve@example.com", "timestamp": 1}]',
    '{"user": "ada@example.com", "timest',
    "ada@example.com;100\n",
)
"""Behind escapes, in other letters, in another shape, and in what is broken."""


def test_a_customer_is_found_behind_escapes_in_other_shapes_and_in_what_is_broken(
    built_project: Project, computing: Engine
) -> None:
    for number, text in enumerate(HIDDEN):
        for suffix in (".json", ".json.gz"):
            built_project.land_text("accelerometer", f"hidden-{number}{suffix}", text)
    built_project.materialize("accelerometer_landing", pseudonym_key=KEY.hex(), max_quarantined=1.0)
    certificate = erased(opened(built_project, computing))
    assert certificate.is_complete
    assert len([path for path in certificate.records_by_file if "/hidden-" in path]) == 2 * len(HIDDEN)
    assert not naming(built_project)


def test_a_customer_whose_email_ends_alike_stays(built_project: Project, computing: Engine) -> None:
    built_project.land("customer", "customer-2.json", [customer("bada", research=100)])
    built_project.land("accelerometer", "more.json", [phone_reading("bada", 100)])
    changed = ("customer_landing", "accelerometer_landing", "customer_trusted", "accelerometer_trusted")
    assert built_project.materialize(*changed).success
    assert erased(opened(built_project, computing)).is_complete
    assert [row for row in built_project.rows("accelerometer_trusted") if row[0] == "bada@example.com"]


def test_readings_of_a_serial_number_that_others_have_too_stay_and_are_told(
    built_project: Project, computing: Engine
) -> None:
    built_project.land("customer", "customer-2.json", [customer("fay", research=100, serialNumber=SERIAL_NUMBER)])
    assert built_project.materialize("customer_landing").success
    certificate = erased(opened(built_project, computing))
    assert certificate.shared_serial_numbers == 1
    assert [row for row in built_project.rows("step_trainer_landing") if SERIAL_NUMBER in row]


def test_a_later_delivery_of_the_customer_is_quarantined_without_its_text(erased_project: Project) -> None:
    erased_project.land("customer", "customer-9.json", [customer("ada", research=100), customer("gus", research=100)])
    erased_project.land("accelerometer", "late.json", [phone_reading("ada", 100)])
    erased_project.land("step_trainer", "late.json", [device_reading("ada", 100)])
    landing = ("customer_landing", "accelerometer_landing", "step_trainer_landing")
    assert erased_project.materialize(*landing, pseudonym_key=KEY.hex(), max_quarantined=1.0).success
    assert not [row for row in erased_project.rows("customer_landing") if EMAIL in row]
    assert [row for row in erased_project.rows("customer_landing") if "gus@example.com" in row]
    for subject in ("customer", "accelerometer", "step_trainer"):
        ((text, code),) = [(row[3], row[4]) for row in erased_project.rows(f"{subject}_quarantine")]
        assert (text, code) == ("", "erased_customer")


def test_without_the_key_of_the_erasure_new_files_are_not_read(erased_project: Project) -> None:
    erased_project.land("customer", "customer-9.json", [customer("ada", research=100)])
    for others in ({}, {"pseudonym_key": "11" * 32}):
        assert not erased_project.materialize("customer_landing", **others).success
    assert not [row for row in erased_project.rows("customer_landing") if EMAIL in row]


def test_an_erasure_needs_a_key(built: Build, computing: Engine) -> None:
    lakehouse = Lakehouse(built.project.location(), built.project.location(), computing)
    with pytest.raises(StediError, match="An erasure needs STEDI_PSEUDONYM_KEY"):
        find_customer(lakehouse, EMAIL)


def test_a_plan_counts_and_changes_nothing(built_project: Project, lakehouse: Lakehouse) -> None:
    before = dict(all_bytes(built_project.landing))
    counted = plan(lakehouse, find_customer(lakehouse, EMAIL))
    assert sum(counted.values()) == 6
    assert dict(all_bytes(built_project.landing)) == before
    assert naming(built_project)


def test_a_customer_is_found_by_the_keyed_hash(lakehouse: Lakehouse) -> None:
    assert find_email(lakehouse, keyed_hash(lakehouse, EMAIL)) == EMAIL
    with pytest.raises(StediError, match="No customer in customer_landing has this keyed hash"):
        find_email(lakehouse, "0" * 64)


def test_a_table_of_somebody_elses_that_names_the_customer_is_told(lakehouse: Lakehouse) -> None:
    lakehouse.store("my_customers", lakehouse.load("customer_landing", __import__("pandas").DataFrame), "a run")
    certificate = erased(lakehouse)
    assert not certificate.is_complete
    assert all("/assets/my_customers/" in path for path in certificate.still_named_in)


ERASING = """
import os, signal, sys
from contextlib import nullcontext

from stedi_assets.erasure import erase, find_customer
from stedi_assets.lakehouse import Lakehouse
from stedi_assets.pseudonyms import Pseudonyms
from stedi_assets.settings import read_settings
from stedi_assets.storage.location import Location
from stedi_assets_tests.conftest import OPENED, spark_started

def erase_until(landing, root, last_step):
    steps = []

    def crash_after_steps(step):
        steps.append(step)
        if len(steps) == last_step:
            os.kill(os.getpid(), signal.SIGKILL)

    pseudonyms, aws = Pseudonyms(bytes(range(32))), read_settings().aws
    root = Location.parse(root, aws)
    with OPENED[sys.argv[1]](root.aws) as engine:
        tables = Lakehouse(root, Location.parse(landing, aws), engine, pseudonyms=pseudonyms)
        erase(tables, find_customer(tables, "ada@example.com"), "somebody", "a run", progress=crash_after_steps)
    print(len(steps), flush=True)

with spark_started() if sys.argv[1] == "spark" else nullcontext():
    for line in sys.stdin:
        landing, root, last_step = line.rstrip().split("\\t")
        child = os.fork()
        if not child:
            erase_until(landing, root, int(last_step))
            os._exit(0)
        print(os.waitpid(child, 0)[1], flush=True)
"""
"""Erases in a process of its own for each line that it reads, and prints how that ended: importing, and starting
Spark, take longer."""


class Eraser:
    """The program above at work."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._told, self._answers = process.stdin, process.stdout

    def kill_at(self, project: Project, step: int) -> None:
        """Starts an erasure that is killed at a step."""
        assert self._asked(project, step) == signal.SIGKILL

    def complete(self, project: Project) -> int:
        """Erases, and returns how many steps it took."""
        steps = self._asked(project, 0)
        assert self._answer() == 0
        return steps

    def _asked(self, project: Project, last_step: int) -> int:
        assert self._told
        self._told.write(f"{project.landing}\t{project.lakehouse}\t{last_step}\n")
        self._told.flush()
        return self._answer()

    def _answer(self) -> int:
        assert self._answers
        return int(self._answers.readline())


@pytest.fixture
def eraser(place: Place, engine: str) -> Iterator[Eraser]:
    variables = {**os.environ, **place.variables, "PYTHONPATH": str(PROJECT)}
    command = [*ended_with_us(), sys.executable, "-c", ERASING, engine]
    with subprocess.Popen(command, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Eraser(process)


def test_an_erasure_that_is_killed_at_any_step_completes_when_it_is_run_again(
    eraser: Eraser, built: Build, request: pytest.FixtureRequest, place_kind: str, engine: str, tmp_path: Path
) -> None:
    def copied(name: str) -> Project:
        folder = tmp_path / name
        folder.mkdir()
        own = new_place(request, place_kind, folder)
        return built.copy_to(Project.at(own, engine))

    steps = eraser.complete(copied("whole"))
    assert steps > 15
    for step in range(1, steps + 1):
        project = copied(str(step))
        eraser.kill_at(project, step)
        eraser.complete(project)
        assert not naming(project), step
        assert project.delta("customer_landing").count() == 4


# By command and by job.


def test_the_command_changes_nothing_without_yes_and_certifies_with_it(built_local_project: Project) -> None:
    variables = {**built_local_project.variables, "STEDI_PSEUDONYM_KEY": KEY.hex()}
    tried = run("stedi", "erase", EMAIL, folder=built_local_project.landing, **variables)
    assert tried.exit_code == 0, tried.output
    assert "6 records in all. Nothing was changed; --yes erases them." in tried.output
    assert naming(built_local_project)
    done = run(
        "stedi", "erase", EMAIL, "--yes", "--requested-by", "ticket 7", folder=built_local_project.landing, **variables
    )
    assert done.exit_code == 0, done.output
    assert "requested by ticket 7" in done.output
    assert EMAIL not in done.output
    assert not naming(built_local_project)


def erase_by_job(project: Project, email: str) -> tuple[dagster.ExecuteInProcessResult, str]:
    job = project.definitions(pseudonym_key=KEY.hex()).resolve_job_def("erase_customer")
    config = {"customer": tombstone_hash(Pseudonyms(KEY), email), "requested_by": "ticket 7"}
    with dagster.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(
            {"ops": {"erase_from_every_table": {"config": config}}}, instance, raise_on_error=False
        )
        recorded = "".join(map(str, [*instance.all_logs(result.run_id), instance.get_run_by_id(result.run_id)]))
    return result, recorded


def test_the_job_erases_and_records_who_asked_but_not_whom(built_project: Project) -> None:
    result, recorded = erase_by_job(built_project, EMAIL)
    assert result.success
    assert not naming(built_project)
    assert "ticket 7" in recorded
    assert EMAIL not in recorded
    assert SERIAL_NUMBER not in recorded


def test_the_job_fails_for_a_customer_it_does_not_know(built: Build) -> None:
    result, _ = erase_by_job(built.project, "nobody@example.com")
    assert "No customer in customer_landing has this keyed hash" in failure(result, "erase_from_every_table")


# A bucket with versioning.


@pytest.fixture
def versioned(moto: MotoServer, tmp_path: Path) -> Project:
    place = bucket(moto.endpoint, "any", "any", tmp_path)
    name = str(place.root).removeprefix("s3://")
    place.aws.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    project = with_landing_files(Project.at(place, "duckdb"))
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


def test_a_withdrawn_customer_is_gone_from_disk_after_a_vacuum(built_project: Project) -> None:
    built_project.land("customer", "customer-2.json", [customer("ada", lastUpdateDate=30)])
    assert built_project.materialize().success
    trusted = [name for name, table in TABLES.items() if table.zone != "landing"]
    for table in trusted:
        assert not [row for row in built_project.rows(table) if EMAIL in row or SERIAL_NUMBER in row]
    vacuum_tables(Lakehouse(built_project.location(), built_project.location(), cast("Engine", None)), timedelta(0))
    for table in trusted:
        folder = built_project.lakehouse / TABLES[table].path
        assert sorted(file.name for file in folder.rglob("*.parquet")) == sorted(
            Path(file).name for file in built_project.files(table)
        )


def test_a_vacuum_keeps_versions_within_the_retention(built_project: Project) -> None:
    built_project.materialize("customer_landing", full_refresh=True)
    assert built_project.delta("customer_landing").version() == 1
    vacuum_tables(
        Lakehouse(built_project.location(), built_project.location(), cast("Engine", None)), timedelta(days=7)
    )
    assert built_project.delta("customer_landing", version=0).to_pyarrow_table().num_rows == 5


def test_no_retention_needs_a_flag(built_local_project: Project) -> None:
    refused = run(
        "stedi", "vacuum", "--retention-days", "0", folder=built_local_project.landing, **built_local_project.variables
    )
    assert refused.exit_code == 2
    assert "say so with --no-retention" in refused.output
    allowed = ("stedi", "vacuum", "--retention-days", "0", "--no-retention", "--json")
    assert run(*allowed, folder=built_local_project.landing, **built_local_project.variables).exit_code == 0


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
