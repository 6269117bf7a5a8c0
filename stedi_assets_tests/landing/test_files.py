"""Every regular file below a landing folder is read, whatever it is called and encoded in; what is not is named."""

import gzip
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from stedi_assets.contract import SOURCES
from stedi_assets.errors import StediError
from stedi_assets.landing.files import LandingFile, list_landing_files
from stedi_assets.storage.files import LocalFiles
from stedi_assets.storage.location import Location
from stedi_assets_tests.support.grid import (
    in_both_places,
    on_both_engines,
    on_both_engines_and_in_both_places,
    on_duckdb,
    on_the_whole_grid,
)
from stedi_assets_tests.support.projects import Project
from stedi_assets_tests.support.raw_files import reading_record, row_of
from stedi_assets_tests.support.records import PHONE_READINGS, phone_reading
from stedi_assets_tests.support.runs import evaluations
from stedi_assets_tests.support.shore import Shore, expected_rows

pytestmark = on_both_engines_and_in_both_places

NAMES = (
    "2026/11/27/14/stream-1-2026-11-27-14-05-11-6a8e",
    "a b/ä#%20?.jsonl",
    "day=1/part-r-00000",
    "day=2/part-r-00000",
    "readings.JSON",
    "readings.json",
    "readings.json.GZ",
    "readings.ndjson",
    "readings.txt",
    "zipped.gz",
)


def put(shore: Shore, name: str, content: bytes) -> None:
    (shore.folder / name).parent.mkdir(parents=True, exist_ok=True)
    (shore.folder / name).write_bytes(content)


@on_the_whole_grid
def test_files_are_read_whatever_their_names_and_in_folders_too(shore: Shore) -> None:
    for number, name in enumerate(NAMES):
        content = reading_record(number) + b"\n"
        put(shore, name, gzip.compress(content) if name.lower().endswith("gz") else content)
    landed = shore.land()
    assert landed.files_read == sorted(NAMES)
    assert not landed.passed_over
    assert not shore.quarantined()
    expected = [expected_rows([row_of(reading_record(number))], name) for number, name in enumerate(NAMES)]
    assert shore.landed() == sum(expected[1:], expected[0])


def test_of_two_files_of_one_name_in_two_folders_the_one_that_changed_is_read_again(shore: Shore) -> None:
    for day, number in (("1", 1), ("2", 2)):
        put(shore, f"{day}/readings.json", reading_record(number) + b"\n")
    shore.land()
    put(shore, "2/readings.json", reading_record(3) + reading_record(4) + b"\n")
    assert shore.land().files_read == ["2/readings.json"]
    assert shore.landed() == expected_rows([row_of(reading_record(1))], "1/readings.json") + expected_rows(
        [row_of(reading_record(3)), row_of(reading_record(4))], "2/readings.json"
    )


@pytest.mark.parametrize("name", ["_SUCCESS", ".x.json", "_temporary/0/part-0.json", "day/.part-0.json.crc"])
def test_a_hidden_file_is_not_read_and_is_named(shore: Shore, name: str) -> None:
    put(shore, "a.json", reading_record(1) + b"\n")
    put(shore, name, b"x")
    landed = shore.land()
    assert landed.files_read == ["a.json"]
    (found,) = landed.passed_over
    assert name.startswith(found.rstrip("/"))


def test_a_marker_without_a_byte_is_not_named(shore: Shore) -> None:
    put(shore, "a.json", reading_record(1) + b"\n")
    put(shore, "_SUCCESS", b"")
    assert not shore.land().passed_over


def make_link_to_nothing(path: Path) -> None:
    path.symlink_to("somebody@example.com.1234:5678")


def make_name_that_is_not_utf8(path: Path) -> None:
    Path(os.fsdecode(bytes(path.parent) + b"/latin-\xe9.json")).write_bytes(reading_record(2))


def make_circle(path: Path) -> None:
    path.symlink_to(path.name)


def make_link_to_a_folder(path: Path) -> None:
    (path.parent / "real").mkdir()
    (path.parent / "real/b.json").write_bytes(b"")
    path.symlink_to("real")


ODD_ENTRIES: tuple[Callable[[Path], None], ...] = (
    os.mkfifo,
    lambda path: path.symlink_to("/dev/zero"),
    make_link_to_nothing,
    make_circle,
    make_name_that_is_not_utf8,
    make_link_to_a_folder,
)


@on_duckdb
@pytest.mark.parametrize("make", ODD_ENTRIES)
def test_what_is_no_regular_file_is_named_and_stops_nothing(
    empty_project: Project, make: Callable[[Path], None]
) -> None:
    folder = empty_project.landing / "accelerometer/landing"
    empty_project.land("accelerometer", "a.json", PHONE_READINGS)
    make(folder / "odd.json")
    result = empty_project.materialize("accelerometer_landing")
    assert result.success
    assert empty_project.rows("accelerometer_landing").total() == len(PHONE_READINGS)
    warning = evaluations(result)["accelerometer_landing", "has_every_file_read"]
    assert not warning.passed
    (event,) = (each for each in result.get_asset_materialization_events() if "landing" in str(each.asset_key))
    named = event.materialization.metadata["passed_over"].value
    assert isinstance(named, dict)
    assert [value.value for key, value in warning.metadata.items() if key.startswith("not read")] == list(named)


@on_duckdb
def test_a_folder_named_as_a_file_is_looked_into(shore: Shore) -> None:
    put(shore, "x.json/a.json", reading_record(1) + b"\n")
    assert shore.land().files_read == ["x.json/a.json"]


@on_duckdb
@pytest.mark.parametrize("is_folder", [False, True])
def test_a_link_that_leads_out_of_the_landing_root_is_refused_unless_the_setting_allows_it(
    empty_project: Project, tmp_path: Path, is_folder: bool
) -> None:
    outside = tmp_path / "elsewhere"
    empty_project.land("accelerometer", "a.json", PHONE_READINGS)
    (empty_project.landing / "accelerometer/landing").rename(outside)
    link = empty_project.landing / "accelerometer/landing"
    if is_folder:
        link.symlink_to(outside)
    else:
        link.mkdir()
        (link / "a.json").symlink_to(outside / "a.json")
    refused = empty_project.materialize("accelerometer_landing")
    assert not refused.success
    assert not empty_project.location("accelerometer/landing").local_path.exists()
    assert empty_project.materialize("accelerometer_landing", landing_links="follow").success
    assert empty_project.rows("accelerometer_landing").total() == len(PHONE_READINGS)


@on_duckdb
def test_a_link_within_the_landing_root_is_read(shore: Shore) -> None:
    put(shore, "a.json", reading_record(1) + b"\n")
    (shore.folder / "b.json").symlink_to("a.json")
    shore.land()
    assert shore.landed().total() == 2


@on_both_engines
def test_a_file_that_is_removed_after_it_was_listed_is_named_and_the_others_are_read(
    shore: Shore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(shore, "a.json", reading_record(1) + b"\n")
    put(shore, "b.json", reading_record(2) + b"\n")
    put(shore, "gone.json", reading_record(3) + b"\n")
    listed = LocalFiles.list

    def list_and_remove(files: LocalFiles, folder: str, root: str, after: str, **choices: bool) -> object:
        found = listed(files, folder, root, after, **choices)
        (shore.folder / "gone.json").unlink()
        return found

    with monkeypatch.context() as patched:
        patched.setattr(LocalFiles, "list", list_and_remove)
        landed = shore.land()
    assert landed.passed_over == {"gone.json": "it was removed before it could be read"}
    assert set(shore.ledger()) == {"a.json", "b.json"}
    assert shore.landed().total() == 2


@on_duckdb
def test_listing_goes_on_while_files_are_renamed(tmp_path: Path) -> None:
    folder = tmp_path / "accelerometer/landing"
    folder.mkdir(parents=True)
    (folder / "a.json").write_bytes(b"")
    (folder / ".tmp").write_bytes(b"{}")
    entries = os.scandir

    def scan_and_rename(path: Path) -> object:
        found = list(entries(path))
        (folder / ".tmp").rename(folder / "b.json")

        class Found(list[os.DirEntry[str]]):
            def __enter__(self) -> "Found":
                return self

            def __exit__(self, *_: object) -> None: ...

        return Found(found)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("os.scandir", scan_and_rename)
        found = list_landing_files(Location(str(tmp_path)), Shore.__init__.__defaults__[0])  # type: ignore[index]
    assert [file.name for file in found.files] == ["a.json"]


ENCODINGS = {
    "utf-8-sig": "utf-8-sig",
    "utf-16 with a mark": "utf-16",
    "utf-16-be with a mark": "utf-16-be-mark",
    "utf-16-le": "utf-16-le",
    "utf-16-be": "utf-16-be",
    "utf-32 with a mark": "utf-32",
    "utf-32-le": "utf-32-le",
    "utf-32-be": "utf-32-be",
}


def encoded(text: str, encoding: str) -> bytes:
    mark = "\ufeff" if encoding.endswith("-mark") else ""
    return (mark + text).encode(encoding.removesuffix("-mark"))


@on_both_engines
@pytest.mark.parametrize("compress", [False, True])
def test_files_are_read_as_what_their_first_bytes_say_they_are(shore: Shore, compress: bool) -> None:
    record = {"user": "zoë@example.com", "timestamp": 1_655_564_444_103, "x": 1.5, "y": -0.25, "z": None}
    text = '{"user": "zoë@example.com", "timestamp": 1655564444103, "x": 1.5, "y": -0.25, "z": null}\n'
    for name, encoding in ENCODINGS.items():
        content = encoded(3 * text, encoding)
        put(shore, f"{name}.json", gzip.compress(content) if compress else content)
    shore.land()
    assert not shore.quarantined()
    expected = [expected_rows(3 * [tuple(record.values())], f"{name}.json") for name in ENCODINGS]
    assert shore.landed() == sum(expected[1:], expected[0])


@on_duckdb
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-32-be"])
def test_what_an_encoding_does_not_allow_is_quarantined_and_the_record_after_it_is_read(
    shore: Shore, encoding: str
) -> None:
    good = '{"user": "zoe@example.com", "timestamp": 1, "x": 1.5, "y": 0.5, "z": 0.5}\n'
    broken = good.replace("zoe", "z\ud800e").encode(encoding, "surrogatepass")
    put(shore, "a.json", good.encode(encoding) + broken + good.encode(encoding) + b"\x7b")
    shore.land()
    assert shore.landed().total() == 2
    assert shore.quarantined().total() == 2


@on_both_engines
def test_a_file_that_is_not_gzip_is_read_whatever_its_name_says(shore: Shore) -> None:
    put(shore, "plain.json.gz", reading_record(1) + b"\n")
    put(shore, "plain.json", reading_record(2) + b"\n")
    shore.land()
    assert shore.landed().total() == 2
    assert not shore.quarantined()


@on_both_engines
def test_a_file_of_another_compression_is_quarantined_on_every_engine(shore: Shore) -> None:
    put(shore, "a.json.zst", bytes.fromhex("28b52ffd0000") + bytes(range(250)))
    put(shore, "b.json", reading_record(2) + b"\n")
    shore.land()
    assert shore.landed().total() == 1
    assert shore.quarantined()


@on_duckdb
def test_a_file_without_the_right_to_read_it_is_an_error_that_names_it(tmp_path: Path) -> None:
    file = LandingFile(str(tmp_path), "folder", 1, "0", LocalFiles())
    with pytest.raises(StediError, match=f"The file {tmp_path} cannot be read"):
        file.open_stored()


@in_both_places
def test_a_listing_from_a_name_on_is_the_rest_of_the_whole_listing(project: Project) -> None:
    for name in ("a.json", "a/z.json", "a0.json", "B.json", "é.json", "z/é/1.json", "🦋.json", "\uffee.json"):
        project.land("accelerometer", name, [phone_reading("ada", 1)])
    root, source = Location.parse(str(project.landing), project.place.aws), SOURCES["accelerometer_files"]
    names = [file.name for file in list_landing_files(root, source).files]
    assert names == sorted(names)
    for number, name in enumerate(names):
        assert [file.name for file in list_landing_files(root, source, name).files] == names[number + 1 :]
