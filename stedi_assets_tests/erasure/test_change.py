"""Erasure beside what else customers and files do: shared devices, other encodings, links, unusual requests."""

import gzip
import os
from pathlib import Path

import pytest

from stedi_assets.engines.engine import Engine
from stedi_assets.erasure.plan import plan_erasure, refuse_unusual
from stedi_assets.errors import StediError
from stedi_assets.lakehouse.lakehouse import Lakehouse
from stedi_assets_tests.support.commands import run
from stedi_assets_tests.support.engines import KEY
from stedi_assets_tests.support.erasing import EMAIL, SERIAL_NUMBER, all_bytes, erased, opened
from stedi_assets_tests.support.grid import on_both_engines, on_duckdb
from stedi_assets_tests.support.projects import Project
from stedi_assets_tests.support.records import customer, device_reading, phone_reading

pytestmark = on_duckdb

TRAINING = "machine_learning_pseudonymized"


@on_both_engines
def test_a_device_of_two_customers_never_becomes_that_of_the_one_who_is_left(
    built_project: Project, computing: Engine
) -> None:
    built_project.land("customer", "customer-2.json", [customer("fay", research=1, serialNumber=SERIAL_NUMBER)])
    built_project.land("accelerometer", "fay.json", [phone_reading("fay", 100), phone_reading("fay", 300)])
    assert built_project.materialize(pseudonym_key=KEY.hex()).success
    before = built_project.rows(TRAINING)
    assert erased(opened(built_project, computing)).is_complete
    assert built_project.rows(TRAINING) == before
    built_project.land("customer", "customer-3.json", [customer("gus")])
    assert built_project.materialize(pseudonym_key=KEY.hex()).success
    assert built_project.rows(TRAINING) == before
    assert erased(opened(built_project, computing), "fay@example.com").is_complete
    assert [row for row in built_project.rows("step_trainer_landing") if SERIAL_NUMBER in row]


ENCODINGS = ("utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be")


@on_both_engines
def test_records_in_every_encoding_and_compression_are_taken_out_and_the_others_stay_as_they_are_encoded(
    built_project: Project, computing: Engine
) -> None:
    texts = ['{"user": "ada@example.com", "timestamp": 1}\n', '{"user": "évé@example.com", "timestamp": 2}\n']
    folder = built_project.landing / "accelerometer/landing"
    for encoding in ENCODINGS:
        content = "".join(texts).encode(encoding)
        (folder / f"{encoding}.json").write_bytes(content)
        (folder / f"{encoding}-zipped.json").write_bytes(gzip.compress(content))
    assert built_project.materialize("accelerometer_landing", pseudonym_key=KEY.hex()).success
    assert erased(opened(built_project, computing)).is_complete
    for encoding in ENCODINGS:
        assert (folder / f"{encoding}.json").read_bytes() == texts[1].encode(encoding)
        zipped = gzip.decompress((folder / f"{encoding}-zipped.json").read_bytes())
        assert zipped == texts[1].encode(encoding)


UNREADABLE = {
    "archive.json": (b"PK\x03\x04\x00\x00", "it is neither text nor Parquet"),
    "_hidden": (bytes(range(256)), "it is neither text nor Parquet"),
    "cut.json.gz": (
        gzip.compress(b'{"user": "eve@example.com", "timestamp": 1}\n' * 9)[:-9],
        "the compressed file is damaged",
    ),
    "no.parquet": (b"PAR1no", "it cannot be read as Parquet"),
}
"""From a file's name to its bytes and the beginning of the reason why it is not verified."""


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_file_that_cannot_be_read_is_not_certified(built_project: Project, lakehouse: Lakehouse, name: str) -> None:
    content, reason = UNREADABLE[name]
    path = built_project.landing / "accelerometer/landing" / name
    path.write_bytes(content)
    certificate = erased(lakehouse)
    ((unread, why),) = certificate.not_verified.items()
    assert unread == str(path)
    assert why.startswith(reason)
    assert not certificate.is_complete
    assert f"Not verified: {path}: {why}." in certificate.text


def test_what_may_mean_the_customer_is_left_for_a_person_to_look_at(
    built_project: Project, lakehouse: Lakehouse
) -> None:
    built_project.land("accelerometer", "notes.json", [{**phone_reading("eve", 900), "note": f"asks for {EMAIL}"}])
    built_project.land_text("step_trainer", "log.json", "x/ada@example.com, 100\n")
    certificate = erased(lakehouse)
    assert certificate.is_complete
    looked_at = {Path(path).name: count for path, count in certificate.to_look_at.items()}
    # The quarantine holds the text of the log too.
    assert looked_at.pop(next(name for name in looked_at if name.endswith(".parquet"))) == 1
    assert looked_at == {"notes.json": 1, "log.json": 1}


def test_records_of_others_with_the_customers_telephone_number_are_counted(
    built_project: Project, lakehouse: Lakehouse
) -> None:
    certificate = erased(lakehouse)
    assert certificate.may_be_theirs == {"phone": 4, "birthDay": 4}
    assert "May be theirs: 4 records of other customers have the same phone." in certificate.text


def test_a_customer_whose_record_no_run_has_read_yet_is_erased_with_the_readings(
    built_project: Project, lakehouse: Lakehouse
) -> None:
    built_project.land("customer", "new.json", [customer("zoe"), customer("yan")])
    built_project.land("step_trainer", "new.json", [device_reading("zoe", 1), device_reading("yan", 1)])
    certificate = erased(lakehouse, "ZOE@example.com")
    assert certificate.is_complete
    assert sum(certificate.records_by_file.values()) == 2
    assert [row for row in built_project.rows("step_trainer_landing") if "serial-yan" in row]


def unusual_spelling(project: Project) -> None:
    project.land("customer", "other.json", [customer("ADA", serialNumber="another-serial")])


def unusual_share(project: Project) -> None:
    project.land("accelerometer", "many.json", 100 * [phone_reading("ada", 1)])


def unusual_compression(project: Project) -> None:
    whole = gzip.compress(9 * b'{"user": "ada@example.com", "timestamp": 1}\n')
    (project.landing / "accelerometer/landing/cut.json").write_bytes(whole[:-9])
    project.land("accelerometer", "others.json", 30 * [phone_reading("eve", 1)])


@pytest.mark.parametrize("make", [unusual_spelling, unusual_share, unusual_compression])
def test_an_unusual_erasure_is_refused_without_a_flag(built_project: Project, computing: Engine, make: object) -> None:
    make(built_project)  # type: ignore[operator]
    before = dict(all_bytes(built_project.landing))
    plan = plan_erasure(opened(built_project, computing), EMAIL)
    with pytest.raises(StediError, match="Nothing was changed"):
        refuse_unusual(plan)
    assert dict(all_bytes(built_project.landing)) == before


def test_the_command_refuses_what_is_unusual_unless_it_is_forced(built_project: Project) -> None:
    unusual_share(built_project)
    variables = {**built_project.variables, "STEDI_PSEUDONYM_KEY": KEY.hex()}
    counted = run("stedi", "erase", EMAIL, folder=built_project.landing, **variables)
    assert "Unusual: The customer has 103 of the 106 records of accelerometer/landing." in counted.output
    refused = run("stedi", "erase", EMAIL, "--yes", folder=built_project.landing, **variables)
    assert refused.exit_code == 1
    assert "add --force" in refused.output
    assert EMAIL in (built_project.landing / "customer/landing/customer-1.json").read_text()
    forced = run("stedi", "erase", EMAIL, "--yes", "--force", folder=built_project.landing, **variables)
    assert forced.exit_code == 0, forced.output


def test_a_raw_file_behind_a_link_is_rewritten_and_the_link_stays(
    built_project: Project, computing: Engine, tmp_path: Path
) -> None:
    raw = built_project.landing / "accelerometer/landing/accelerometer-1.json"
    target = built_project.landing / "archive.json"
    raw.rename(target)
    raw.symlink_to(target)
    assert erased(opened(built_project, computing)).is_complete
    assert raw.is_symlink()
    assert EMAIL not in target.read_text()


def test_a_link_that_leads_out_of_the_landing_root_stops_an_erasure_before_it_changes_anything(
    built_project: Project, computing: Engine, tmp_path: Path
) -> None:
    raw = built_project.landing / "customer/landing/customer-1.json"
    target = tmp_path / "elsewhere.json"
    raw.rename(target)
    raw.symlink_to(target)
    before = dict(all_bytes(built_project.landing))
    with pytest.raises(StediError, match="leads out of the landing root"):
        erased(opened(built_project, computing))
    assert dict(all_bytes(built_project.landing)) == before
    assert EMAIL in target.read_text()


def test_a_device_in_a_quarantined_record_of_another_customer_is_shared(
    built_project: Project, computing: Engine
) -> None:
    gus = {**customer("gus", serialNumber=SERIAL_NUMBER), "registrationDate": "late"}
    built_project.land("customer", "gus.json", [gus])
    assert built_project.materialize("customer_landing", pseudonym_key=KEY.hex(), max_quarantined=1.0).success
    certificate = erased(opened(built_project, computing))
    assert certificate.shared_identifiers == 1
    assert "gus@example.com" in (built_project.landing / "customer/landing/gus.json").read_text()


def test_a_customer_who_is_delivered_again_with_another_device_is_erased_again(
    erased_project: Project, computing: Engine
) -> None:
    erased_project.land("customer", "again.json", [customer("ada", serialNumber="NEW-77")])
    erased_project.land("step_trainer", "again.json", [{**device_reading("x", 1), "serialNumber": "NEW-77"}])
    landing = ("customer_landing", "step_trainer_landing")
    assert erased_project.materialize(*landing, pseudonym_key=KEY.hex(), max_quarantined=1.0).success
    assert erased(opened(erased_project, computing)).is_complete
    assert not [row for row in erased_project.rows("step_trainer_landing") if "NEW-77" in row]
    assert "NEW-77" not in (erased_project.landing / "step_trainer/landing/again.json").read_text()


HIDING_PLACES = {
    "a hidden file": (".hidden.json", b'{"user": "ada@example.com", "timestamp": 1}'),
    "a name like that of a checksum": (".backup.crc", b'{"user": "ada@example.com"}'),
    "JSON called Parquet": ("readings.parquet", b'{"user": "ada@example.com", "timestamp": 1}\n'),
    "a name that is as long as can be": ("x" * 250 + ".json", b'{"user": "ada@example.com", "timestamp": 1}\n'),
}


@pytest.mark.parametrize("hidden", HIDING_PLACES)
def test_no_file_is_certified_that_names_the_customer_whatever_it_is_called(
    built_project: Project, lakehouse: Lakehouse, hidden: str
) -> None:
    name, content = HIDING_PLACES[hidden]
    path = built_project.landing / "accelerometer/landing" / name
    path.write_bytes(content)
    certificate = erased(lakehouse)
    is_left = EMAIL.encode() in path.read_bytes()
    assert certificate.still_named_in == ([str(path)] if is_left else [])
    assert certificate.is_complete is not is_left


@pytest.mark.parametrize("name", ["b[1].json", "?.json", "*.json", "a{b}.json"])
def test_a_name_that_is_a_pattern_is_that_of_one_file(built_project: Project, name: str) -> None:
    for other in ("b1.json", "x.json", "a{b}x.json", name):
        built_project.land("accelerometer", other, [phone_reading("eve", 1)])
    assert built_project.materialize("accelerometer_landing").success
    assert built_project.rows("accelerometer_landing").total() == 6 + 4


def test_an_erasure_is_not_stopped_by_odd_entries(built_project: Project, lakehouse: Lakehouse) -> None:
    folder = built_project.landing / "accelerometer/landing"
    (folder / "circle").symlink_to("circle")
    (folder / "twin.json").symlink_to("accelerometer-1.json")
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff.json")).write_bytes(b'{"user": "ada@example.com"}')
    certificate = erased(lakehouse)
    assert [path.rpartition("/")[2] for path in certificate.still_named_in] == ["\\xff.json"]
    assert "\\xff.json" in certificate.text.encode().decode()
