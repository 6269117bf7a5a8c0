"""The lease of a lakehouse: one holds it, others wait, and nobody keeps it who is dead or was taken for it."""

import os
import socket
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from stedi_assets.errors import ConflictError, StediError
from stedi_assets.storage import lease_in_bucket
from stedi_assets.storage.files import LocalFiles
from stedi_assets.storage.holder import Holder
from stedi_assets.storage.lease import lease_held, take_lease
from stedi_assets.storage.location import Location
from stedi_assets_tests.support.checkout import PROJECT
from stedi_assets_tests.support.commands import WITHOUT_RIGHTS_OF_ROOT
from stedi_assets_tests.support.grid import in_a_bucket, in_both_places, on_duckdb
from stedi_assets_tests.support.holding import holding
from stedi_assets_tests.support.places import Place

pytestmark = in_both_places

SOON = 0
LATE = 120
"""Timeouts in seconds: an error at once, and none as long as the test is right."""


@pytest.fixture
def lakehouse(place: Place) -> Location:
    """The root of a lakehouse that does not exist yet."""
    return place.location("lakehouse")


def is_free(lakehouse: Location) -> bool:
    try:
        take_lease(lakehouse, "somebody", SOON).release()
    except StediError:
        return False
    return True


def test_a_lease_that_is_held_is_refused_with_who_holds_it(lakehouse: Location) -> None:
    with lease_held(lakehouse, "run 1", SOON), pytest.raises(ConflictError) as refused:
        take_lease(lakehouse, "run 2", SOON)
    holder = f"run 1 (process {os.getpid()} on {socket.gethostname()}, since 2"
    assert refused.value.message.startswith(f"The lakehouse at {lakehouse} is held by {holder}")
    assert "was not free within 0 seconds. Try again when that has ended" in refused.value.message
    assert refused.value.folder == str(lakehouse)


def test_whoever_waits_gets_the_lease_when_it_is_released(
    lakehouse: Location, caplog: pytest.LogCaptureFixture
) -> None:
    held = take_lease(lakehouse, "run 1", SOON)
    with ThreadPoolExecutor() as beside:
        waiting = beside.submit(take_lease, lakehouse, "run 2", LATE)
        while "Waiting for the lakehouse at" not in caplog.text:
            assert not waiting.done()
            time.sleep(0.01)
        held.release()
        waiting.result().confirm()
        assert not is_free(lakehouse)
        waiting.result().release()
    assert "held by run 1 (process" in caplog.text
    assert is_free(lakehouse)


def test_of_many_at_once_one_at_a_time_holds_the_lease(lakehouse: Location, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease_in_bucket.BucketLock, "poll_seconds", 0.05)
    held = threading.Lock()

    def hold(number: int) -> None:
        for _ in range(3):
            with lease_held(lakehouse, f"run {number}", LATE) as lease:
                assert held.acquire(blocking=False)
                lease.confirm()
                held.release()

    with ThreadPoolExecutor(max_workers=4) as beside:
        assert list(beside.map(hold, range(4))) == [None] * 4


@on_duckdb
def test_a_folder_can_be_made_while_others_make_and_remove_it(tmp_path: Path) -> None:
    folder = tmp_path / "lakehouse"

    def make_and_remove(_: int) -> None:
        for _ in range(2_000):
            LocalFiles().make_folder(str(folder))
            with suppress(OSError):
                folder.rmdir()

    with ThreadPoolExecutor(max_workers=4) as beside:
        assert list(beside.map(make_and_remove, range(4))) == [None] * 4


def test_what_one_run_takes_twice_in_a_process_is_free_when_it_was_released_twice(lakehouse: Location) -> None:
    first, second = (take_lease(lakehouse, "run 1", SOON) for _ in range(2))
    first.release()
    second.confirm()
    assert not is_free(lakehouse)
    second.release()
    assert is_free(lakehouse)


def test_a_lease_is_released_when_what_it_was_held_for_fails(lakehouse: Location) -> None:
    with pytest.raises(KeyboardInterrupt), lease_held(lakehouse, "run 1", SOON):
        raise KeyboardInterrupt
    assert is_free(lakehouse)


def test_a_holder_that_is_killed_loses_the_lease(
    lakehouse: Location, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease_in_bucket, "LEASE_SECONDS", 1)
    with holding(place, str(lakehouse)) as holder:
        assert not is_free(lakehouse)
        holder.kill()
        take_lease(lakehouse, "run 2", LATE).release()


@on_duckdb
def test_a_holder_that_is_paused_on_disk_keeps_the_lease(lakehouse: Location, place: Place) -> None:
    with holding(place, str(lakehouse)) as holder:
        holder.pause()
        assert not is_free(lakehouse)
        holder.go_on()
        assert holder.confirm() == "confirmed"


@in_a_bucket
def test_a_holder_that_is_paused_in_a_bucket_loses_the_lease_and_is_told(
    lakehouse: Location, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease_in_bucket, "LEASE_SECONDS", 2)
    with holding(place, str(lakehouse), lease_seconds=2) as holder:
        assert holder.confirm() == "confirmed"
        holder.pause()
        with lease_held(lakehouse, "run 2", LATE) as lease:
            holder.go_on()
            lost = holder.confirm()
            lease.confirm()
    assert lost.startswith(f"The lease of the lakehouse at {lakehouse} was lost to run 2 (process {os.getpid()} on ")


@in_a_bucket
def test_a_holder_that_renews_the_lease_keeps_it_longer_than_a_lease_lasts(
    lakehouse: Location, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease_in_bucket, "LEASE_SECONDS", 3)
    with holding(place, str(lakehouse), lease_seconds=3) as holder:
        with pytest.raises(StediError, match="is held by run 1"):
            take_lease(lakehouse, "run 2", 7)
        assert holder.confirm() == "confirmed"


@on_duckdb
def test_the_file_on_disk_is_for_the_owners_eyes_alone_and_says_who_holds_the_lease(lakehouse: Location) -> None:
    with lease_held(lakehouse, "run 1", SOON):
        file = lakehouse.local_path / ".lease"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        holder = Holder.from_json(file.read_bytes())
    assert holder and (holder.name, holder.process) == ("run 1", os.getpid())


@on_duckdb
def test_a_lakehouse_that_was_not_there_is_gone_again_when_nothing_was_stored(lakehouse: Location) -> None:
    take_lease(lakehouse, "run 1", SOON).release()
    assert not lakehouse.local_path.exists()


@on_duckdb
def test_an_empty_folder_that_was_there_before_stays(lakehouse: Location) -> None:
    lakehouse.local_path.mkdir()
    take_lease(lakehouse, "run 1", SOON).release()
    assert list(lakehouse.local_path.iterdir()) == []


@on_duckdb
@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"name": 1}', b"\xff"])
def test_what_a_killed_holder_left_on_disk_is_in_nobodys_way(lakehouse: Location, content: bytes) -> None:
    lakehouse.local_path.mkdir()
    (lakehouse.local_path / ".lease").write_bytes(content)
    assert is_free(lakehouse)


@on_duckdb
def test_whoever_finds_the_file_on_disk_removed_has_lost_the_lease(lakehouse: Location) -> None:
    with lease_held(lakehouse, "run 1", SOON) as lease:
        (lakehouse.local_path / ".lease").unlink()
        with pytest.raises(StediError, match=r"was removed while run 1 .* held it; nothing more was stored"):
            lease.confirm()


@on_duckdb
def test_a_link_in_the_place_of_the_file_is_not_followed(lakehouse: Location, tmp_path: Path) -> None:
    lakehouse.local_path.mkdir()
    (tmp_path / "mine").write_text("of a person's own")
    (lakehouse.local_path / ".lease").symlink_to(tmp_path / "mine")
    with pytest.raises(StediError, match="cannot be opened"):
        take_lease(lakehouse, "run 1", SOON)
    assert (tmp_path / "mine").read_text() == "of a person's own"


WITHOUT_RIGHTS = """
import sys
from stedi_assets.errors import StediError
from stedi_assets.storage.lease import take_lease
from stedi_assets.storage.location import Location

root = Location.parse(sys.argv[1])
lease = take_lease(root, "run 1", 0)
lease.confirm()
try:
    take_lease(root, "run 2", 0)
except StediError as error:
    print(error.message)
lease.release()
take_lease(root, "run 2", 0).release()
"""


@on_duckdb
def test_whoever_may_not_write_the_lakehouse_holds_it_all_the_same(lakehouse: Location) -> None:
    lakehouse.local_path.mkdir()
    lakehouse.local_path.chmod(0o500)
    command = [*WITHOUT_RIGHTS_OF_ROOT, sys.executable, "-c", WITHOUT_RIGHTS, str(lakehouse)]
    finished = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    assert f"The lakehouse at {lakehouse} is held by another run" in finished.stdout
    assert list(lakehouse.local_path.iterdir()) == []
