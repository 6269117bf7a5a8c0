"""Temporary files with raw records outlive no process for longer than until the next one."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest

from stedi_assets.storage.work_folder import sweep, work_folder
from stedi_assets_tests.support.commands import run
from stedi_assets_tests.support.engines import KEY
from stedi_assets_tests.support.projects import Project

WORKING = """
import sys
from stedi_assets.storage.work_folder import work_folder
with work_folder(sys.argv[1]) as folder:
    (folder / "record.json").write_text("{}")
    print(folder, flush=True)
    sys.stdin.read()
"""


@contextmanager
def working(parent: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A process that has a work folder, until it is told to end."""
    command = [sys.executable, "-c", WORKING, str(parent)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        yield process, Path(process.stdout.readline().strip())


def test_a_folder_is_gone_when_it_is_no_longer_needed(tmp_path: Path) -> None:
    with work_folder(str(tmp_path)) as folder:
        (folder / "record.json").write_text("{}")
        assert folder.stat().st_mode & 0o777 == 0o700
    assert not list(tmp_path.iterdir())


def test_a_folder_of_a_process_that_works_stays(tmp_path: Path) -> None:
    with working(tmp_path) as (_, folder):
        sweep(str(tmp_path))
        assert (folder / "record.json").exists()


def test_a_folder_of_a_process_that_was_killed_goes_with_the_next_one(tmp_path: Path) -> None:
    with working(tmp_path) as (process, folder):
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert folder.exists()
    with work_folder(str(tmp_path)):
        assert not folder.exists()


def test_a_link_and_a_file_of_such_a_name_stay(tmp_path: Path) -> None:
    target = tmp_path / "somebody's"
    target.mkdir()
    (tmp_path / "stedi-work-link").symlink_to(target)
    (tmp_path / "stedi-work-file").write_text("mine")
    sweep(str(tmp_path))
    assert {path.name for path in tmp_path.iterdir()} == {"somebody's", "stedi-work-link", "stedi-work-file"}


@pytest.mark.parametrize(
    "command", [("run", "--select", "key:customer_landing"), ("vacuum",), ("erase", "ada@example.com")]
)
def test_a_command_removes_what_a_killed_one_left(
    built_project: Project, tmp_path: Path, command: tuple[str, ...]
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with working(temporary) as (process, folder):
        process.send_signal(signal.SIGKILL)
        process.wait()
    variables = {**built_project.variables, "STEDI_PSEUDONYM_KEY": KEY.hex(), "TMPDIR": str(temporary)}
    assert run("stedi", *command, folder=built_project.landing, **variables).exit_code == 0
    assert not folder.exists()
    assert not list(temporary.glob("stedi-*"))


def test_folders_can_be_claimed_while_another_thread_removes_those_of_dead_processes(tmp_path: Path) -> None:
    over = Event()

    def sweep_until_over() -> None:
        while not over.is_set():
            sweep(str(tmp_path))

    with ThreadPoolExecutor() as pool:
        sweeping = [pool.submit(sweep_until_over) for _ in range(3)]
        try:
            for _ in range(1_000):
                with work_folder(str(tmp_path)) as folder:
                    assert folder.exists()
        finally:
            over.set()
        assert [each.result() for each in sweeping] == [None, None, None]
