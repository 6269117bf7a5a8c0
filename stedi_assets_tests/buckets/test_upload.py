"""Putting local landing files into a bucket: all of them, in the right place, and each only once."""

import json
import os
import pty
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from stedi_assets.errors import StediError
from stedi_assets.landing.upload import PART_BYTES, Uploaded, plan_upload, upload_files
from stedi_assets.storage.aws import Aws
from stedi_assets.storage.location import Location
from stedi_assets_tests.support.buckets import bucket
from stedi_assets_tests.support.commands import PROGRAMS, environment, run
from stedi_assets_tests.support.faulty_proxy import Fault, Rule
from stedi_assets_tests.support.places import Place
from stedi_assets_tests.support.policies import policies_held, user_who_may
from stedi_assets_tests.support.projects import Project
from stedi_assets_tests.support.records import EXPECTED_COUNTS
from stedi_assets_tests.support.servers import FaultyProxy, Versitygw, faulty_proxy, moto_server

NAMES = {
    "accelerometer/landing/accelerometer-1.json",
    "accelerometer/landing/accelerometer-2.json.gz",
    "customer/landing/customer-1.json",
    "step_trainer/landing/step_trainer-1.json",
}


@dataclass
class Delivered:
    """A local landing root, and the bucket that its files go to."""

    folder: Path
    place: Place

    @property
    def target(self) -> Location:
        return self.place.location("raw")

    def upload(self) -> Uploaded:
        """Uploads, and checks that the progress adds up to the size of the files."""
        deliveries = plan_upload(Location.parse(str(self.folder)), self.target)
        progress: list[int] = []
        done = upload_files(deliveries, self.place.aws, progress.append)
        assert sum(progress) == sum(delivery.file.size for delivery in deliveries)
        return done

    def objects(self) -> dict[str, bytes]:
        """The content of every object of the bucket."""
        root = self.place.root
        return {str(file)[len(str(root)) + 1 :]: file.read_bytes() for file in root.rglob("*") if file.is_file()}

    def command(self, *options: str) -> tuple[str, ...]:
        return ("stedi", "upload", str(self.folder), str(self.target), *options)


@pytest.fixture
def delivered(gateway: Versitygw, project: Project, tmp_path: Path) -> Delivered:
    """The small project's landing files, with files that are none, and an empty bucket."""
    (project.landing / "expected_counts.json").write_text("{}")
    (project.landing / "customer/landing/_notes.txt").write_text("not a landing file")
    return Delivered(project.landing, gateway.new_bucket(tmp_path))


def test_the_landing_files_and_nothing_else_are_put_below_the_prefix(delivered: Delivered) -> None:
    done = delivered.upload()
    assert set(done.uploaded) == {f"{delivered.target}/{name}" for name in NAMES}
    assert delivered.objects() == {f"raw/{name}": (delivered.folder / name).read_bytes() for name in NAMES}
    assert (done.skipped, done.bytes) == (0, sum((delivered.folder / name).stat().st_size for name in NAMES))


def test_a_run_reads_what_was_uploaded(delivered: Delivered) -> None:
    delivered.upload()
    project = Project(delivered.place, delivered.place.root / "raw", delivered.place.root / "lakehouse", "duckdb")
    assert project.materialize().success
    assert project.counts().items() >= EXPECTED_COUNTS.items()


def test_a_second_upload_skips_every_file(delivered: Delivered) -> None:
    delivered.upload()
    done = delivered.upload()
    assert (list(done.uploaded), done.skipped, done.bytes) == ([], 4, 0)


def test_a_file_that_changed_is_uploaded_again_and_no_other(delivered: Delivered) -> None:
    delivered.upload()
    file = delivered.folder / "customer/landing/customer-1.json"
    file.write_bytes(file.read_bytes().replace(b"ada", b"ida"))
    done = delivered.upload()
    assert list(done.uploaded) == [f"{delivered.target}/customer/landing/customer-1.json"]
    assert delivered.objects()["raw/customer/landing/customer-1.json"] == file.read_bytes()


@pytest.mark.parametrize("size", [0, 1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 2 * PART_BYTES])
def test_a_file_of_any_size_is_known_again_by_its_etag(delivered: Delivered, size: int) -> None:
    shutil.rmtree(delivered.folder)
    file = delivered.folder / "customer/landing/large.json"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"\n" * size)
    assert delivered.upload().bytes == size
    assert delivered.upload().skipped == 1
    assert len(delivered.objects()["raw/customer/landing/large.json"]) == size


def test_a_change_in_the_last_part_of_a_large_file_is_seen(delivered: Delivered) -> None:
    file = delivered.folder / "customer/landing/large.json"
    file.write_bytes(b"\n" * (PART_BYTES + 5))
    delivered.upload()
    file.write_bytes(b"\n" * (PART_BYTES + 4) + b" ")
    assert list(delivered.upload().uploaded) == [f"{delivered.target}/customer/landing/large.json"]


def test_objects_that_are_not_local_stay(delivered: Delivered) -> None:
    other = delivered.place.root / "raw/customer/landing/of-yesterday.json"
    other.write_text("{}")
    delivered.upload()
    assert other.read_text() == "{}"


def test_a_folder_with_the_files_of_one_source_is_enough(delivered: Delivered) -> None:
    shutil.rmtree(delivered.folder / "customer")
    shutil.rmtree(delivered.folder / "accelerometer")
    assert list(delivered.upload().uploaded) == [f"{delivered.target}/step_trainer/landing/step_trainer-1.json"]


@pytest.fixture
def behind_proxy(delivered: Delivered) -> Iterator[tuple[Delivered, FaultyProxy]]:
    reached = delivered.place.aws
    assert reached.endpoint_url is not None
    with faulty_proxy(reached.endpoint_url) as proxy:
        # Not a copy, which would hold the client that is open.
        aws = Aws(
            access_key_id=reached.access_key_id,
            secret_access_key=reached.secret_access_key,
            region=reached.region,
            endpoint_url=proxy.endpoint,
        )
        yield Delivered(delivered.folder, replace(delivered.place, aws=aws)), proxy


def test_an_upload_sends_only_what_an_earlier_one_did_not(behind_proxy: tuple[Delivered, FaultyProxy]) -> None:
    delivered, proxy = behind_proxy
    done = delivered.folder / "customer/landing/customer-1.json"
    delivered.place.root.joinpath("raw/customer/landing/customer-1.json").write_bytes(done.read_bytes())
    delivered.upload()
    assert len(proxy.requests(method="PUT")) == 3
    proxy.fail()
    delivered.upload()
    assert proxy.requests(method="PUT|POST") == []


def test_a_store_that_asks_to_slow_down_is_ridden_out(behind_proxy: tuple[Delivered, FaultyProxy]) -> None:
    delivered, proxy = behind_proxy
    proxy.fail(Rule(Fault.SLOW_DOWN, method="PUT", every=2))
    delivered.upload()
    assert len(delivered.objects()) == 4
    assert Fault.SLOW_DOWN in {request.fault for request in proxy.requests()}


def test_a_file_that_is_refused_is_named_and_the_others_can_be_uploaded_afterwards(
    delivered: Delivered, tmp_path: Path
) -> None:
    outside = tmp_path / "outside.json"
    outside.write_text("{}")
    refused = delivered.folder / "customer/landing/refused.json"
    refused.symlink_to(outside)
    with pytest.raises(StediError, match=r"landing/refused\.json leads out of the landing root"):
        delivered.upload()
    refused.unlink()
    delivered.upload()
    assert {name.removeprefix("raw/") for name in delivered.objects()} == NAMES


def test_the_command_says_what_it_did(delivered: Delivered, tmp_path: Path) -> None:
    finished = run(*delivered.command(), folder=tmp_path, **delivered.place.variables)
    assert finished.exit_code == 0, finished.output
    (line,) = finished.output.splitlines()
    assert line.startswith(f"{delivered.target}: 4 files uploaded, ")
    assert line.endswith(" seconds; 0 skipped, because the bucket already has them")


def test_the_command_prints_an_object_for_programs(delivered: Delivered, tmp_path: Path) -> None:
    variables = delivered.place.variables
    first = json.loads(run(*delivered.command("--json"), folder=tmp_path, **variables).output)
    second = json.loads(run(*delivered.command("--json"), folder=tmp_path, **variables).output)
    assert set(first) == {"target", "uploaded", "skipped", "bytes", "seconds"}
    assert (len(first["uploaded"]), first["skipped"], len(second["uploaded"]), second["skipped"]) == (4, 0, 0, 4)


def test_a_terminal_shows_a_progress_bar(delivered: Delivered, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    command = [str(PROGRAMS / "stedi"), *delivered.command()[1:]]
    variables = environment({**delivered.place.variables, "TERM": "xterm"})
    try:
        subprocess.run(command, env=variables, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=theirs, check=True)
        shown = os.read(ours, 1 << 16).decode()
    finally:
        os.close(ours)
        os.close(theirs)
    assert "━" in shown
    assert "kB" in shown


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (("nowhere", "s3://bucket"), 2, "Directory 'nowhere' does not exist"),
        ((".", "bucket"), 2, "bucket is not s3://bucket/prefix."),
        ((".", "gs://bucket"), 2, "gs://bucket: it is neither a folder"),
        ((".",), 2, "Missing argument 'S3://BUCKET/PREFIX'"),
        ((".", "s3://bucket"), 1, "There are no landing files in "),
    ],
)
def test_wrong_arguments_are_one_clear_error(
    tmp_path: Path, arguments: tuple[str, ...], exit_code: int, message: str
) -> None:
    finished = run("stedi", "upload", *arguments, folder=tmp_path)
    assert finished.exit_code == exit_code
    assert message in finished.output.splitlines()[-1]


def refused(delivered: Delivered, tmp_path: Path, **changed: str) -> str:
    """The one line that an upload fails with."""
    finished = run(*delivered.command(), folder=tmp_path, **{**delivered.place.variables, **changed})
    assert finished.exit_code == 1, finished.output
    (line,) = finished.output.splitlines()
    return line


def test_a_missing_bucket_is_named(delivered: Delivered, tmp_path: Path) -> None:
    command = ("stedi", "upload", str(delivered.folder), "s3://no-such-bucket-of-ours")
    finished = run(*command, folder=tmp_path, **delivered.place.variables)
    assert finished.exit_code == 1
    assert finished.output.startswith("Error: The bucket does not exist: s3:ListBucket on s3://no-such-bucket-of-ours/")
    assert finished.output.count("\n") == 1


def test_what_the_store_refuses_is_named_and_a_second_upload_sends_the_rest(project: Project, tmp_path: Path) -> None:
    with moto_server() as server:
        place = bucket(server.endpoint, "any", "any", tmp_path)
        only_customers = f"arn:aws:s3:::{place.root.name}/raw/customer/*"
        keys = user_who_may(server, "s3:PutObject", resource=only_customers)
        delivered = Delivered(project.landing, place)
        with policies_held(server):
            line = refused(delivered, tmp_path, AWS_ACCESS_KEY_ID=keys[0], AWS_SECRET_ACCESS_KEY=keys[1])
        assert line.startswith("Error: Access was denied: s3:PutObject on s3://")
        assert list(delivered.objects()) == ["raw/customer/landing/customer-1.json"]
        done = delivered.upload()
        assert (len(done.uploaded), done.skipped) == (3, 1)


def test_a_wrong_key_is_named_without_showing_it(delivered: Delivered, tmp_path: Path) -> None:
    line = refused(delivered, tmp_path, AWS_SECRET_ACCESS_KEY="mistyped-secret")
    assert line.startswith(f"Error: The secret key is wrong: s3:ListBucket on {delivered.target}/customer/landing.")
    assert "mistyped-secret" not in line


def test_a_lakehouse_where_the_raw_files_would_go_is_refused(delivered: Delivered, tmp_path: Path) -> None:
    line = refused(delivered, tmp_path, STEDI_LAKEHOUSE=str(delivered.target))
    assert "overlaps the raw files" in line
    assert delivered.objects() == {}
